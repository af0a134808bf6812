import Basics
import RedisCommands
import Sessions
import ShardMap
import Testing

@testable import ShardKV

/// Keys with a deadline in one group: when they are there, and when they are removed. Key `0a` is
/// in shard 0, `1a` in shard 1 and so on.
struct ExpiryTests {
  private static let session = SessionID(issued: 1, nonce: 1)

  private static func id(_ sequence: UInt64) -> WriteID {
    WriteID(session: session, sequence: sequence, firstUnanswered: 1)
  }

  @Test func aKeyLivesUpToItsDeadlineAndGoesWithoutAWrite() {
    var group = TestMachine.alone()
    #expect(group.run("SET 0a x PX 100", "PTTL 0a", at: 1000) == ["+OK", ":100"])
    #expect(group.machine.nextDeadline == 1100)
    group.machine.advanceClock(to: 1100)
    #expect(group.value(Array("0a".utf8)) == [UInt8(ascii: "x")])
    #expect(group.machine.keyCount() == 1)
    group.machine.advanceClock(to: 1101)
    #expect(group.value(Array("0a".utf8)) == nil)
    #expect(group.machine.keyCount() == 0)
    #expect(group.machine.nextDeadline == .max)
    group.machine.checkAgreement()
  }

  @Test func aReadBetweenClockAndDeadlineIsAnsweredByItsMoment() {
    var group = TestMachine.alone()
    _ = group.run("SET 0a x PX 100", "SET 1a y", at: 1000)
    let keys = ["1a", "0a"].map { Array($0.utf8) }
    #expect(group.ask("GET 0a", "PTTL 0a", "EXISTS 0a 0a", at: 1100) == ["$1 x", ":0", ":2"])
    #expect(group.ask("GET 0a", "PTTL 0a", "EXISTS 0a", at: 1101) == ["$-1", ":-2", ":0"])
    #expect(!group.machine.hasDeadline(of: keys, before: 1100))
    #expect(group.machine.hasDeadline(of: keys, before: 1101))
    #expect(!group.machine.hasDeadline(of: [keys[0]], before: 1101))
    #expect(group.keys(at: 1100) == ["0a", "1a"] && group.keys(at: 1101) == ["1a"])
    // Once the log has said so, there is nothing to wait for.
    group.machine.advanceClock(to: 1101)
    #expect(!group.machine.hasDeadline(of: keys, before: 5000))
  }

  @Test func anEntryRemovesSoManyInOrder() {
    var limits = MachineLimits()
    limits.expiredPerEntryMax = 3
    var group = TestMachine.alone(limits: limits)
    _ = group.run("SET 1a x PXAT 10", "SET 0c x PXAT 20", "SET 0b x PXAT 30", "SET 0a x PXAT 30")
    _ = group.run("SET 3a x PXAT 25", "SET 2a x PXAT 99")
    func left() -> Int { group.machine.keyCount() }
    group.machine.advanceClock(to: 31)
    // By shard, then deadline, then key: what stands in 1 and 3 waits, and counts as absent.
    #expect(left() == 3 && group.keys(at: 31) == ["2a"])
    #expect(group.machine.nextDeadline == 10)
    #expect(group.run("GET 1a", "EXISTS 3a") == ["$-1", ":0"])
    #expect(left() == 1 && group.machine.nextDeadline == 99)
    group.machine.checkAgreement()
    // The clock need not move for what is left.
    _ = group.run("SET 0a x PXAT 40", "SET 0b x PXAT 40", "SET 0c x PXAT 40", "SET 1a x PXAT 40")
    group.machine.advanceClock(to: 41)
    #expect(left() == 2)
    group.machine.advanceClock(to: 0)
    #expect(left() == 1)
  }

  @Test func nativeOperationsTakeAnOverdueKeyForAbsent() {
    var limits = MachineLimits()
    limits.expiredPerEntryMax = 0
    var group = TestMachine.alone(limits: limits)
    let keys = ["0a", "0b", "0c", "0d", "0e"].map { Array($0.utf8) }
    for key in ["0a", "0b", "0c", "0d", "0e"] {
      #expect(group.run("SET \(key) x", "SET \(key) x PXAT 100", at: 50) == ["+OK", "+OK"])
    }
    #expect(group.machine.read(key: keys[0]) == .value([UInt8(ascii: "x")], version: 2))
    group.machine.advanceClock(to: 101)
    #expect(group.machine.keyCount() == 5)
    #expect(group.machine.read(key: keys[0]) == .noKey)
    func write(_ sequence: UInt64, _ key: Int, _ operation: WriteOperation) -> Output {
      group.apply(.write(Self.id(sequence), key: keys[key], operation))
    }
    #expect(write(1, 0, .delete) == .write(.missing))
    #expect(
      write(2, 1, .compareAndSet(expected: [UInt8(ascii: "x")], value: [1]))
        == .write(.compareFailed))
    #expect(
      write(3, 1, .compareAndSet(expected: nil, value: [1])) == .write(.written(version: 1)))
    let long = [UInt8](repeating: 1, count: Limits.valueBytesMax)
    #expect(write(4, 2, .append(value: long)) == .write(.written(version: 1)))
    #expect(write(5, 3, .put(value: [3])) == .write(.written(version: 1)))
    #expect(group.value(keys[2]) == long && group.value(keys[3]) == [3])
    #expect(group.run("PTTL 0b", "PTTL 0c", "PTTL 0d") == [":-1", ":-1", ":-1"])
    #expect(group.machine.nextDeadline == 100)
    group.machine.checkAgreement()
  }

  @Test func putAndCompareAndSetClearADeadlineAndAppendKeepsIt() {
    var group = TestMachine.alone()
    _ = group.run("SET 0a x PXAT 100", "SET 0b x PXAT 100", "SET 0c x PXAT 100")
    let keys = ["0a", "0b", "0c"].map { Array($0.utf8) }
    group.apply(.write(Self.id(1), key: keys[0], .put(value: [1])))
    group.apply(
      .write(Self.id(2), key: keys[1], .compareAndSet(expected: [UInt8(ascii: "x")], value: [1])))
    group.apply(.write(Self.id(3), key: keys[2], .append(value: [UInt8(ascii: "y")])))
    #expect(
      group.run("PEXPIRETIME 0a", "PEXPIRETIME 0b", "PEXPIRETIME 0c", "GET 0c")
        == [":-1", ":-1", ":100", "$2 xy"])
    group.machine.advanceClock(to: 101)
    #expect(group.keys(at: 101) == ["0a", "0b"])
    group.machine.checkAgreement()
  }

  @Test func deadlinesAndTheCounterSurviveASnapshot() throws {
    var group = TestMachine.alone()
    _ = group.run("SET 0a x PXAT 100", "SET 0b x", "SET 2a x PXAT 90", "SET 0z 1", "DEL 0z")
    let long = String(repeating: "v", count: Limits.valueBytesMax)
    _ = group.run("SET 0l \(long) PXAT 200", "SET 0m \(long) PXAT 210", at: 60)
    let hash = group.machine.stateHash()
    let versions = group.machine.versions(of: [Array("0a".utf8)], now: 60)
    try group.restart()
    group.machine.checkAgreement()
    #expect(group.machine.stateHash() == hash && group.machine.nextDeadline == 90)
    #expect(group.machine.versions(of: [Array("0a".utf8)], now: 60) == versions)
    #expect(
      group.run("PEXPIRETIME 0a", "PEXPIRETIME 0l", "STRLEN 0m") == [":100", ":200", ":1048576"])
    _ = group.run("SET 0z 1")
    // Six changes of shard 0 came before, one of them a removal.
    #expect(group.machine.versions(of: [Array("0z".utf8)], now: 60) == [7])
    group.machine.advanceClock(to: 201)
    #expect(group.keys(at: 201) == ["0b", "0m", "0z"])
  }

  @Test func aShardWithoutKeysKeepsItsCounter() throws {
    var group = TestMachine.alone()
    _ = group.run("SET 0a 1", "DEL 0a")
    try group.restart()
    _ = group.run("SET 0a 1")
    #expect(group.machine.versions(of: [Array("0a".utf8)], now: 0) == [3])
  }
}
