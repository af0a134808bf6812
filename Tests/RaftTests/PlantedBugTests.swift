import Basics
import Raft
import Testing

/// The cluster's checks must find what is planted, and nothing without it.
@Suite struct PlantedBugTests {
  @Test func crashesWithoutABugAreHarmless() {
    for seed: UInt64 in 1...3 { #expect(Self.crashing([], seed: seed) == nil) }
  }

  @Test func replyBeforeDiskIsFound() {
    #expect((1...10).contains { Self.crashing(.replyBeforeDisk, seed: $0) != nil })
  }

  /// Two candidates of one term both get the vote of a voter that crashed in between.
  @Test(arguments: [false, true]) func voteNotDurableIsFound(isPlanted: Bool) {
    var settings = RaftSettings()
    if isPlanted { settings.bugs = .voteNotDurable }
    var bench = Bench(settings: settings)
    let request = Message.Body.voteRequest(VoteRequest(last: .zero, isPreVote: false))
    bench.hear(2, term: 3, request)
    #expect(bench.votes.map(\.isGranted) == [true])
    let kept = bench.hardState
    var restarted = Bench(term: kept?.term.rawValue ?? 0, vote: kept?.vote, settings: settings)
    restarted.hear(3, term: 3, request)
    #expect(restarted.votes.map(\.isGranted) == [isPlanted])
  }

  @Test(arguments: [false, true]) func commitOldTermByCountingIsFound(isPlanted: Bool) {
    var settings = RaftSettings()
    if isPlanted { settings.bugs = .commitOldTermByCounting }
    var bench = Bench(entries: Bench.entries([1, 2]), term: 3, settings: settings)
    bench.win()
    bench.acknowledge(2, 2)
    #expect(bench.node.commitIndex == LogIndex(isPlanted ? 2 : 0))
  }

  @Test(arguments: [false, true]) func staleReadIsFound(isPlanted: Bool) throws {
    let cluster = Cluster(3, seed: 4, bugs: isPlanted ? .staleRead : [])
    try cluster.one(1, 3)
    let old = try cluster.checkOneLeader()
    cluster.cut(old)
    // Another leader is elected before the old one has noticed that it is alone.
    let index = cluster.nodes[old].applied
    cluster.turn(old) { $0.read(context: 1) }
    cluster.run(milliseconds: 2000)
    let outcome = cluster.reads.first?.outcome
    #expect(outcome == (isPlanted ? .confirmed(context: 1, index: index) : .dropped(context: 1)))
  }

  /// A group in which replicas crash all the time, on a slow disk.
  /// - Returns: what the checks found.
  private static func crashing(_ bugs: PlantedBugs, seed: UInt64) -> String? {
    let cluster = Cluster(3, seed: seed, bugs: bugs)
    cluster.syncMicroseconds = 8000
    for _ in 0..<300 where cluster.failure == nil {
      let value = cluster.random()
      for node in cluster.everyone { _ = cluster.propose(value, at: node) }
      cluster.run(milliseconds: cluster.generator.next(in: 0...30))
      if cluster.generator.chance(0.1) {
        for node in cluster.everyone where cluster.generator.chance(0.7) { cluster.restart(node) }
        cluster.run(milliseconds: 1500)
      }
    }
    return cluster.failure
  }
}
