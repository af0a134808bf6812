import Basics
import RedisCommands
import ShardMap
import Testing

@testable import ShardKV

/// Keys with a deadline in a shard that moves. Keys that begin with `0` are in shard 0.
struct HandOverExpiryTests {
  private static let one = GroupID(1)
  private static let two = GroupID(2)

  private var controller = TestController(layout: layoutOfFour, groups: [one, two])
  private var first = TestMachine(1, layout: layoutOfFour)
  private var second = TestMachine(2, layout: layoutOfFour)

  private mutating func adopt(_ owners: [Int: GroupID], members: [GroupID]? = nil) {
    let next = controller.move(owners, members: members)
    first.apply(.adopt(next))
    second.apply(.adopt(next))
  }

  /// Group 1 owns shard 0, group 2 the others.
  private mutating func begin() {
    adopt([0: Self.one, 1: Self.two, 2: Self.two, 3: Self.two])
  }

  /// Gives the number of chunks that it took.
  @discardableResult
  private mutating func pull() -> Int {
    var chunks = 0
    while second.status(0) == .pulling, chunks < 50 {
      var others = [first]
      carryOutDuties(of: &second, &others, bytesMax: 1)
      first = others[0]
      chunks += 1
    }
    return chunks
  }

  private mutating func settle() {
    for _ in 0..<5 {
      var others = [first]
      carryOutDuties(of: &second, &others, bytesMax: 1)
      first = others[0]
    }
  }

  private func check() {
    first.machine.checkAgreement()
    second.machine.checkAgreement()
  }

  @Test mutating func deadlinesVersionsAndTheCounterMoveInPieces() {
    begin()
    for number in 0..<300 {
      let text = String(repeating: "v", count: 1500)
      _ = first.run("SET 0k\(1000 + number) \(text) PXAT \(1000 + number)", at: 500)
    }
    // Longer than a piece, so that it is cut.
    let long = String(repeating: "w", count: Limits.valueBytesMax)
    _ = first.run("SET 0l \(long) PXAT 2000", "SET 0z 1", "INCR 0z", "DEL 0k1299")
    let keys = ["0k1000", "0l", "0z", "0k1299"].map { Array($0.utf8) }
    let versions = first.machine.versions(of: keys, now: 500)
    #expect(versions == [1, 301, 303, nil])
    adopt([0: Self.two])
    #expect(first.machine.nextDeadline == .max)
    #expect(pull() > 8)
    check()
    #expect(second.machine.versions(of: keys, now: 500) == versions)
    #expect(second.machine.nextDeadline == 1000)
    #expect(
      second.run("PEXPIRETIME 0l", "STRLEN 0l", "SET 0k1299 x") == [":2000", ":1048576", "+OK"])
    #expect(second.machine.versions(of: [keys[3]], now: 500) == [305])
    #expect(second.machine.read(key: keys[2]) == .value([UInt8(ascii: "2")], version: 2))
    second.machine.advanceClock(to: 1250)
    #expect(second.machine.shards[0].keys.map.count == 302 - 250)
    second.machine.advanceClock(to: 2001)
    #expect(second.keys(at: 2001) == ["0k1299", "0z"])
    settle()
    check()
  }

  @Test mutating func aFrozenShardRemovesNothing() {
    begin()
    _ = first.run("SET 0a x PXAT 100", "SET 0b x PXAT 200", at: 50)
    adopt([0: Self.two])
    let before = first.machine.shardChunk(
      ShardID(0), left: ConfigNumber(2), cursor: [], bytesMax: 1)
    first.machine.advanceClock(to: 150)
    #expect(first.machine.shards[0].keys.map.count == 2)
    let after = first.machine.shardChunk(
      ShardID(0), left: ConfigNumber(2), cursor: [], bytesMax: 1)
    #expect(after == before)
    #expect(first.run("GET 0a", "SET 0a y") == ["wrongGroup", "wrongGroup"])
    #expect(first.machine.keyCount() == 0 && first.keys(at: 0).isEmpty)
    #expect(first.machine.versions(of: [Array("0a".utf8)], now: 150) == nil)
    check()
  }

  @Test mutating func aShardThatComesBackExpiresAgain() {
    begin()
    _ = first.run("SET 0a x PXAT 100", "SET 0b x PXAT 200", at: 50)
    adopt([0: .none, 1: .none, 2: .none, 3: .none], members: [])
    first.machine.advanceClock(to: 150)
    #expect(first.machine.shards[0].keys.map.count == 2)
    adopt([0: Self.one], members: [Self.one, Self.two])
    #expect(first.machine.nextDeadline == 100)
    #expect(first.ask("GET 0a", "GET 0b", at: 150) == ["$-1", "$1 x"])
    first.machine.advanceClock(to: 150)
    #expect(first.machine.shards[0].keys.map.count == 1 && first.machine.nextDeadline == 200)
    check()
  }

  @Test mutating func aReceiverWhoseClockIsAheadShowsNothingThatIsOver() {
    begin()
    _ = first.run("SET 0a x PXAT 100", "SET 0b x PXAT 200", at: 50)
    second.machine.advanceClock(to: 150)
    adopt([0: Self.two])
    // While it arrives nothing is removed, or the pieces would not fit.
    second.machine.advanceClock(to: 160)
    pull()
    #expect(second.ask("GET 0a", "GET 0b", at: 160) == ["$-1", "$1 x"])
    #expect(second.machine.read(key: Array("0a".utf8)) == .noKey)
    #expect(second.machine.nextDeadline == 100)
    check()
    second.machine.advanceClock(to: 160)
    #expect(second.machine.keyCount() == 1 && second.machine.nextDeadline == 200)
    check()
  }

  @Test mutating func aReceiverWhoseClockIsBehindGoesOnWithTheClockOfTheSource() {
    begin()
    _ = first.run("SET 0a x PXAT 100", "SET 0b x PXAT 200", at: 50)
    _ = second.run("SET 1a x PXAT 90", "SET 1b x PXAT 210", at: 10)
    first.machine.advanceClock(to: 99)
    adopt([0: Self.two])
    first.machine.advanceClock(to: 5000)
    #expect(second.machine.clock == 10)
    pull()
    // The clock of when the shard was lost: the source's later one says nothing of this shard.
    #expect(second.machine.clock == 99)
    #expect(second.machine.nextDeadline == 90)
    #expect(second.ask("GET 0a", "GET 1a", at: 99) == ["$1 x", "$-1"])
    second.machine.advanceClock(to: 100)
    #expect(second.keys(at: 100) == ["0a", "0b", "1b"])
    second.machine.advanceClock(to: 101)
    #expect(second.keys(at: 101) == ["0b", "1b"] && second.machine.keyCount() == 2)
    check()
  }

  @Test mutating func aReceiverMayRestartWithinAValue() throws {
    begin()
    let long = String(repeating: "w", count: Limits.valueBytesMax)
    _ = first.run("SET 0l \(long) PXAT 2000", "SET 0m x PXAT 100", at: 50)
    adopt([0: Self.two])
    for _ in 0..<40 {
      var others = [first]
      carryOutDuties(of: &second, &others, bytesMax: 1)
      second.machine.advanceClock(to: second.machine.clock + 100)
      let hash = second.machine.stateHash()
      try second.restart()
      #expect(second.machine.stateHash() == hash)
      check()
      if second.status(0) != .pulling { break }
    }
    #expect(second.status(0) == .gcing)
    #expect(second.ask("STRLEN 0l", "PEXPIRETIME 0l", at: 100) == [":1048576", ":2000"])
  }

  @Test mutating func standingIsTheWorstOfTheShards() {
    begin()
    let keys = ["0a", "1a"].map { Array($0.utf8) }
    #expect(first.machine.standing(of: [keys[0]]) == .served)
    #expect(first.machine.standing(of: keys) == .elsewhere)
    #expect(first.machine.standing(of: []) == .served)
    adopt([0: Self.two])
    #expect(second.machine.standing(of: keys) == .awaited)
    #expect(second.run("GET 0a", "SET 1a x") == ["notReady", "+OK"])
    #expect(second.execute("GET 0a") == ["transaction(ShardKV.TransactionOutcome.notReady)"])
    #expect(first.execute("GET 0a") == ["transaction(ShardKV.TransactionOutcome.wrongGroup)"])
    #expect(second.machine.versions(of: keys, now: 0) == nil)
    pull()
    #expect(second.machine.standing(of: keys) == .served)
    #expect(second.machine.versions(of: keys, now: 0) == [nil, 1])
  }
}
