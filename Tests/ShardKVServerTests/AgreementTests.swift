import Basics
import Journal
import Raft
import ShardKVServer
import ShardMap
import Testing
import Wire

/// A replica whose state is compared with those of two others, which the test plays.
@Suite struct AgreementTests {
  /// Entries of term 1 that the replica takes from 4, the last one after the next multiple of the
  /// period.
  private static func pass(_ seat: inout Seat, from index: UInt64 = 3) throws {
    let entry = Entry(
      id: Seat.id(index, 1), kind: .clock, stamp: Seat.stamp + (index - 2) * 20_000, payload: [])
    seat.table.take([
      try seat.mail(4, term: 1, Seat.append([entry], after: Seat.id(index - 1, 1), commit: index))
    ])
  }

  private static func reports(_ seat: inout Seat, to replica: UInt64) throws -> [StateReport] {
    let address = LoneNode<ShardGroupService>.address(replica).peer
    let connection = try #require(seat.table.opened[address])
    return try seat.table.messages(on: connection).compactMap {
      if case .state(let report) = $0 { report } else { nil }
    }
  }

  private static func other(_ report: StateReport) -> StateReport {
    var other = report
    other.digest.parts[other.digest.parts.count - 1].hash ^= 1
    return other
  }

  @Test func stateIsSentToAllOthersAtTheFixedIndexes() throws {
    var seat = try Seat()
    try seat.follow()
    // The first entry of all passes a multiple.
    #expect(try Self.reports(&seat, to: 5).map(\.digest.index) == [LogIndex(1)])
    try Self.pass(&seat)
    let reports = try Self.reports(&seat, to: 5)
    #expect(reports.map(\.digest.index) == [LogIndex(3)])
    #expect(try Self.reports(&seat, to: 4).last == reports.last)
    #expect(reports.last?.isInDoubt == false)
    let entry = Entry(
      id: Seat.id(4, 1), kind: .clock, stamp: Seat.stamp + 20_001, payload: [])
    seat.table.take([
      try seat.mail(4, term: 1, Seat.append([entry], after: Seat.id(3, 1), commit: 4))
    ])
    #expect(try Self.reports(&seat, to: 5) == [])
    #expect(seat.table.node.status().agreement == nil)
  }

  @Test func aStateThatIsStillHashedIsNotOvertaken() throws {
    var seat = try Seat()
    try seat.follow()
    _ = try Self.reports(&seat, to: 5)
    seat.table.holdsBackground = true
    for index in 3...5 as ClosedRange<UInt64> { try Self.pass(&seat, from: index) }
    seat.table.holdsBackground = false
    seat.table.take([])
    #expect(try Self.reports(&seat, to: 5).map(\.digest.index) == [LogIndex(3)])
    try Self.pass(&seat, from: 6)
    #expect(try Self.reports(&seat, to: 5).map(\.digest.index) == [LogIndex(6)])
  }

  @Test func agreementIsShown() throws {
    var seat = try Seat()
    try seat.follow()
    try Self.pass(&seat)
    let report = try #require(try Self.reports(&seat, to: 5).last)
    seat.table.take([try seat.mail(4, report)])
    seat.table.take([try seat.mail(5, Self.other(report))])
    #expect(
      seat.table.node.status().agreement
        == NodeStatus.Agreement(index: LogIndex(3), agreeing: 1, differed: 0, isSplit: false))
    #expect(seat.table.stop == nil)
    let said = seat.table.events.filter { $0.message.contains("differs from its group") }
    #expect(said.count == 1 && said.first?.level == .warning)
  }

  /// From the moment when it is known to be wrong nothing leaves it, not even what was asked for
  /// before, and it starts anew with a folder that gives up everything but its promises.
  @Test func whoIsWrongSaysNothingMoreAndStartsAnew() throws {
    var seat = try Seat()
    try seat.follow()
    try Self.pass(&seat)
    let own = try #require(try Self.reports(&seat, to: 5).last)
    let report = Self.other(own)
    let entry = Seat.entry(4, 1, Seat.put(2, sequence: 2))
    let files = seat.table.files
    _ = try seat.sent(to: 4)
    seat.table.sendAndStop([
      seat.mail(.staleGet(key: Seat.key), id: 1),
      try seat.mail(4, term: 1, Seat.append([entry], after: Seat.id(3, 1), commit: 4)),
      try seat.mail(4, report), try seat.mail(5, report),
    ])
    #expect(try seat.answers() == [])
    #expect(try Self.reports(&seat, to: 5) == [own])
    #expect(try seat.sent(to: 4) == [])
    #expect(seat.table.files.files == files.files)
    guard case .rebuild(let reason)? = seat.table.stop else {
      Issue.record("it goes on")
      return
    }
    #expect(seat.table.events.contains { $0.level == .error && $0.message == reason })
    #expect(reason.contains("index 3") && reason.contains("shard"))
    var folder = files
    folder.perform(Journal.orderDiscard)
    let again = try LoneNode<ShardGroupService>(folder)
    #expect(again.node.raft.isInDoubt && again.node.raft.term == Term(1))
    #expect(again.node.raft.lastIndex == .zero && again.node.applied == .zero)
    #expect(again.node.status().agreement?.differed == 1)
  }

  @Test func whoHasNoQuorumAgainstItGoesOn() throws {
    var seat = try Seat()
    try seat.follow()
    try Self.pass(&seat)
    let report = Self.other(try #require(try Self.reports(&seat, to: 5).last))
    var third = report
    third.digest.parts[0].hash ^= 6
    seat.table.take([try seat.mail(4, report)])
    #expect(seat.table.node.status().agreement == nil)
    seat.table.take([try seat.mail(5, third)])
    #expect(seat.table.stop == nil)
    #expect(seat.table.node.status().agreement?.isSplit == true)
    #expect(seat.table.events.contains { $0.level == .error })
  }

  /// Where nothing is written the leader makes the entry, and none between.
  @Test func anIdleLeaderMakesFixedIndexes() throws {
    var seat = try Seat()
    let term = try seat.lead()
    seat.table.pass(milliseconds: 50)
    try seat.acknowledge(seat.table.node.raft.lastIndex.rawValue, term: term)
    _ = try Self.reports(&seat, to: 5)
    let before = seat.table.node.raft.lastIndex.rawValue
    for _ in 0..<500 {
      seat.table.pass(milliseconds: 100)
      try seat.acknowledge(
        seat.table.node.raft.lastIndex.rawValue, term: term, wall: seat.table.now.wall)
    }
    #expect(2...3 ~= (try Self.reports(&seat, to: 5).count))
    #expect(seat.table.node.raft.lastIndex.rawValue - before <= 4)
  }
}
