import Basics
import RESP
import RedisCommands
import Sessions
import ShardMap
import Testing

@testable import ShardKV

/// Two groups against ``PlainStore``: random commands, transactions, native writes, snapshots,
/// flushes and hand-overs under clocks that move, each at its own pace. After each step they must
/// hold the same.
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

    static let gids = [GroupID(1), GroupID(2)]

    var random: SeededGenerator
    var controller = TestController(layout: layoutOfFour, groups: gids)
    var groups: [TestMachine]
    /// By shard, which of the groups has it.
    var owners = [0, 1, 0, 1]
    var model = PlainStore(layout: layoutOfFour)
    /// By shard: its session's writes.
    var sequences: [UInt64] = [0, 0, 0, 0]
    /// Keys with what WATCH saw in the machine and in the model.
    var watched: [(key: [UInt8], machine: UInt64?, model: Int?)] = []
    /// Each number that a change was marked with, and the key: none comes twice in a shard.
    var modified: [[UInt64]: PlainStore.Row] = [:]
    var transactionsChanged = 0
    var moves = 0

    init(seed: UInt64) {
      random = SeededGenerator(seed: seed)
      var limits = MachineLimits()
      limits.expiredPerEntryMax = [0, 1, 3, 256][Int(seed % 4)]
      limits.pieceBytesMin = 512
      limits.sectionBytesMax = 1100
      groups = [1, 2].map { TestMachine($0, layout: layoutOfFour, limits: limits) }
      adopt()
    }

    mutating func adopt() {
      let owners = Dictionary(uniqueKeysWithValues: owners.enumerated().map { ($0, Self.gids[$1]) })
      let next = controller.move(owners)
      for group in groups.indices { groups[group].apply(.adopt(next)) }
    }

    func shards(of group: Int) -> Set<ShardID> {
      Set(owners.indices.filter { owners[$0] == group }.map { ShardID($0) })
    }

    /// The stamp of the next entry of a group, by which the model judges from now on.
    mutating func stamp(_ group: Int) -> UInt64 {
      let clock = groups[group].machine.clock
      let stamp = random.chance(0.5) ? clock + UInt64(random.next(in: 0...8)) : 0
      model.clock = max(clock, stamp)
      return stamp
    }

    /// Gives a shard to the other group, whose clock goes on meanwhile.
    mutating func move() {
      let shard = random.next(in: 0..<2)
      owners[shard] = 1 - owners[shard]
      adopt()
      moves += 1
      for _ in 0..<200 {
        for group in groups.indices {
          var others = [groups[1 - group]]
          carryOutDuties(of: &groups[group], &others, bytesMax: 1)
          groups[1 - group] = others[0]
          let stamp = stamp(group)
          groups[group].machine.advanceClock(to: stamp)
        }
        if groups.allSatisfy({ $0.machine.duties().isEmpty }) { return }
      }
      #expect(Bool(false), "a hand-over that does not end")
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
      let group = random.next(in: 0..<2)
      let stamp = stamp(group)
      switch random.next(in: 0..<20) {
      case 0: groups[group].machine.advanceClock(to: stamp)
      case 1:
        groups[group].machine.advanceClock(to: stamp)
        try groups[group].restart()
      case 2 where random.chance(0.2):
        let isWhole = groups[group].machine.areServed(0..<4)
        #expect(
          groups[group].apply(.flush(0..<4), stamp: stamp) == .flushed(isWhole: isWhole))
        model.removeAll(of: shards(of: group))
      case 2 where random.chance(0.7): move()
      case 2...4: write(group, stamp)
      case 5, 6: watch()
      case 7...9: transact()
      default: send(group, stamp)
      }
    }

    mutating func send(_ group: Int, _ stamp: UInt64) {
      let commands = (0..<random.next(in: 1...4)).map { _ in command() }
      if commands.allSatisfy({ !$0.isWrite }) {
        let later = model.clock + UInt64(random.next(in: 0...9))
        var seen = model
        seen.clock = later
        let expected = commands.map { Self.outcome(of: $0, group, owners, &seen) }
        #expect(groups[group].machine.answer(commands, now: later) == expected)
      }
      let expected = commands.map { Self.outcome(of: $0, group, owners, &model) }
      #expect(groups[group].apply(.commands(commands), stamp: stamp) == .commands(expected))
    }

    static func outcome(
      of command: KeyedCommand, _ group: Int, _ owners: [Int], _ model: inout PlainStore
    ) -> CommandOutcome {
      let shards = Set(command.keys.map { layoutOfFour.shard(of: $0).index })
      if shards.count == 1, shards.contains(where: { owners[$0] != group }) { return .wrongGroup }
      return .reply(model.run(command))
    }

    mutating func write(_ group: Int, _ stamp: UInt64) {
      let shard = random.next(in: 0..<2)
      let key = Array(key(shard).utf8)
      let value = Array("\(random.next(in: 0...5))".utf8)
      let expected = random.chance(0.6) ? model.alive(key)?.value : value
      let operations: [WriteOperation] = [
        .put(value: value), .append(value: value), .delete,
        .compareAndSet(expected: expected, value: value),
      ]
      let operation = operations[random.next(in: 0..<4)]
      let sequence = sequences[shard] + 1
      let id = WriteID(
        session: SessionID(issued: 1, nonce: UInt64(shard)), sequence: sequence,
        firstUnanswered: sequence)
      let output = groups[group].apply(.write(id, key: key, operation), stamp: stamp)
      guard owners[shard] == group else {
        #expect(output == .wrongGroup)
        return
      }
      sequences[shard] = sequence
      #expect(output == model.run(operation, on: key))
    }

    mutating func watch() {
      let shard = random.next(in: 0..<2)
      let group = random.chance(0.1) ? random.next(in: 0..<2) : owners[shard]
      let stamp = stamp(group)
      groups[group].machine.advanceClock(to: stamp)
      let keys = (0..<random.next(in: 1...5)).map { _ in Array(key(shard).utf8) }
      let seen = groups[group].machine.versions(of: keys, now: model.clock)
      #expect((seen == nil) == (owners[shard] != group))
      watched = seen.map { zip(keys, $0).map { ($0, $1, model.alive($0)?.change) } } ?? []
    }

    /// EXEC at the group that has the watched keys now, even if it had not at WATCH.
    mutating func transact() {
      let shard = watched.first.map { Int($0.key[0]) - 48 } ?? 0
      let group = owners[shard]
      let stamp = self.stamp(group)
      let commands = (0..<random.next(in: 0...3)).map { _ in command() }
        .filter { $0.keys.allSatisfy { Int($0[0]) - 48 == shard } }
      let transaction = Transaction(
        watched: watched.map { .init(key: $0.key, version: $0.machine) }, commands: commands)
      let result: TransactionOutcome
      if watched.allSatisfy({ model.alive($0.key)?.change == $0.model }) {
        result = .result(.applied(commands.map { model.run($0) }))
      } else {
        result = .result(.changed)
        transactionsChanged += 1
      }
      let output = groups[group].apply(.transaction(transaction), stamp: stamp)
      #expect(output == .transaction(result))
      watched = []
    }

    mutating func compare() {
      for group in groups.indices {
        let machine = groups[group].machine
        machine.checkAgreement()
        model.clock = machine.clock
        let keys = model.keys(of: shards(of: group))
        let found = machine.keys(
          matching: GlobPattern([UInt8(ascii: "*")]), now: model.clock, bytesMax: 1 << 30)
        #expect(found == keys)
        for key in keys { compare(key, machine) }
      }
    }

    mutating func compare(_ key: [UInt8], _ machine: ShardGroupMachine) {
      let shard = layoutOfFour.shard(of: key).index
      guard let row = model.alive(key),
        let entry = machine.shards[shard].keys.value(of: key, now: model.clock)
      else { return }
      #expect(entry.value == row.value)
      #expect(entry.marks.version == row.version && entry.marks.deadline == row.deadline)
      let before = modified.updateValue(row, forKey: [UInt64(shard), entry.marks.modified])
      #expect(before == nil || before == row, "a number of a change came twice")
    }
  }

  @Test(arguments: 0..<12) func agrees(seed: UInt64) throws {
    var run = Run(seed: seed)
    for _ in 0..<700 {
      try run.step()
      run.compare()
    }
    #expect(run.transactionsChanged > 2 && run.moves > 8)
  }
}
