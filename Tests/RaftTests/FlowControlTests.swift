import Basics
import Raft
import Testing

/// What is under way has bounds, and nobody waits for the slowest.
@Suite struct FlowControlTests {
  private func led(_ settings: RaftSettings) -> Bench {
    var bench = Bench(settings: settings)
    bench.win()
    bench.acknowledge(2, 1)
    bench.acknowledge(3, 1)
    bench.forget()
    return bench
  }

  private func bytes(_ bench: Bench, to: Int) -> Int {
    bench.appends(to: to).flatMap(\.entries).reduce(0) { $0 + $1.payload.count + 32 }
  }

  /// Bytes under way to one follower stay within their bound, and who answers nothing more holds up
  /// nobody else.
  @Test func slowFollowerHoldsUpNobody() {
    var settings = RaftSettings()
    settings.appendBytesMax = 3000
    settings.bytesInFlightMax = 10_000
    var bench = led(settings)
    for _ in 0..<100 { _ = bench.node.propose(Array(repeating: 1, count: 968)) }
    bench.drain()
    #expect(bytes(bench, to: 2) == 10_000 && bytes(bench, to: 3) == 10_000)
    var acknowledged: UInt64 = 1
    var sent = 10_000
    var toSlow = 0
    while acknowledged < 101 {
      acknowledged = min(acknowledged + 3, 101)
      bench.acknowledge(2, acknowledged)
      #expect(bench.node.commitIndex == LogIndex(acknowledged))
      sent += bytes(bench, to: 2)
      #expect(sent - Int(acknowledged - 1) * 1000 <= 10_000)
      toSlow += bytes(bench, to: 3)
    }
    #expect(toSlow == 0)
  }

  /// A proposal too many is refused with its reason, and taken once something is committed.
  @Test func uncommittedBytesAreRefusedWithTheirReason() {
    var settings = RaftSettings()
    settings.uncommittedBytesMax = 1000
    var bench = led(settings)
    _ = bench.node.propose(Array(repeating: 1, count: 900))
    #expect(bench.node.refusal(bytes: 69) == .overloaded(uncommittedBytes: 932))
    #expect(bench.node.refusal(bytes: 68) == nil)
    bench.drain()
    bench.acknowledge(2, 2)
    #expect(bench.node.refusal(bytes: 900) == nil)
    var follower = Bench()
    follower.append(term: 1, after: .zero)
    #expect(follower.node.refusal(bytes: 1) == .notLeader)
  }

  /// Committed entries come in portions, in order, each once.
  @Test func committedEntriesComeInPortions() {
    var settings = RaftSettings()
    settings.committedBytesMax = 500
    var bench = led(settings)
    bench.drain()
    bench.committed = []
    for size in [400, 60, 60, 2000, 10, 10] {
      _ = bench.node.propose(Array(repeating: 1, count: size))
    }
    bench.drain()
    bench.node.step(
      Message(
        from: Bench.ids[1], to: Bench.ids[0], term: bench.node.term,
        body: .appendReply(AppendReply(outcome: .matched(LogIndex(7)), round: 0, wall: 0))))
    var portions: [[UInt64]] = []
    while bench.node.hasReady {
      let committed = bench.node.takeReady().committed
      if !committed.isEmpty { portions.append(committed.map(\.index.rawValue)) }
    }
    #expect(portions == [[2], [3, 4], [5], [6, 7]])
  }

  /// B23: sections go to several followers at once; one that is lost is sent again from where its
  /// follower is, and a new leader goes on where the last one was.
  @Test func b23SnapshotsToSeveralFollowers() throws {
    let cluster = Cluster(5, seed: 21, snapshotEvery: 10)
    try cluster.one(1, 5)
    let leader = try cluster.checkOneLeader()
    let away = [cluster.after(leader, 1), cluster.after(leader, 2)]
    for node in away { cluster.cut(node) }
    for value: UInt64 in 0..<25 { try cluster.one(value, 3) }
    cluster.isReliable = false
    for node in away { cluster.connect(node) }
    try cluster.one(100, 5)
    #expect(away.allSatisfy { cluster.nodes[$0].installs == 1 })
  }
}
