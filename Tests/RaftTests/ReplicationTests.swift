import Basics
import Raft
import Testing

/// Replication, by the sections of the paper and the numbers of known bugs.
@Suite struct ReplicationTests {

  /// B15 and B19: at the edge of the snapshot the entry before the first one keeps its term.
  @Test func b19SnapshotBoundaryKeepsItsTerm() {
    var bench = Bench(
      entries: Bench.entries([3, 3], from: 11), term: 3, snapshot: Bench.metadata(10, 2))
    #expect(bench.node.firstIndex == LogIndex(11) && bench.node.commitIndex == LogIndex(10))
    bench.append(term: 4, after: Bench.id(10, 2), Bench.entries([4], from: 11))
    #expect(bench.outcomes.last == .matched(LogIndex(11)))
    // Before the snapshot everything is committed, so the reply says how far.
    bench.append(term: 4, after: Bench.id(6, 1))
    #expect(bench.outcomes.last == .matched(LogIndex(10)))
    bench.append(term: 4, after: Bench.id(13, 4))
    #expect(bench.outcomes == [.conflict(previous: LogIndex(13), hint: Bench.id(11, 4))])
  }

  /// A receipt for an entry that was cut and came back does not count for its second writing.
  @Test func receiptOfAnOlderWritingDoesNotCount() {
    var bench = Bench()
    bench.append(term: 1, after: .zero, Bench.entries([1]), syncs: false)
    bench.append(term: 2, after: .zero, Bench.entries([2]), syncs: false)
    bench.append(term: 3, after: .zero, Bench.entries([1]), syncs: false)
    bench.node.persisted(Bench.id(1, 1))
    #expect(bench.node.durableIndex == .zero)
    bench.node.persisted(Bench.id(1, 2))
    #expect(bench.node.durableIndex == .zero)
    bench.node.persisted(Bench.id(1, 1))
    #expect(bench.node.durableIndex == LogIndex(1))
  }

  /// Many proposals make one message; the window bounds what is under way.
  @Test func proposalsAreBatchedAndBounded() {
    var settings = RaftSettings()
    settings.appendBytesMax = 1000
    settings.appendsInFlightMax = 4
    var bench = Bench(settings: settings)
    bench.win()
    bench.acknowledge(2, 1)
    bench.forget()
    for _ in 0..<10 { _ = bench.node.propose([1]) }
    bench.drain()
    #expect(bench.appends(to: 2).map(\.entries.count) == [10])
    bench.forget()
    for _ in 0..<20 { _ = bench.node.propose(Array(repeating: 1, count: 900)) }
    bench.drain()
    #expect(bench.appends(to: 2).count == 3)
    bench.acknowledge(2, 12)
    #expect(bench.appends(to: 2).count == 2)
  }

  @Test func uncommittedProposalsAreBounded() {
    var settings = RaftSettings()
    settings.uncommittedBytesMax = 1000
    var bench = Bench(settings: settings)
    bench.win()
    bench.acknowledge(2, 1)
    #expect(bench.node.propose(Array(repeating: 1, count: 5000)) != nil)
    #expect(bench.node.propose([1]) == nil)
    bench.drain()
    bench.acknowledge(2, 2)
    #expect(bench.node.propose([1]) != nil)
  }

  /// A lost AppendEntries shows at the next heartbeat and is sent again.
  @Test func lossIsNoticedByHeartbeat() {
    var bench = Bench()
    bench.win()
    bench.acknowledge(2, 1)
    _ = bench.node.propose([1])
    bench.drain()
    bench.tick(RaftSettings().heartbeatTicks + 1)
    let heartbeat = bench.appends(to: 2).last
    #expect(heartbeat?.entries.isEmpty == true && heartbeat?.previous.index == LogIndex(2))
    bench.hear(
      2, term: bench.node.term.rawValue,
      .appendReply(
        AppendReply(
          outcome: .conflict(previous: LogIndex(2), hint: Bench.id(1, bench.node.term.rawValue)),
          round: 0, wall: 0)))
    #expect(bench.appends(to: 2).last?.entries.map(\.index) == [LogIndex(2)])
  }

  /// B26: a membership that is cut from the log is no longer in force.
  @Test("§6 (B26): the newest membership in the log is in force, and one that is cut off is not")
  func b26CutMembershipIsTakenBack() {
    var bench = Bench()
    let first = bench.node.membership
    let second = Membership(voters: Array(Bench.ids[..<2]), learners: [Bench.ids[3]])
    let entry = Entry(
      id: Bench.id(1, 1), kind: .membership, stamp: 0, payload: second.encoded())
    bench.append(term: 1, after: .zero, [entry])
    #expect(bench.node.membership == second && bench.node.membershipIndex == LogIndex(1))
    bench.append(from: 3, term: 2, after: .zero, Bench.entries([2]))
    #expect(bench.node.membership == first && bench.node.membershipIndex == .zero)
  }

  @Test func membershipRoundTripAndDamage() throws {
    let membership = Membership(
      voters: [Bench.ids[0], Bench.ids[2]], outgoing: [Bench.ids[1]], learners: [Bench.ids[4]])
    let bytes = membership.encoded()
    #expect(try Membership(encoded: bytes) == membership)
    for length in 0..<bytes.count {
      #expect(throws: ByteError.self) { try Membership(encoded: Array(bytes[..<length])) }
    }
    #expect(throws: ByteError.self) { try Membership(encoded: bytes + [0]) }
  }

  /// The clock is the median: one wrong clock moves nothing, in either direction, and it never
  /// falls.
  @Test(arguments: [0, 1_000_000_000_000] as [UInt64]) func stampIsTheMedian(wrong: UInt64) throws {
    var bench = Bench()
    bench.win()
    bench.acknowledge(2, 1, wall: wrong)
    bench.acknowledge(3, 1, wall: 1_000_500)
    bench.node.setTime(Moment(monotonic: bench.now + 100_000_000, wall: 1_000_100))
    _ = bench.node.propose([1])
    #expect((1_000_100...1_000_600).contains(bench.node.stamp))
    let before = bench.node.stamp
    bench.node.setTime(Moment(monotonic: bench.now + 200_000_000, wall: 5))
    bench.acknowledge(3, 2, wall: 5)
    _ = bench.node.propose([1])
    #expect(bench.node.stamp == before)
  }
}
