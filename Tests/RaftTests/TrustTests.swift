import Basics
import Raft
import Testing

/// What a leader makes of followers that may have forgotten something, and what settles them.
@Suite struct TrustTests {
  private func doubt(_ number: UInt64) -> TrustReport {
    TrustReport(doubts: number, isInDoubt: true)
  }

  private func settled(_ number: UInt64) -> TrustReport {
    TrustReport(doubts: number, isInDoubt: false)
  }

  /// A leader of three, with an empty entry and a command that everyone has.
  private func led(bugs: PlantedBugs = [], leases: Bool = false) -> Bench {
    var settings = RaftSettings()
    settings.bugs = bugs
    settings.leaseReads = leases
    var bench = Bench(settings: settings)
    bench.win()
    _ = bench.node.propose([1])
    bench.drain()
    bench.acknowledge(2, 2)
    bench.acknowledge(3, 2)
    return bench
  }

  @Test(arguments: [false, true]) func acknowledgementsInDoubtCommitNothing(isPlanted: Bool) {
    var bench = led(bugs: isPlanted ? .doubtfulReplicaCounts : [])
    bench.acknowledge(2, 2, trust: doubt(1))
    #expect(bench.node.lastIndex == LogIndex(3), "an entry that settles the doubt")
    bench.acknowledge(2, 3, trust: doubt(1))
    #expect(bench.node.commitIndex == LogIndex(isPlanted ? 3 : 2))
    bench.acknowledge(3, 3)
    #expect(bench.node.commitIndex == LogIndex(3))
    _ = bench.node.propose([2])
    bench.drain()
    bench.acknowledge(2, 4, trust: settled(1))
    #expect(bench.node.commitIndex == LogIndex(4))
  }

  @Test(arguments: [false, true])
  func whatWasKnownOfAFollowerIsForgottenWithItsDoubt(isPlanted: Bool) {
    var bench = led(bugs: isPlanted ? .matchOutlivesDoubt : [])
    let before = bench.node.progress[0]
    #expect(before.match == LogIndex(2) && !before.isInDoubt)
    bench.hear(
      2, term: bench.node.term.rawValue,
      .appendReply(
        AppendReply(
          outcome: .conflict(previous: LogIndex(2), hint: .zero), round: 0, wall: 0,
          trust: doubt(1))))
    #expect(bench.node.progress[0].isInDoubt)
    #expect(bench.node.progress[0].match == LogIndex(isPlanted ? 2 : 0))
    let entries = bench.appends(to: 2).flatMap(\.entries)
    #expect(entries.map(\.index.rawValue) == (isPlanted ? [3] : [1, 2, 3]), "all is sent anew")
  }

  @Test func repliesOfAnEarlierLifeAreIgnored() {
    var bench = led()
    _ = bench.node.propose([2])
    bench.drain()
    bench.acknowledge(2, 1, trust: doubt(2))
    for trust in [.sound, doubt(1), settled(1)] { bench.acknowledge(2, 3, trust: trust) }
    #expect(bench.node.progress[0].match == LogIndex(1))
    #expect(bench.node.commitIndex == LogIndex(2))
  }

  /// A late reply of the time before it settled does not bring the doubt back.
  @Test func doubtsAreSettledOnce() {
    var bench = led()
    bench.acknowledge(2, 2, trust: doubt(1))
    bench.acknowledge(2, 3, trust: settled(1))
    bench.acknowledge(2, 2, trust: doubt(1))
    #expect(!bench.node.progress[0].isInDoubt && bench.node.lastIndex == LogIndex(3))
    bench.acknowledge(2, 3, trust: doubt(2))
    #expect(bench.node.progress[0].isInDoubt && bench.node.lastIndex == LogIndex(4))
  }

  /// The echo names the doubt that it was made for, and goes to nobody else.
  @Test func appendsSayWhatSettlesTheDoubt() {
    var bench = led()
    bench.acknowledge(2, 2, trust: doubt(4))
    let echo = Settlement(doubts: 4, index: LogIndex(3))
    #expect(bench.appends(to: 2).map(\.settles) == [echo])
    #expect(bench.appends(to: 3).map(\.settles) == [nil])
    bench.acknowledge(2, 3, trust: doubt(4))
    bench.tick(10)
    #expect(bench.appends(to: 2).map(\.settles) == [echo], "no further entry is made")
    bench.acknowledge(2, 3, trust: doubt(5))
    #expect(bench.appends(to: 2).map(\.settles) == [Settlement(doubts: 5, index: LogIndex(4))])
    bench.acknowledge(2, 4, trust: settled(5))
    bench.tick(10)
    #expect(bench.appends(to: 2).allSatisfy { $0.settles == nil })
  }

  @Test func answersInDoubtConfirmNoRead() {
    var bench = led()
    bench.acknowledge(2, 2, trust: doubt(1))
    bench.acknowledge(3, 3)
    bench.node.read(context: 7)
    bench.drain()
    bench.acknowledge(2, 3, round: 1, trust: doubt(1))
    #expect(bench.reads.isEmpty)
    bench.acknowledge(3, 3, round: 1)
    #expect(bench.reads == [.confirmed(context: 7, index: LogIndex(3))])
  }

  @Test func answersInDoubtMakeNoLease() {
    var bench = led(leases: true)
    bench.tick(10)
    bench.acknowledge(2, 2, round: 1, trust: doubt(1))
    #expect(!bench.node.holdsLease)
    bench.acknowledge(3, 2, round: 1)
    #expect(bench.node.holdsLease)
  }

  /// It can neither commit nor settle a doubt, and would keep everybody from electing one who can.
  @Test func aLeaderWithoutAQuorumThatCountsStepsDown() {
    var bench = led()
    bench.acknowledge(2, 2, trust: doubt(1))
    bench.tick(10)
    #expect(bench.node.role == .leader)
    bench.acknowledge(3, 2, trust: doubt(1))
    bench.tick(1)
    #expect(bench.node.role == .follower)
  }

  @Test func leadershipIsNotHandedToOneInDoubt() {
    var bench = led()
    bench.acknowledge(2, 2, trust: doubt(1))
    let target = Bench.ids[1]
    #expect(bench.node.transferLeadership(to: target) == .inDoubt(target))
    #expect(bench.node.transferLeadership(to: nil) == nil)
    #expect(bench.node.transferTarget == Bench.ids[2])
  }

  @Test func aTransferToOneThatDoubtsIsGivenUp() {
    var bench = led()
    _ = bench.node.propose([1])
    bench.drain()
    #expect(bench.node.transferLeadership(to: Bench.ids[1]) == nil)
    bench.acknowledge(2, 3, trust: doubt(1))
    #expect(!bench.sent.contains { $0.body == .timeoutNow })
    bench.tick(1)
    #expect(bench.node.transferTarget == nil && bench.node.propose([2]) != nil)
    bench.acknowledge(2, 3, trust: doubt(1))
    let echoes = bench.appends(to: 2).compactMap(\.settles)
    #expect(echoes.first == Settlement(doubts: 1, index: LogIndex(5)), "made when it was over")
  }

  @Test func aLearnerInDoubtIsNotPromoted() {
    var bench = led()
    let learner = Bench.ids[3]
    _ = bench.node.propose(.add(learner))
    bench.drain()
    bench.acknowledge(2, 3)
    bench.acknowledge(4, 3, trust: doubt(1))
    bench.acknowledge(2, 4)
    bench.acknowledge(4, 4, trust: doubt(1))
    #expect(bench.node.propose(.promote(learner)) == .refused(.notCaughtUp(learner, lacks: 0)))
    bench.acknowledge(4, 4, trust: settled(1))
    guard case .accepted = bench.node.propose(.promote(learner)) else {
      Issue.record("it is promoted once that is settled")
      return
    }
  }

  @Test func absurdDoubtsAreIgnored() {
    var bench = led()
    bench.acknowledge(2, 2, trust: doubt(.max))
    #expect(!bench.node.progress[0].isInDoubt && bench.node.lastIndex == LogIndex(2))
  }
}
