import Basics
import RESP
import RedisCommands
import Sessions
import ShardMap
import Testing

@testable import ShardKV

/// Redis' commands and transactions through the log of one group. Keys that begin with `0` are in
/// shard 0, those with `1` in shard 1.
struct LoggedCommandTests {
  private static let crossing = "-CROSSSLOT Keys in request don't hash to the same slot"

  private static func version(_ group: TestMachine, _ key: String) -> UInt64? {
    group.machine.versions(of: [Array(key.utf8)], now: group.machine.clock)?[0]
  }

  @Test func commandsOfAnEntryStandForThemselves() {
    var group = TestMachine.alone()
    #expect(
      group.run("SET 0a 5", "GET 0a", "INCR 1a", "INCR 0a", "SET 0a x EX y", "GET 0a", "TYPE 2a")
        == [
          "+OK", "$1 5", ":1", ":6", "-ERR value is not an integer or out of range", "$1 6",
          "+none",
        ])
    #expect(
      group.run("MSET 0a 1 1a 2", "GET 0a", "MSET 0a 1 0b 2 0a 3", "MGET 0a 0b 0c 0a")
        == [Self.crossing, "$1 6", "+OK", "*4 $1 3 $1 2 $-1 $1 3"])
    #expect(group.machine.read(key: Array("0a".utf8)) == .value([UInt8(ascii: "3")], version: 4))
  }

  @Test func renameAndCopyTakeTheDeadlineAlong() {
    var group = TestMachine.alone()
    #expect(
      group.run("SET 0a x PXAT 100", "RENAME 0a 0b", "COPY 0b 0c", "DEL 0b 0b 0x", "EXISTS 0c 0c")
        == ["+OK", "+OK", ":1", ":1", ":2"])
    #expect(group.run("PEXPIRETIME 0c", "PERSIST 0c", "PTTL 0c") == [":100", ":1", ":-1"])
    #expect(group.machine.nextDeadline == .max)
    #expect(
      group.run("SET 0a y", "RENAME 0a 0c", "GET 0c", "RENAME 0a 0c")
        == ["+OK", "+OK", "$1 y", "-ERR no such key"])
    group.machine.checkAgreement()
  }

  @Test func keysAndValuesThatAreTooLongAreRefused() {
    var group = TestMachine.alone()
    let long = "0" + String(repeating: "k", count: Limits.keyBytesMax)
    let refused = "-ERR the key is longer than 65536 bytes"
    let full = String(long.dropLast())
    #expect(
      group.run("SET \(long) x", "GET \(long)", "SET \(full) x", "RENAME \(full) \(long)")
        == [refused, refused, "+OK", refused])
    #expect(group.run("COPY \(full) \(long)", "EXISTS \(full)") == [refused, ":1"])
    let value = String(repeating: "v", count: Limits.valueBytesMax)
    let tooLong = "-ERR string exceeds maximum allowed size (proto-max-bulk-len)"
    #expect(
      group.run("SET 0a \(value)", "APPEND 0a v", "SETRANGE 0a 1048576 v", "STRLEN 0a")
        == ["+OK", tooLong, tooLong, ":1048576"])
    #expect(
      group.run("SET 0b \(value)v", "MSET 0b 1 0c \(value)v", "EXISTS 0b 0c")
        == [tooLong, tooLong, ":0"])
  }

  @Test func aTransactionSeesItselfAndIsCarriedOutAtOnce() {
    var group = TestMachine.alone()
    #expect(
      group.execute("SET 0a 1", "INCR 0a", "RENAME 0a 0b", "GET 0a", "GET 0b")
        == ["+OK", ":2", "+OK", "$-1", "$1 2"])
    #expect(
      group.execute("SET 0a 1 PX 10", "INCR 0a", "APPEND 0a x", "INCR 0a", "PTTL 0a", at: 50)
        == ["+OK", ":2", ":2", "-ERR value is not an integer or out of range", ":10"])
    #expect(group.execute("SET 0a 1", "SET 1a 1") == [Self.crossing])
    #expect(group.execute("GET 0a", watching: [("1a", nil)]) == [Self.crossing])
    #expect(group.run("EXISTS 1a", "GET 0a") == [":0", "$2 2x"])
    #expect(group.execute() == [])
  }

  @Test func aWatchedKeyThatChangedEndsTheTransaction() {
    var group = TestMachine.alone()
    _ = group.run("SET 0a 1", "SET 0b 1")
    let seen = Self.version(group, "0a")
    #expect(group.execute("INCR 0b", watching: [("0a", seen), ("0c", nil)]) == [":2"])
    #expect(group.execute("INCR 0b", watching: [("0a", nil)]) == ["changed"])
    _ = group.run("SET 0a 1")
    #expect(group.execute("INCR 0b", watching: [("0a", seen)]) == ["changed"])
    // Deleted and made anew it has the native version of before, and is another all the same.
    _ = group.run("DEL 0a", "SET 0a 1")
    #expect(group.machine.read(key: Array("0a".utf8)) == .value([UInt8(ascii: "1")], version: 1))
    #expect(group.execute("INCR 0b", watching: [("0a", seen)]) == ["changed"])
    // A native write is a change like any other; a read and a change that does nothing are none.
    let later = Self.version(group, "0a")
    _ = group.run("GET 0a", "SETNX 0a 5", "EXPIRE 0x 5", "SETBIT 0a 0 0", "PERSIST 0a")
    #expect(Self.version(group, "0a") == later)
    let id = WriteID(
      session: SessionID(issued: 1, nonce: 1), sequence: 1, firstUnanswered: 1)
    group.apply(.write(id, key: Array("0a".utf8), .put(value: [1])))
    #expect(group.execute("INCR 0b", watching: [("0a", later)]) == ["changed"])
    #expect(group.run("GET 0b") == ["$1 2"])
  }

  @Test(arguments: [0, 256]) func aWatchedKeyThatExpiredChanged(expiredPerEntry: Int) {
    var limits = MachineLimits()
    limits.expiredPerEntryMax = expiredPerEntry
    var group = TestMachine.alone(limits: limits)
    _ = group.run("SET 0a 1 PXAT 100")
    let seen = Self.version(group, "0a")
    #expect(group.execute("SET 0b 1", watching: [("0a", seen)], at: 100) == ["+OK"])
    #expect(group.execute("SET 0b 2", watching: [("0a", seen)], at: 101) == ["changed"])
    // Whoever watched it when it was over already saw nothing, and finds nothing.
    #expect(group.machine.versions(of: [Array("0a".utf8)], now: 101) == [nil])
    #expect(group.execute("GET 0b", watching: [("0a", nil)], at: 101) == ["$1 1"])
    group.machine.checkAgreement()
  }

  @Test func readsPastTheLogAreAnsweredAsInIt() {
    var group = TestMachine.alone()
    _ = group.run("SET 0a 1 PXAT 100", "SET 0b 22", "SET 1a x")
    let lines = [
      "GET 0a", "STRLEN 0b", "MGET 0a 0b", "MGET 0a 1a", "PEXPIRETIME 0a", "GETBIT 0a 2",
    ]
    let hash = group.machine.stateHash()
    let asked = group.machine.answer(lines.map(keyed), now: 0).map(shown)
    #expect(asked == ["$1 1", ":2", "*2 $1 1 $2 22", Self.crossing, ":100", ":1"])
    #expect(group.machine.stateHash() == hash)
    #expect(
      group.apply(.commands(lines.map(keyed)))
        == .commands(
          group.machine.answer(lines.map(keyed), now: 0)))
    let seen = Self.version(group, "0a")
    func ask(_ version: UInt64?, at now: UInt64) -> TransactionOutcome {
      group.machine.answer(
        Transaction(
          watched: [.init(key: Array("0a".utf8), version: version)], commands: [keyed("GET 0b")]),
        now: now)
    }
    #expect(ask(seen, at: 100) == .result(.applied([.bulk("22")])))
    #expect(ask(seen, at: 101) == .result(.changed))
    #expect(ask(nil, at: 101) == .result(.applied([.bulk("22")])))
  }

  @Test func flushRemovesWhatIsServedHere() {
    var controller = TestController(layout: layoutOfFour, groups: [GroupID(1), GroupID(2)])
    var group = TestMachine(1, layout: layoutOfFour)
    group.apply(.adopt(controller.move([0: GroupID(1), 1: GroupID(1), 2: GroupID(2)])))
    _ = group.run("SET 0a 1 PXAT 100", "SET 1a 1", "SET 1b 1 PXAT 50")
    let seen = Self.version(group, "0a")
    group.apply(.adopt(controller.move([1: GroupID(2)])))
    #expect(group.apply(.flush(0..<4)) == .flushed(isWhole: false))
    #expect(group.keys(at: 0).isEmpty && group.machine.nextDeadline == .max)
    // The frozen shard is as it was.
    #expect(group.machine.shards[1].keys.map.count == 2)
    #expect(group.machine.takeDiscarded().map(\.count) == [1, 1])
    _ = group.run("SET 0a 1")
    #expect(Self.version(group, "0a") != seen)
    group.machine.checkAgreement()
  }

  /// What does not fit behind others waits, and all behind it; alone, or in a transaction, which is
  /// one, it is refused.
  @Test func answersOverTheLimitWaitOrAreRefused() {
    var limits = MachineLimits()
    limits.replyBytesMax = 1000
    var group = TestMachine.alone(limits: limits)
    let refused = "-ERR the answer would be longer than 1000 bytes in all: ask for less at once"
    let value = String(repeating: "v", count: 300)
    _ = group.run("SET 0a \(value)")
    let shownValue = "$300 \(value)"
    // Three with 16 bytes each are 948.
    #expect(
      group.run("GET 0a", "GET 0a", "GET 0a", "GETSET 0a 1", "STRLEN 0a", "SET 0a 1")
        == [shownValue, shownValue, shownValue, "later", "later", "later"])
    #expect(group.run("GETSET 0a 1", "STRLEN 0a", "GET 0a") == [shownValue, ":1", "$1 1"])
    _ = group.run("SET 0a \(value)")
    #expect(group.run("MGET 0a 0a 0a 0a", "EXISTS 0a 0a 0a 0a") == [refused, ":4"])
    #expect(group.run("EXISTS 0a", "MGET 0a 0a 0a 0a", "EXISTS 0a") == [":1", "later", "later"])
    #expect(group.run("MGET 0a 0a 0x").map(\.count) == ["*3 \(shownValue) \(shownValue) $-1".count])
    #expect(
      group.execute("GET 0a", "GET 0a", "GET 0a", "GETDEL 0a", "GET 0a").dropFirst(3)
        == [refused, "$-1"])
    _ = group.run("SET 0a \(value)")
    #expect(group.ask("MGET 0a 0a 0a 0a", "MGET 0a", at: 0) == [refused, "*1 \(shownValue)"])
  }

  /// 100,000 times a value of 1 MiB would be 100 GB.
  @Test func askingForOneKeyManyTimesCostsNothing() {
    var group = TestMachine.alone()
    _ = group.run("SET 0a \(String(repeating: "v", count: Limits.valueBytesMax))")
    let names = repeatElement(Array("0a".utf8), count: 100_000)
    func answer(_ name: String) -> String {
      guard
        let command = KeyedCommand(
          logged: [Array(name.utf8)] + names, limit: Limits.valueBytesMax)
      else { return "no command" }
      return group.machine.answer([command], now: 0).map(shown)[0]
    }
    #expect(answer("EXISTS") == ":100000")
    #expect(
      answer("MGET")
        == "-ERR the answer would be longer than 12582912 bytes in all: ask for less at once")
  }

  @Test func bytesOfRepliesAreCounted() {
    #expect(ReplyBudget.bytes(of: .null) == 16)
    #expect(ReplyBudget.bytes(of: .bulk("abc")) == 19)
    #expect(ReplyBudget.bytes(of: .array([.bulk("abc"), .null, .array([])])) == 16 + 19 + 16 + 16)
    #expect(ReplyBudget.bytes(of: .map([.init(.bulk("a"), .integer(1))])) == 16 + 17 + 16)
  }
}
