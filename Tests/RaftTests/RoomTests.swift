import Basics
import Raft
import Testing

/// Disks that are full: of followers, of leaders, and of a quorum.
@Suite struct RoomTests {
  private func led() -> Bench {
    var bench = Bench()
    bench.win()
    bench.acknowledge(2, 1)
    bench.acknowledge(3, 1)
    return bench
  }

  @Test func followersSayWhetherTheyHaveRoom() {
    var bench = Bench()
    var said: [Bool] = []
    for hasRoom in [true, false, true] {
      bench.node.hasRoom = hasRoom
      bench.append(term: 1, after: .zero)
      said += (bench.sent + bench.sentAfterSync).compactMap {
        if case .appendReply(let reply) = $0.body { reply.hasRoom } else { nil }
      }
    }
    #expect(said == [true, false, true])
    #expect(bench.node.groupHasRoom)
    bench.node.hasRoom = false
    #expect(!bench.node.groupHasRoom)
  }

  @Test func aGroupHasRoomIfAQuorumHas() {
    var bench = led()
    #expect(bench.node.groupHasRoom)
    bench.acknowledge(2, 1, hasRoom: false)
    #expect(bench.node.groupHasRoom)
    bench.node.hasRoom = false
    #expect(!bench.node.groupHasRoom)
    bench.acknowledge(2, 1)
    #expect(bench.node.groupHasRoom)
    bench.acknowledge(3, 1, hasRoom: false)
    #expect(!bench.node.groupHasRoom)
    #expect(bench.node.progress.map(\.hasRoom) == [true, false])
  }

  @Test func aFullFollowerTakesNothingInAndCommitsOn() {
    var bench = Bench()
    bench.append(term: 1, after: .zero, Bench.entries([1, 1]))
    bench.node.isRefusingAppends = true
    bench.append(term: 1, after: Bench.id(1, 1), Bench.entries([1, 1], from: 2), commit: 3)
    #expect(bench.outcomes == [.heard])
    #expect(bench.node.lastIndex == LogIndex(2) && bench.node.commitIndex == LogIndex(2))
    bench.append(term: 1, after: Bench.id(2, 1), commit: 3)
    #expect(bench.outcomes == [.matched(LogIndex(2))])
    bench.hear(
      2, term: 1,
      .snapshot(
        SnapshotChunk(
          metadata: Bench.metadata(10, 1), section: 0, bytes: [1], isLast: true, round: 0)))
    #expect(bench.sections.isEmpty && bench.outcomes == [.heard])
    bench.node.isRefusingAppends = false
    bench.append(term: 1, after: Bench.id(2, 1), Bench.entries([1], from: 3), commit: 3)
    #expect(bench.node.commitIndex == LogIndex(3))
  }

  /// A little with each answer to a heartbeat, so that it goes on when there is room again.
  @Test func aFullFollowerIsTriedWithLittle() {
    var bench = led()
    for payload: UInt8 in 0..<5 { _ = bench.node.propose(Array(repeating: payload, count: 40_000)) }
    bench.drain()
    let conflict = AppendReply(
      outcome: .conflict(previous: LogIndex(6), hint: Bench.id(1, 1)), round: 0, wall: 0,
      hasRoom: false)
    bench.hear(2, term: 1, .appendReply(conflict))
    #expect(bench.appends(to: 2).map(\.entries.count) == [1])
    for _ in 0..<3 {
      bench.hear(
        2, term: 1, .appendReply(AppendReply(outcome: .heard, round: 0, wall: 0, hasRoom: false)))
      #expect(bench.appends(to: 2).isEmpty)
      bench.acknowledge(2, 1, hasRoom: false)
      #expect(bench.appends(to: 2).map(\.entries.count) == [1])
    }
    bench.acknowledge(2, 2, hasRoom: false)
    #expect(bench.appends(to: 2).flatMap(\.entries).count == 4, "it has taken something in")
  }

  @Test func aFullLeaderHandsOverToOneWithRoom() {
    var bench = led()
    bench.acknowledge(2, 1, hasRoom: false)
    bench.node.isRefusingAppends = true
    #expect(bench.node.refusal(bytes: 1) == .noRoom && bench.node.propose([1]) == nil)
    #expect(bench.node.propose(.add(Bench.ids[3])) == .refused(.noRoom))
    #expect(bench.node.ticksUntilAction == 1)
    bench.tick(1)
    #expect(bench.sent.filter { $0.body == .timeoutNow }.map(\.to) == [Bench.ids[2]])
  }

  /// It leads on, for reads, until somebody has room.
  @Test func aFullLeaderWithoutAnHeirLeadsOn() {
    var bench = led()
    bench.node.isRefusingAppends = true
    for _ in 0..<300 {
      bench.acknowledge(2, 1, hasRoom: false)
      bench.acknowledge(3, 1, hasRoom: false)
      bench.tick(1)
    }
    #expect(bench.node.role == .leader && bench.node.transferTarget == nil)
    bench.acknowledge(2, 1)
    bench.tick(1)
    #expect(bench.node.transferTarget == Bench.ids[1])
  }

  /// A group of which one disk is full goes on; what that replica lacks it gets when there is room.
  @Test func aGroupGoesOnWithOneFullDisk() throws {
    let cluster = Cluster(3, seed: 11)
    try cluster.one(1, 3)
    let full = try cluster.checkOneLeader()
    cluster.nodes[full].raft?.isRefusingAppends = true
    cluster.nodes[full].raft?.hasRoom = false
    cluster.run(milliseconds: 1000)
    let leader = try cluster.checkOneLeader()
    #expect(leader != full)
    for value: UInt64 in 2..<20 { try cluster.one(value, 2) }
    #expect(cluster.nodes[full].count == 1)
    cluster.nodes[full].raft?.isRefusingAppends = false
    cluster.nodes[full].raft?.hasRoom = true
    try cluster.one(20, 3)
  }
}
