import Basics
import Raft
import Testing

/// ReadIndex, thesis §6.4.
@Suite struct ReadTests {
  private func led() -> Bench {
    var bench = Bench()
    bench.win()
    bench.acknowledge(2, 1)
    return bench
  }

  @Test func oneRoundForAllReadsOfATurn() {
    var bench = led()
    bench.forget()
    for context: UInt64 in 1...5 { bench.node.read(context: context) }
    bench.drain()
    #expect(bench.appends(to: 2).map(\.round) == [1] && bench.appends(to: 3).map(\.round) == [1])
    #expect(bench.reads.isEmpty && bench.handed == Bench.id(1, bench.node.term.rawValue))
    bench.acknowledge(3, 1, round: 1)
    #expect(
      bench.reads == (1...5).map { .confirmed(context: UInt64($0), index: LogIndex(1)) })
  }

  /// B8: a reply to what was sent before the read does not confirm it, and neither does a round
  /// that was never sent.
  @Test("§8, thesis §6.4 (B8): only replies to messages sent after a read confirm it")
  func b8OnlyLaterRepliesConfirm() {
    var bench = led()
    bench.node.read(context: 1)
    bench.acknowledge(2, 1, round: 0)
    #expect(bench.reads.isEmpty)
    bench.node.read(context: 2)
    bench.drain()
    bench.acknowledge(2, 1, round: 1)
    #expect(bench.reads == [.confirmed(context: 1, index: LogIndex(1))])
    bench.node.read(context: 3)
    bench.acknowledge(2, 1, round: 900)
    #expect(bench.reads == [.confirmed(context: 2, index: LogIndex(1))])
  }

  /// B9: leadership ends, and with it what was not confirmed.
  @Test("§8, thesis §6.4 (B9): reads are dropped with the leader")
  func b9LeaderChangeDropsReads() {
    var bench = led()
    bench.node.read(context: 1)
    bench.drain()
    bench.node.read(context: 2)
    bench.append(from: 3, term: bench.node.term.rawValue + 1, after: .zero)
    #expect(bench.reads == [.dropped(context: 1), .dropped(context: 2)])
    bench.node.read(context: 3)
    bench.forget()
    bench.drain()
    #expect(bench.reads == [.dropped(context: 3)])
  }

  /// B11: before an entry of its own term is committed a leader knows nothing for certain.
  @Test("§8, thesis §6.4 (B11): reads wait until the leader has committed in its own term")
  func b11ReadsWaitForTheOwnTerm() {
    var bench = Bench(entries: Bench.entries([1, 1]), term: 1)
    bench.win()
    bench.node.read(context: 1)
    bench.drain()
    bench.acknowledge(2, 2)
    #expect(bench.reads.isEmpty)
    bench.acknowledge(2, 3)
    #expect(bench.appends(to: 2).last?.round == 1)
    bench.acknowledge(2, 3, round: 1)
    #expect(bench.reads == [.confirmed(context: 1, index: LogIndex(3))])
  }

  /// A follower whose disk is busy answers a round at once.
  @Test func roundsDoNotWaitForTheDisk() {
    var bench = Bench()
    bench.append(term: 1, after: .zero, Bench.entries([1]), round: 3, syncs: false)
    #expect(bench.sent.count == 1 && bench.sentAfterSync.count == 1)
    #expect(bench.outcomes == [.heard, .matched(LogIndex(1))])
  }

  /// What comes while a round is under way goes together in the next one.
  @Test func oneRoundAtATime() {
    var bench = led()
    bench.node.read(context: 1)
    bench.drain()
    bench.forget()
    for context: UInt64 in 2...4 {
      bench.node.read(context: context)
      bench.drain()
    }
    #expect(bench.sent.isEmpty)
    bench.acknowledge(2, 1, round: 1)
    #expect(bench.reads == [.confirmed(context: 1, index: LogIndex(1))])
    #expect(bench.appends(to: 2).map(\.round) == [2])
    bench.acknowledge(2, 1, round: 2)
    #expect(
      bench.reads == (2...4).map { .confirmed(context: UInt64($0), index: LogIndex(1)) })
  }

  /// A round that nobody answers holds up the next reads for a tick at most.
  @Test func theNextRoundWaitsForATickAtMost() {
    var bench = led()
    bench.node.read(context: 1)
    bench.drain()
    bench.node.read(context: 2)
    bench.tick(1)
    #expect(bench.appends(to: 2).map(\.round) == [2] && bench.appends(to: 3).map(\.round) == [2])
    bench.acknowledge(3, 1, round: 2)
    #expect(bench.reads == [1, 2].map { .confirmed(context: $0, index: LogIndex(1)) })
  }

  /// Begins a round, and says who is asked.
  private func asked(_ bench: inout Bench, _ context: UInt64) -> [Int] {
    bench.forget()
    bench.node.read(context: context)
    bench.drain()
    return (2...5).filter { !bench.appends(to: $0).isEmpty }
  }

  /// Who answered first is asked alone, and when it is silent everyone with the next tick.
  @Test func roundsAskWhoAnswersFirst() {
    var bench = led()
    #expect(asked(&bench, 1) == [2, 3])
    bench.acknowledge(3, 1, round: 1)
    bench.acknowledge(2, 1, round: 1)
    #expect(asked(&bench, 2) == [3])
    bench.tick(1)
    #expect(bench.appends(to: 2).map(\.round) == [2] && bench.appends(to: 3).isEmpty)
    bench.acknowledge(2, 1, round: 2)
    #expect(bench.reads == [.confirmed(context: 2, index: LogIndex(1))])
    #expect(asked(&bench, 3) == [2])
  }

  /// One that has become slow is left out before long.
  @Test func everyoneIsAskedNowAndThen() {
    var bench = led()
    for round: UInt64 in 1...130 {
      let isWide = [1, 64, 128].contains(round)
      #expect(asked(&bench, round) == (isWide ? [2, 3] : [round < 64 ? 2 : 3]))
      bench.acknowledge(round < 64 ? 2 : 3, 1, round: round)
      #expect(bench.reads == [.confirmed(context: round, index: LogIndex(1))])
    }
  }

  /// Of five it takes two.
  @Test func roundsAskAQuorum() {
    var bench = Bench(voters: 5)
    bench.win()
    for voter in [2, 3] { bench.acknowledge(voter, 1) }
    #expect(asked(&bench, 1) == [2, 3, 4, 5])
    for voter in [5, 3, 2] { bench.acknowledge(voter, 1, round: 1) }
    #expect(asked(&bench, 2) == [3, 5])
    bench.acknowledge(5, 1, round: 2)
    #expect(bench.reads.isEmpty)
    bench.acknowledge(3, 1, round: 2)
    #expect(bench.reads == [.confirmed(context: 2, index: LogIndex(1))])
  }

  /// A learner may answer first, but its answer confirms nothing.
  @Test func roundsDoNotRelyOnLearners() {
    var metadata = Bench.metadata(1, 1)
    metadata.membership = Membership(
      voters: Array(Bench.ids[..<3]), learners: [Bench.ids[3]])
    var bench = Bench(term: 1, snapshot: metadata)
    bench.win()
    bench.acknowledge(2, 2)
    #expect(asked(&bench, 1) == [2, 3, 4])
    bench.acknowledge(4, 2, round: 1)
    #expect(bench.reads.isEmpty)
    bench.acknowledge(3, 2, round: 1)
    #expect(bench.reads == [.confirmed(context: 1, index: LogIndex(2))])
    #expect(asked(&bench, 2) == [3])
  }

  /// J1: on the smaller side of a partition no read is confirmed once the other side can have
  /// another leader; on the larger side it sees the last write.
  @Test(arguments: 1...5) func j1PartitionedLeaderConfirmsNothing(seed: UInt64) throws {
    let cluster = Cluster(3, seed: seed)
    try cluster.one(1, 3)
    let old = try cluster.checkOneLeader()
    cluster.cut(old)
    cluster.turn(old) { $0.read(context: 1) }
    try cluster.one(2, 2)
    cluster.turn(old) { $0.read(context: 2) }
    cluster.run(milliseconds: 2000)
    #expect(
      cluster.reads.map(\.outcome) == [.dropped(context: 1), .dropped(context: 2)])
    cluster.connect(old)
    let leader = try cluster.checkOneLeader()
    cluster.turn(leader) { $0.read(context: 3) }
    cluster.run(milliseconds: 20)
    guard case .confirmed(3, let index) = cluster.reads.last?.outcome else {
      Issue.record("the read was not confirmed")
      return
    }
    #expect(cluster.truth[index.rawValue] != nil)
    #expect(index >= LogIndex(cluster.truth.keys.max() ?? 0))
  }
}
