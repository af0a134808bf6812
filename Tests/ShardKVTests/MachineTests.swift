import Basics
import Sessions
import ShardMap
import Testing

@testable import ShardKV

/// One group that owns everything: writes, reads, limits.
struct MachineTests {
  private static func group() -> TestMachine {
    var controller = TestController(layout: layoutOfFour, groups: [GroupID(1)])
    var group = TestMachine(1, layout: layoutOfFour)
    let all = Dictionary(uniqueKeysWithValues: (0..<4).map { ($0, GroupID(1)) })
    group.apply(.adopt(controller.move(all)), stamp: 100)
    return group
  }

  private static func id(_ sequence: UInt64, first: UInt64 = 1) -> WriteID {
    WriteID(
      session: SessionID(issued: 100, nonce: 1), sequence: sequence, firstUnanswered: first)
  }

  @Test func writesAndReads() {
    var group = Self.group()
    let key: [UInt8] = [1, 2]
    #expect(group.machine.read(key: key) == .noKey)
    #expect(
      group.apply(.write(Self.id(1), key: key, .put(value: [5]))) == .write(.written(version: 1)))
    #expect(
      group.apply(.write(Self.id(2), key: key, .append(value: [6])))
        == .write(.written(version: 2)))
    #expect(group.machine.read(key: key) == .value([5, 6], version: 2))
    #expect(
      group.apply(.write(Self.id(3), key: key, .compareAndSet(expected: [5], value: [7])))
        == .write(.compareFailed))
    #expect(
      group.apply(.write(Self.id(4), key: key, .compareAndSet(expected: nil, value: [7])))
        == .write(.compareFailed))
    #expect(
      group.apply(.write(Self.id(5), key: key, .compareAndSet(expected: [5, 6], value: [7])))
        == .write(.written(version: 3)))
    #expect(group.apply(.write(Self.id(6), key: key, .delete)) == .write(.written(version: 0)))
    #expect(group.apply(.write(Self.id(7), key: key, .delete)) == .write(.missing))
    #expect(
      group.apply(.write(Self.id(8), key: key, .compareAndSet(expected: [], value: [7])))
        == .write(.compareFailed))
    #expect(
      group.apply(.write(Self.id(9), key: key, .compareAndSet(expected: nil, value: [])))
        == .write(.written(version: 1)))
    #expect(group.machine.read(key: key) == .value([], version: 1))
  }

  @Test func aRepeatIsAnsweredAndChangesNothing() {
    var group = Self.group()
    let append = ShardGroupMachine.Command.write(Self.id(1), key: [0], .append(value: [9]))
    #expect(group.apply(append) == .write(.written(version: 1)))
    #expect(group.apply(append) == .write(.written(version: 1)))
    #expect(group.value([0]) == [9])
    #expect(
      group.machine.refusal(write: Self.id(1), key: [0], operation: .append(value: [9]))
        == .answered(.written(version: 1)))
    #expect(group.machine.refusal(write: Self.id(2), key: [0], operation: .delete) == nil)
    group.apply(.write(Self.id(3, first: 3), key: [0], .append(value: [8])))
    #expect(group.apply(append) == .expired)
    #expect(
      group.machine.refusal(write: Self.id(1), key: [0], operation: .delete) == .expired)
    #expect(group.value([0]) == [9, 8])
  }

  @Test func whatIsTooLargeChangesNothingAndStaysSo() {
    var group = Self.group()
    let full = [UInt8](repeating: 1, count: Limits.valueBytesMax)
    #expect(
      group.apply(.write(Self.id(1), key: [0], .put(value: full))) == .write(.written(version: 1)))
    #expect(group.apply(.write(Self.id(2), key: [0], .append(value: [1]))) == .tooLarge)
    #expect(group.value([0])?.count == Limits.valueBytesMax)
    // A repeat gets the same, though it would fit by now.
    group.apply(.write(Self.id(3), key: [0], .delete))
    #expect(group.apply(.write(Self.id(2), key: [0], .append(value: [1]))) == .tooLarge)
    #expect(
      group.machine.refusal(write: Self.id(2), key: [0], operation: .append(value: [1]))
        == .tooLarge)
    #expect(group.apply(.write(Self.id(4), key: [0], .put(value: full + [1]))) == .tooLarge)
    let longKey = [UInt8](repeating: 0, count: Limits.keyBytesMax + 1)
    #expect(group.apply(.write(Self.id(5), key: longKey, .put(value: []))) == .tooLarge)
    #expect(
      group.machine.refusal(write: Self.id(6), key: longKey, operation: .put(value: []))
        == .tooLarge)
    #expect(group.machine.report().map(\.keys) == [0, 0, 0, 0])
  }

  @Test func aWriteElsewhereIsNotRemembered() {
    var controller = TestController(layout: layoutOfFour, groups: [GroupID(1), GroupID(2)])
    var group = TestMachine(1, layout: layoutOfFour)
    let early = group.apply(.write(Self.id(1), key: [0], .put(value: [1])), stamp: 100)
    #expect(early == .wrongGroup)
    #expect(group.machine.issueSession(shard: ShardID(0), nonce: 5) == nil)
    group.apply(.adopt(controller.move([0: GroupID(1), 1: GroupID(2)])))
    #expect(group.machine.issueSession(shard: ShardID(0), nonce: 5)?.issued == 100)
    #expect(group.apply(.write(Self.id(2), key: [1], .put(value: [1]))) == .wrongGroup)
    #expect(group.machine.read(key: [1]) == .wrongGroup)
    #expect(
      group.machine.refusal(write: Self.id(2), key: [1], operation: .delete) == .wrongGroup)
    let output = group.apply(.write(Self.id(1), key: [0], .put(value: [1])))
    #expect(output == .write(.written(version: 1)))
    // Numbers that no shard has.
    #expect(group.machine.issueSession(shard: ShardID(9), nonce: 5) == nil)
  }

  @Test func theClockIsTheGreatestStampAndEvictsIdleSessions() {
    var group = Self.group()
    group.apply(.write(Self.id(1), key: [0], .put(value: [1])), stamp: 500)
    group.machine.advanceClock(to: 400)
    #expect(group.machine.clock == 500)
    group.machine.advanceClock(to: 500 + 3_600_001)
    #expect(group.apply(.write(Self.id(1), key: [0], .put(value: [2]))) == .expired)
    #expect(group.apply(.write(Self.id(2), key: [0], .put(value: [2]))) == .expired)
    #expect(group.value([0]) == [1])
  }

  @Test func bytesThatAreNoCommandAreIgnored() {
    var group = Self.group()
    group.apply(.write(Self.id(1), key: [0], .put(value: [1])))
    let hash = group.machine.stateHash()
    let good = ShardGroupMachine.encode(.write(Self.id(2), key: [0], .put(value: [2])))
    for cut in 0..<good.count {
      group.index += 1
      let payload = Array(good[..<cut])
      #expect(group.machine.apply(index: group.index, stamp: 0, payload: payload) == .done)
    }
    group.index += 1
    #expect(group.machine.apply(index: group.index, stamp: 0, payload: good + [0]) == .done)
    #expect(group.machine.stateHash() == hash)
  }

  @Test func commandsAreReadAsWritten() throws {
    let commands: [ShardGroupMachine.Command] = [
      .write(Self.id(7, first: 3), key: [1, 2, 3], .compareAndSet(expected: nil, value: [4])),
      .write(Self.id(UInt64.max), key: [], .delete),
      .adopt(Configuration(layout: layoutOfFour)),
      .installChunk(ShardID(3), left: ConfigNumber(9), bytes: [1, 2]),
      .deleteShard(ShardID(2), left: ConfigNumber(300)),
      .confirmDeleted(ShardID(1), left: ConfigNumber(1)),
    ]
    for command in commands {
      #expect(try ShardGroupMachine.decode(ShardGroupMachine.encode(command)) == command)
    }
  }
}
