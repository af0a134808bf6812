import Basics
import RESP
import RedisCommands
import Sessions
import ShardMap
import Testing

@testable import ShardKV

/// A machine against ``PlainStore``: random commands, transactions, native writes, snapshots and
/// flushes under a clock that moves, after each of which both must hold the same.
struct PlainStoreTests {
  private struct Run {
    static let templates = [
      "SET k v", "SET k v PX t", "SET k v PXAT a", "SET k v KEEPTTL", "SET k v NX",
      "SET k v XX GET",
      "SETEX k 1 v", "PSETEX k t v", "SETNX k v", "GET k", "MGET k k", "MGET k k k", "MSET k v k v",
      "MSETNX k v k v", "APPEND k v", "STRLEN k", "GETSET k v", "GETDEL k", "GETEX k PX t",
      "GETEX k PERSIST", "GETRANGE k 0 1", "SETRANGE k 3 v", "INCR k", "DECR k", "INCRBY k 7",
      "INCRBYFLOAT k 0.5", "DEL k", "DEL k k", "UNLINK k", "EXISTS k k", "TOUCH k", "PEXPIRE k t",
      "PEXPIREAT k a", "PEXPIRE k t GT", "PEXPIRE k t NX", "EXPIRE k 1", "PTTL k", "PEXPIRETIME k",
      "PERSIST k", "TYPE k", "RENAME k k", "RENAMENX k k", "COPY k k", "COPY k k REPLACE",
      "SETBIT k 9 1", "GETBIT k 9", "BITCOUNT k", "LCS k k", "OBJECT ENCODING k", "EXPIRE k x",
    ]

    var random: SeededGenerator
    var group: TestMachine
    var model = PlainStore(layout: layoutOfFour)
    var sequence: UInt64 = 0
    /// Keys with what WATCH saw in the machine and in the model.
    var watched: [(key: [UInt8], machine: UInt64?, model: Int?)] = []
    /// Each number that a change was marked with, and the key: none comes twice in a shard.
    var modified: [[UInt64]: PlainStore.Row] = [:]
    var transactionsChanged = 0

    init(seed: UInt64) {
      random = SeededGenerator(seed: seed)
      var limits = MachineLimits()
      limits.expiredPerEntryMax = [0, 1, 3, 256][Int(seed % 4)]
      limits.pieceBytesMin = 512
      limits.sectionBytesMax = 1100
      group = TestMachine.alone(limits: limits)
    }

    mutating func key(_ shard: Int) -> String { "\(shard)\(random.next(in: 0..<6))" }

    mutating func command() -> KeyedCommand {
      let shard = random.next(in: 0..<2)
      let template = Self.templates[random.next(in: 0..<Self.templates.count)]
      let words = template.split(separator: " ").map { word -> String in
        switch word {
        case "k": return key(random.chance(0.02) ? 3 : shard)
        case "v":
          return random.chance(0.5)
            ? String(random.next(in: 0...20))
            : String(repeating: "x", count: random.chance(0.05) ? 700 : random.next(in: 1...6))
        case "t": return String(random.next(in: -1...40))
        case "a": return String(Int(model.clock) + random.next(in: -5...40))
        default: return String(word)
        }
      }
      return keyed(words.joined(separator: " "))
    }

    mutating func step() throws {
      let stamp = random.chance(0.5) ? model.clock + UInt64(random.next(in: 0...8)) : 0
      model.clock = max(model.clock, stamp)
      switch random.next(in: 0..<20) {
      case 0: group.machine.advanceClock(to: stamp)
      case 1:
        try group.restart()
        group.machine.advanceClock(to: stamp)
      case 2 where random.chance(0.2):
        #expect(group.apply(.flush, stamp: stamp) == .flushed)
        model.removeAll()
      case 2...4: write(stamp)
      case 5, 6:
        group.machine.advanceClock(to: stamp)
        watch()
      case 7...9: transact(stamp)
      default:
        let commands = (0..<random.next(in: 1...4)).map { _ in command() }
        if commands.allSatisfy({ !$0.isWrite }) {
          let later = model.clock + UInt64(random.next(in: 0...9))
          var seen = model
          seen.clock = later
          #expect(
            group.machine.answer(commands, now: later)
              == commands.map { CommandOutcome.reply(seen.run($0)) })
        }
        let expected = commands.map { CommandOutcome.reply(model.run($0)) }
        #expect(group.apply(.commands(commands), stamp: stamp) == .commands(expected))
      }
    }

    mutating func write(_ stamp: UInt64) {
      sequence += 1
      let key = Array(key(random.next(in: 0..<2)).utf8)
      let value = Array("\(random.next(in: 0...5))".utf8)
      let expected = random.chance(0.6) ? model.alive(key)?.value : value
      let operations: [WriteOperation] = [
        .put(value: value), .append(value: value), .delete,
        .compareAndSet(expected: expected, value: value),
      ]
      let operation = operations[random.next(in: 0..<4)]
      let id = WriteID(
        session: SessionID(issued: 1, nonce: 1), sequence: sequence, firstUnanswered: sequence)
      #expect(
        group.apply(.write(id, key: key, operation), stamp: stamp) == model.run(operation, on: key))
    }

    mutating func watch() {
      let shard = random.next(in: 0..<2)
      let keys = (0..<random.next(in: 1...2)).map { _ in Array(key(shard).utf8) }
      let seen = group.machine.versions(of: keys, now: model.clock) ?? []
      watched = zip(keys, seen).map { ($0, $1, model.alive($0)?.change) }
    }

    mutating func transact(_ stamp: UInt64) {
      let shard = watched.first.map { Int($0.key[0]) - 48 } ?? 0
      let commands = (0..<random.next(in: 0...3)).map { _ in command() }
        .filter { $0.keys.allSatisfy { Int($0[0]) - 48 == shard } }
      let transaction = Transaction(
        watched: watched.map { .init(key: $0.key, version: $0.machine) }, commands: commands)
      let result: Transaction.Result
      if watched.allSatisfy({ model.alive($0.key)?.change == $0.model }) {
        result = .applied(commands.map { model.run($0) })
      } else {
        result = .changed
        transactionsChanged += 1
      }
      #expect(
        group.apply(.transaction(transaction), stamp: stamp) == .transaction(.result(result)))
      watched = []
    }

    mutating func compare() {
      group.machine.checkAgreement()
      let keys = model.keys
      let found = group.machine.keys(
        matching: GlobPattern([UInt8(ascii: "*")]), now: model.clock, bytesMax: 1 << 30)
      #expect(found == keys)
      for key in keys {
        let shard = layoutOfFour.shard(of: key).index
        guard let row = model.alive(key),
          let entry = group.machine.shards[shard].keys.value(of: key, now: model.clock)
        else { continue }
        #expect(entry.value == row.value)
        #expect(entry.marks.version == row.version && entry.marks.deadline == row.deadline)
        let before = modified.updateValue(row, forKey: [UInt64(shard), entry.marks.modified])
        #expect(before == nil || before == row, "a number of a change came twice")
      }
    }
  }

  @Test(arguments: 0..<12) func agrees(seed: UInt64) throws {
    var run = Run(seed: seed)
    for _ in 0..<700 {
      try run.step()
      run.compare()
    }
    #expect(run.group.machine.clock == run.model.clock)
    #expect(run.transactionsChanged > 3)
  }
}
