import Basics
import RedisCommands
import ShardMap
import Testing

@testable import ShardKV

/// Redis' commands as bytes in the log, whole and damaged.
struct LoggedRecordTests {
  private static let records: [ShardGroupMachine.Command] = [
    .flush(3..<4_096),
    .commands([]),
    .commands([keyed("SET 0a b EX 10")]),
    .commands([keyed("GET 0a"), keyed("MSET 0a 1 0b 2"), keyed("SETBIT 0a 100 1")]),
    .commands([keyed("OBJECT ENCODING 0a"), keyed("LCS 0a 0b IDX"), keyed("SET 0a b XX NX")]),
    .transaction(Transaction(watched: [], commands: [])),
    .transaction(
      Transaction(
        watched: [.init(key: [48, 97], version: nil), .init(key: [48], version: 300)],
        commands: [keyed("INCR 0a"), keyed("RENAME 0a 0b")])),
  ]

  private static func machine() -> TestMachine {
    var group = TestMachine.alone()
    _ = group.run("SET 0a 1 PXAT 100", "SET 0b 2", "SET 1a 3")
    return group
  }

  /// What cannot be read changes nothing; what can is carried out without a trap.
  private static func apply(_ payload: [UInt8], to group: TestMachine) {
    var group = group
    let hash = group.machine.stateHash()
    let isReadable = (try? ShardGroupMachine.decode(payload)) != nil
    group.index += 1
    let output = group.machine.apply(index: group.index, stamp: 0, payload: payload)
    if !isReadable {
      #expect(output == .done && group.machine.stateHash() == hash)
    }
    group.machine.checkAgreement()
  }

  @Test(arguments: records) func isReadAsWritten(_ record: ShardGroupMachine.Command) throws {
    #expect(try ShardGroupMachine.decode(ShardGroupMachine.encode(record)) == record)
  }

  @Test(arguments: records) func everyTruncationIsRefused(_ record: ShardGroupMachine.Command) {
    let bytes = ShardGroupMachine.encode(record)
    for cut in bytes.indices {
      #expect(throws: ByteError.self) { try ShardGroupMachine.decode(Array(bytes[..<cut])) }
    }
    #expect(throws: ByteError.self) { try ShardGroupMachine.decode(bytes + [0]) }
  }

  @Test(arguments: records) func everyFlippedBitIsBorne(_ record: ShardGroupMachine.Command) {
    let group = Self.machine()
    let bytes = ShardGroupMachine.encode(record)
    for bit in 0..<bytes.count * 8 {
      var damaged = bytes
      damaged[bit / 8] ^= 1 << UInt8(bit % 8)
      Self.apply(damaged, to: group)
    }
  }

  @Test func otherDialectsAreRefused() {
    for record in Self.records.dropFirst() {
      var bytes = ShardGroupMachine.encode(record)
      #expect(bytes[2] == 1)
      bytes[2] = 2
      #expect(throws: ByteError.self) { try ShardGroupMachine.decode(bytes) }
    }
  }

  @Test func countsBeyondTheBytesAreNotBelieved() {
    for tag: UInt8 in [6, 7] {
      for count: [UInt8] in [[0xFF, 0xFF, 0xFF, 0xFF, 0x0F], [5], [1, 0xFF, 0xFF, 0xFF, 0x7F]] {
        let bytes = [2, tag, 1] + count
        #expect(throws: ByteError.self) { try ShardGroupMachine.decode(bytes) }
      }
    }
  }

  /// Names and numbers of arguments of all kinds: those that are commands on keys are carried out.
  @Test(arguments: 0..<4) func anyArgumentsAreBorne(seed: Int) {
    var random = SeededGenerator(seed: UInt64(seed))
    var group = Self.machine()
    let words = [
      "0a", "0b", "1a", "", "0", "-1", "1", "9223372036854775807", "-9223372036854775808", "EX",
      "PX", "PXAT", "EXAT", "NX", "XX", "GT", "GET", "KEEPTTL", "IDX", "LEN", "BIT", "x", "1.5",
      "ENCODING", "USAGE", "REPLACE", "DB", "inf", "5000", "1048576", "8388608",
    ].map { Array($0.utf8) }
    var names = CommandTable.standard.commands.map { Array($0.name.utf8) }
    names += words
    var carriedOut = 0
    for step in 0..<4000 {
      let arguments =
        [names[random.next(in: 0..<names.count)]]
        + (0..<random.next(in: 0...5)).map { _ in words[random.next(in: 0..<words.count)] }
      guard let command = KeyedCommand(logged: arguments, limit: Limits.valueBytesMax) else {
        continue
      }
      carriedOut += 1
      let isTransaction = random.chance(0.3)
      let record: ShardGroupMachine.Command =
        isTransaction
        ? .transaction(Transaction(watched: [], commands: [command, command]))
        : .commands([command])
      group.apply(record, stamp: UInt64(step / 20))
      if !command.isWrite { _ = group.machine.answer([command], now: group.machine.clock + 3) }
      if step % 100 == 0 { group.machine.checkAgreement() }
    }
    #expect(carriedOut > 200)
  }
}
