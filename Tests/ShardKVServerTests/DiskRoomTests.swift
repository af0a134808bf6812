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

  /// One of three whose reserve is 1 MB and whose journal is small.
  private static func seat(segmentBytes: Int = 4 << 20) throws -> Seat {
    var settings = NodeSettings()
    settings.diskReserveBytes = reserve
    settings.journal.segmentBytes = segmentBytes
    return try Seat(settings: settings)
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

  /// The disks of all voters are like that.
  private static func give(_ free: UInt64, to seat: inout Seat, term: UInt64) throws {
    if free >= reserve { seat.table.take([space(free)]) }
    try seat.sayRoom(free >= reserve, term: term)
    if free < reserve { seat.table.take([space(free)]) }
  }

  private static func ask(_ seat: inout Seat, _ body: Request.Body) throws -> [Reply.Body] {
    seat.table.take([seat.mail(body)])
    return try seat.answers()
  }

  @Test func growthIsRefusedBelowTheReserveAndTheRestGoesOn() throws {
    var seat = try Self.seat()
    let term = try seat.lead()
    try Self.give(Self.reserve - 1, to: &seat, term: term)
    #expect(seat.table.events.suffix(2).map(\.level) == [.warning, .warning])
    #expect(seat.table.node.watchesDisk == true)
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
    var seat = try Self.seat()
    let term = try seat.lead()
    let put = Self.write(.put(value: [2]), 2)
    try Self.give(Self.reserve - 1, to: &seat, term: term)
    seat.table.take([Self.space(Self.reserve * 11 / 10 - 1)])
    #expect(try Self.ask(&seat, put) == [.refused(.noRoom)])
    // One other with room is a quorum with this one.
    let heard = AppendReply(outcome: .heard, round: 0, wall: seat.table.now.wall, hasRoom: true)
    let mail = try seat.mail(5, term: term, .appendReply(heard))
    seat.table.take([Self.space(Self.reserve * 11 / 10), mail])
    #expect(seat.table.node.watchesDisk == false)
    #expect(try Self.ask(&seat, put).isEmpty)
    try seat.acknowledge(seat.table.node.raft.lastIndex.rawValue, term: term)
    #expect(try seat.answers() == [.written(.written(version: 2))])
    seat.table.take([Self.space(Self.reserve)])
    #expect(seat.table.node.watchesDisk == false)
  }

  @Test func ofAPipelineOnlyWhatGrowsIsRefused() throws {
    var seat = try Self.seat()
    let term = try seat.lead()
    let client = seat.table.redis(1)
    try Self.give(0, to: &seat, term: term)
    #expect(seat.ask("SET a 1", on: client) == Self.oom)
    #expect(seat.ask("SET a 1", "EXPIRE a 100", "INCR a", "DEL a", "GET a", on: client) == Self.oom)
    try seat.acknowledge(seat.table.node.raft.lastIndex.rawValue, term: term)
    #expect(seat.table.text(on: client) == ":1\r\n" + Self.oom + ":1\r\n$-1\r\n")
    try Self.give(2 * Self.reserve, to: &seat, term: term)
    #expect(seat.ask("SET a 1", on: client) == "")
    try seat.acknowledge(seat.table.node.raft.lastIndex.rawValue, term: term)
    #expect(seat.table.text(on: client) == "+OK\r\n")
  }

  @Test func transactionThatGrowsIsDiscardedAsAWhole() throws {
    var seat = try Self.seat()
    let term = try seat.lead()
    let client = seat.table.redis(1)
    try Self.give(0, to: &seat, term: term)
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
    var seat = try Self.seat(segmentBytes: 64 << 10)
    let term = try seat.lead()
    let client = seat.table.redis(1)
    try Self.give(64 << 10, to: &seat, term: term)
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
    var seat = try Self.seat(segmentBytes: 64 << 10)
    let term = try seat.lead()
    let client = seat.table.redis(1)
    _ = seat.ask("SET b{a} 1 PX 100", on: client)
    let last = seat.table.node.raft.lastIndex.rawValue
    try seat.acknowledge(last, term: term, wall: seat.table.now.wall)
    #expect(seat.table.text(on: client) == "+OK\r\n")
    try Self.give(0, to: &seat, term: term)
    seat.table.pause(milliseconds: 200)
    #expect(seat.ask("GET b{a}", on: client) == "")
    try seat.acknowledge(last, term: term, wall: seat.table.now.wall)
    #expect(seat.table.text(on: client) == Self.oom)
    #expect(seat.table.node.raft.lastIndex.rawValue == last)
  }

  /// It is refused though this disk has room: the group would lose its quorum.
  @Test func growthIsRefusedWhenTooFewOthersHaveRoom() throws {
    var seat = try Self.seat()
    let term = try seat.lead()
    let put = Self.write(.put(value: [2]), 2)
    try seat.sayRoom(false, term: term)
    #expect(try Self.ask(&seat, put) == [.refused(.noRoom)])
    #expect(seat.table.events.last?.message.contains("too few disks") == true)
    #expect(try Self.ask(&seat, Self.write(.delete, 2)).isEmpty)
    try seat.sayRoom(true, term: term)
    #expect(seat.table.events.last?.level == .info)
    #expect(try Self.ask(&seat, Self.write(.put(value: [2]), 3)).isEmpty)
  }

  /// A leader that nobody can take over from refuses after a moment, whatever others once said.
  @Test func growthIsRefusedWhenNobodyIsHeardToHaveRoom() throws {
    var seat = try Self.seat()
    _ = try seat.lead()
    seat.table.take([Self.space(0), seat.mail(Self.write(.put(value: [2]), 2))])
    seat.table.pass(milliseconds: 390)
    #expect(try seat.answers().isEmpty)
    seat.table.pass(milliseconds: 20)
    #expect(try seat.answers() == [.refused(.noRoom)])
  }

  /// Nobody is refused: what comes meanwhile is for the next leader.
  @Test func leaderWithoutRoomHandsOverToAVoterWithRoom() throws {
    var seat = try Self.seat()
    let term = try seat.lead()
    let client = seat.table.redis(1)
    let last = seat.table.node.raft.lastIndex.rawValue
    try seat.acknowledge(last, term: term)
    let put = Self.write(.put(value: [2]), 2)
    seat.table.take([Self.space(0), seat.mail(put)])
    #expect(seat.ask("SET a 1", on: client) == "")
    // What is said now may be older than what filled the disk.
    try seat.sayRoom(true, term: term)
    #expect(seat.table.node.raft.transferTarget == nil)
    seat.table.pass(milliseconds: 200)
    try seat.sayRoom(true, term: term)
    #expect(seat.table.node.raft.transferTarget == ReplicaID(rawValue: 4))
    #expect(try seat.sent(to: 4).contains { $0.body == .timeoutNow })
    #expect(try seat.answers().isEmpty && seat.table.text(on: client).isEmpty)
    seat.table.take([
      try seat.mail(4, term: term + 1, Seat.append(after: Seat.id(last, term), commit: last))
    ])
    seat.table.pass(milliseconds: 20)
    #expect(try seat.answers() == [.refused(.wrongLeader(hint: "127.0.0.1:7112"))])
    #expect(seat.table.text(on: client) == "-MOVED 15495 127.0.0.1:7312\r\n")
  }

  @Test func informationNamesTheDisk() throws {
    var seat = try Self.seat()
    _ = try seat.lead()
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
      room.measured(DiskSpace(free: free, total: total), journalBytes: 4 << 20, settings, now: 1)
      return room.level
    }
    #expect(level(50 << 20, of: 1_000 << 20) == .enough)
    #expect(level((50 << 20) - 1, of: 1_000 << 20) == .low)
    #expect(level(256 << 20, of: 1 << 50) == .enough)
    #expect(level((256 << 20) - 1, of: 1 << 50) == .low)
    settings.diskReserveBytes = 0
    #expect(level(0, of: 1_000 << 20) == .enough)
    // Not even then may the journal lack room in the middle of a batch.
    let space = DiskSpace(free: 0, total: 1 << 30)
    room.measured(space, journalBytes: (1 << 20) - 1, settings, now: 1)
    #expect(room.level == .out)
    // It is not taken for enough with each spare bit of it.
    room.measured(space, journalBytes: 1 << 20, settings, now: 1)
    #expect(room.level == .out)
    room.measured(space, journalBytes: 2 << 20, settings, now: 1)
    #expect(room.level == .enough)
  }
}
