import Basics
import Journal
import Raft
import Sessions
import ShardKV
import ShardMap
import Testing
import Wire

@testable import ShardKVServer

/// What a node takes and what it refuses when its disk is nearly full.
@Suite struct DiskRoomTests {
  private static let reserve: UInt64 = 1_000_000
  private static let oom =
    "-OOM command not allowed: the disks of the servers that have the keys are "
    + "too full. Nothing was changed; delete keys or free disk space\r\n"

  /// A leader of three whose reserve is 1 MB and whose journal is small.
  private static func leader(segmentBytes: Int = 4 << 20) throws -> (seat: Seat, term: UInt64) {
    var settings = NodeSettings()
    settings.diskReserveBytes = reserve
    settings.journal.segmentBytes = segmentBytes
    var seat = try Seat(settings: settings)
    let term = try seat.lead()
    return (seat, term)
  }

  private static func space(_ free: UInt64) -> NodeInput {
    .diskSpace(DiskSpace(free: free, total: 100_000_000))
  }

  private static func write(_ operation: WriteOperation, _ sequence: UInt64) -> Request.Body {
    .write(
      WriteID(
        session: SessionID(issued: 1_700_000_000_000, nonce: 1), sequence: sequence,
        firstUnanswered: sequence), key: Seat.key, operation)
  }

  private static func ask(_ seat: inout Seat, _ body: Request.Body) throws -> [Reply.Body] {
    seat.table.take([seat.mail(body)])
    return try seat.answers()
  }

  @Test func growthIsRefusedBelowTheReserveAndTheRestGoesOn() throws {
    var (seat, term) = try Self.leader()
    seat.table.take([Self.space(Self.reserve - 1)])
    #expect(seat.table.events.last?.level == .warning)
    #expect(seat.table.node.watchesDisk)
    #expect(
      seat.table.node.status().disk
        == .init(free: Self.reserve - 1, total: 100_000_000, room: .low))
    let last = seat.table.node.raft.lastIndex.rawValue
    let grows: [WriteOperation] = [
      .put(value: [1]), .append(value: [1]), .compareAndSet(expected: nil, value: [1]),
      // A put that makes the value shorter takes room in the log.
      .put(value: []),
    ]
    for operation in grows {
      #expect(try Self.ask(&seat, Self.write(operation, 2)) == [.refused(.noRoom)])
    }
    #expect(seat.table.node.raft.lastIndex.rawValue == last)
    // What was done before is answered as before, and nothing is done again.
    #expect(
      try Self.ask(&seat, Self.write(.put(value: [1]), 1)) == [.written(.written(version: 1))])
    #expect(try Self.ask(&seat, .get(key: Seat.key)).isEmpty)
    try seat.acknowledge(last, term: term)
    #expect(try seat.answers() == [.value([1], version: 1)])
    #expect(try Self.ask(&seat, Self.write(.delete, 2)).isEmpty)
    try seat.acknowledge(last + 1, term: term)
    #expect(try seat.answers() == [.written(.written(version: 0))])
  }

  @Test func growthIsTakenAgainWithATenthMoreThanTheReserve() throws {
    var (seat, term) = try Self.leader()
    let put = Self.write(.put(value: [2]), 2)
    seat.table.take([Self.space(Self.reserve - 1), Self.space(Self.reserve * 11 / 10 - 1)])
    #expect(try Self.ask(&seat, put) == [.refused(.noRoom)])
    // A request that comes in the same turn as the room is taken.
    seat.table.take([Self.space(Self.reserve * 11 / 10), seat.mail(put)])
    #expect(!seat.table.node.watchesDisk)
    try seat.acknowledge(seat.table.node.raft.lastIndex.rawValue, term: term)
    #expect(try seat.answers() == [.written(.written(version: 2))])
    seat.table.take([Self.space(Self.reserve)])
    #expect(!seat.table.node.watchesDisk)
  }

  @Test func ofAPipelineOnlyWhatGrowsIsRefused() throws {
    var (seat, term) = try Self.leader()
    let client = seat.table.redis(1)
    seat.table.take([Self.space(0)])
    #expect(seat.ask("SET a 1", on: client) == Self.oom)
    #expect(seat.ask("SET a 1", "EXPIRE a 100", "INCR a", "DEL a", "GET a", on: client) == Self.oom)
    try seat.acknowledge(seat.table.node.raft.lastIndex.rawValue, term: term)
    #expect(seat.table.text(on: client) == ":1\r\n" + Self.oom + ":1\r\n$-1\r\n")
    seat.table.take([Self.space(2 * Self.reserve)])
    #expect(seat.ask("SET a 1", on: client) == "")
    try seat.acknowledge(seat.table.node.raft.lastIndex.rawValue, term: term)
    #expect(seat.table.text(on: client) == "+OK\r\n")
  }

  @Test func transactionThatGrowsIsDiscardedAsAWhole() throws {
    var (seat, term) = try Self.leader()
    let client = seat.table.redis(1)
    seat.table.take([Self.space(0)])
    let last = seat.table.node.raft.lastIndex.rawValue
    let discarded =
      "-EXECABORT Transaction discarded because of: " + Self.oom.dropFirst()
    #expect(
      seat.ask("MULTI", "DEL a", "SET a 2", "EXEC", on: client)
        == "+OK\r\n+QUEUED\r\n+QUEUED\r\n" + discarded)
    #expect(seat.table.node.raft.lastIndex.rawValue == last)
    #expect(seat.ask("MULTI", "DEL a", "EXEC", on: client) == "+OK\r\n+QUEUED\r\n")
    try seat.acknowledge(last + 1, term: term)
    #expect(seat.table.text(on: client) == "*1\r\n:1\r\n")
    #expect(seat.ask("FLUSHALL", on: client) == "")
    try seat.acknowledge(last + 2, term: term)
    #expect(seat.table.text(on: client) == "+OK\r\n")
  }

  @Test func withoutRoomForTheJournalOnlyReadsAreServed() throws {
    var (seat, term) = try Self.leader(segmentBytes: 64 << 10)
    let client = seat.table.redis(1)
    seat.table.take([Self.space(64 << 10)])
    #expect(seat.table.node.status().disk?.room == .low)
    seat.table.take([Self.space((64 << 10) - 1)])
    #expect(seat.table.node.status().disk?.room == .out)
    let last = seat.table.node.raft.lastIndex.rawValue
    #expect(try Self.ask(&seat, Self.write(.delete, 2)) == [.refused(.noRoom)])
    #expect(seat.ask("FLUSHALL", on: client) == Self.oom)
    #expect(
      seat.ask("MULTI", "DEL a", "EXEC", on: client)
        == "+OK\r\n+QUEUED\r\n-EXECABORT Transaction discarded because of: "
        + Self.oom.dropFirst())
    #expect(seat.ask("DEL a", "GET a", on: client) == Self.oom)
    #expect(seat.table.node.raft.lastIndex.rawValue == last)
    try seat.acknowledge(last, term: term)
    #expect(seat.table.text(on: client) == "$1\r\n\u{1}\r\n")
  }

  /// It waits for an entry that moves the clock, for which there is no room: it must neither wait
  /// for ever nor keep the node awake.
  @Test func readOfAnOverdueKeyIsRefusedWithoutRoomForTheClock() throws {
    var (seat, term) = try Self.leader(segmentBytes: 64 << 10)
    let client = seat.table.redis(1)
    _ = seat.ask("SET b{a} 1 PX 100", on: client)
    let last = seat.table.node.raft.lastIndex.rawValue
    try seat.acknowledge(last, term: term, wall: seat.table.now.wall)
    #expect(seat.table.text(on: client) == "+OK\r\n")
    seat.table.take([Self.space(0)])
    seat.table.pause(milliseconds: 200)
    #expect(seat.ask("GET b{a}", on: client) == "")
    try seat.acknowledge(last, term: term, wall: seat.table.now.wall)
    #expect(seat.table.text(on: client) == Self.oom)
    #expect(seat.table.node.raft.lastIndex.rawValue == last)
  }

  @Test func informationNamesTheDisk() throws {
    var (seat, _) = try Self.leader()
    let client = seat.table.redis(1)
    #expect(!seat.ask("INFO persistence", on: client).contains("disk_"))
    seat.table.take([Self.space(5)])
    #expect(
      seat.ask("INFO persistence", on: client).contains(
        "disk_free:5\r\ndisk_total:100000000\r\ndisk_reserve:1000000\r\ndisk_room:low\r\n"))
  }

  @Test func usualReserveIsATwentiethAndAtMost256MiB() {
    var settings = NodeSettings()
    var room = DiskRoom()
    func level(_ free: UInt64, of total: UInt64) -> NodeStatus.Room {
      room = DiskRoom()
      room.measured(DiskSpace(free: free, total: total), journalBytes: 4 << 20, settings)
      return room.level
    }
    #expect(level(50 << 20, of: 1_000 << 20) == .enough)
    #expect(level((50 << 20) - 1, of: 1_000 << 20) == .low)
    #expect(level(256 << 20, of: 1 << 50) == .enough)
    #expect(level((256 << 20) - 1, of: 1 << 50) == .low)
    settings.diskReserveBytes = 0
    #expect(level(0, of: 1_000 << 20) == .enough)
    // Not even then may the journal lack room in the middle of a batch.
    room.measured(DiskSpace(free: 0, total: 1 << 30), journalBytes: (1 << 20) - 1, settings)
    #expect(room.level == .out)
  }
}
