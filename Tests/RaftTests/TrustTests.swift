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
  private func led(bugs: PlantedBugs = []) -> Bench {
    var settings = RaftSettings()
    settings.bugs = bugs
    var bench = Bench(settings: settings)
    bench.win()
    _ = bench.node.propose([1])
    bench.drain()
    bench.acknowledge(2, 2)
    bench.acknowledge(3, 2)
    return bench
  }

  // Leaders.

  @Test func acknowledgementsInDoubtCommitNothing() {
    var bench = led()
    bench.acknowledge(2, 2, trust: doubt(1))
    #expect(bench.node.lastIndex == LogIndex(3), "an entry that settles the doubt")
    bench.acknowledge(2, 3, trust: doubt(1))
    #expect(bench.node.commitIndex == LogIndex(2))
    bench.acknowledge(3, 3)
    #expect(bench.node.commitIndex == LogIndex(3))
    _ = bench.node.propose([2])
    bench.drain()
    bench.acknowledge(2, 4, trust: settled(1))
    #expect(bench.node.commitIndex == LogIndex(4))
  }

  @Test func whatWasKnownOfAFollowerIsForgottenWithItsDoubt() {
    var bench = led()
    let before = bench.node.progress[0]
    #expect(before.match == LogIndex(2) && !before.isInDoubt)
    bench.hear(
      2, term: bench.node.term.rawValue,
      .appendReply(
        AppendReply(
          outcome: .conflict(previous: LogIndex(2), hint: .zero), round: 0, wall: 0,
          trust: doubt(1))))
    #expect(bench.node.progress[0].match == .zero && bench.node.progress[0].isInDoubt)
    let entries = bench.appends(to: 2).flatMap(\.entries)
    #expect(entries.map(\.index.rawValue) == [1, 2, 3], "it is sent everything anew")
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

  @Test func absurdDoubtsAreIgnored() {
    var bench = led()
    bench.acknowledge(2, 2, trust: doubt(.max))
    #expect(!bench.node.progress[0].isInDoubt && bench.node.lastIndex == LogIndex(2))
  }
}
