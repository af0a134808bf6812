import Basics
import RESP
import RedisCommands
import Sessions
import ShardMap

@testable import ShardKV

/// The controller's rules, as far as configurations for these tests need them.
struct TestController {
  var newest: Configuration

  init(layout: ShardLayout, groups: [GroupID]) {
    newest = Configuration(layout: layout)
    for group in groups { newest.groups[group] = Self.record(group) }
    history = [Configuration(layout: layout)]
  }

  private(set) var history: [Configuration]

  static func identity(_ group: GroupID) -> GroupIdentity {
    GroupIdentity(rawValue: 1000 + UInt64(group.rawValue))
  }

  static func record(_ group: GroupID) -> GroupRecord {
    GroupRecord(
      identity: identity(group), membershipIndex: 1,
      replicas: [ReplicaAddress(id: ReplicaID(rawValue: 1), peer: "node\(group):1")])
  }

  /// Makes the next configuration; `members` leave or come back as named.
  @discardableResult
  mutating func move(_ owners: [Int: GroupID], members: [GroupID]? = nil) -> Configuration {
    newest.number = newest.number.next
    for shard in owners.keys.sorted() {
      let old = newest.shards[shard]
      guard let owner = owners[shard], owner != old.owner else { continue }
      newest.shards[shard].owner = owner
      newest.shards[shard].since = newest.number
      if old.owner != .none {
        newest.shards[shard].source = old.owner
        newest.shards[shard].left = newest.number
      }
    }
    if let members {
      let known = newest.groups.merging(newest.departed) { member, _ in member }
      newest.groups = [:]
      newest.departed = [:]
      for group in members { newest.groups[group] = known[group] ?? Self.record(group) }
      for assignment in newest.shards where newest.groups[assignment.source] == nil {
        newest.departed[assignment.source] = known[assignment.source]
      }
    }
    history.append(newest)
    return newest
  }
}

/// A machine with a log of its own.
struct TestMachine {
  var machine: ShardGroupMachine
  var index: UInt64 = 0

  init(
    _ group: UInt32, layout: ShardLayout, limits: MachineLimits = MachineLimits(),
    bugs: PlantedBugs = []
  ) {
    machine = ShardGroupMachine(
      group: GroupID(group), identity: TestController.identity(GroupID(group)), layout: layout,
      limits: limits, bugs: bugs)
  }

  /// Group 1 with all shards of ``layoutOfFour``.
  static func alone(limits: MachineLimits = MachineLimits()) -> TestMachine {
    var controller = TestController(layout: layoutOfFour, groups: [GroupID(1)])
    var group = TestMachine(1, layout: layoutOfFour, limits: limits)
    let all = Dictionary(uniqueKeysWithValues: (0..<4).map { ($0, GroupID(1)) })
    group.apply(.adopt(controller.move(all)))
    return group
  }

  @discardableResult
  mutating func apply(_ command: ShardGroupMachine.Command, stamp: UInt64 = 0) -> Output {
    index += 1
    return machine.apply(
      index: index, stamp: stamp, payload: ShardGroupMachine.encode(command))
  }

  mutating func put(
    _ key: [UInt8], _ value: [UInt8], session: SessionID, _ sequence: UInt64
  ) -> Output {
    let id = WriteID(session: session, sequence: sequence, firstUnanswered: 1)
    return apply(.write(id, key: key, .put(value: value)))
  }

  /// Carries Redis' commands out, each a line of words, and shows what came of them.
  mutating func run(_ lines: String..., at stamp: UInt64 = 0) -> [String] {
    let output = apply(.commands(lines.map(keyed)), stamp: stamp)
    guard case .commands(let outcomes) = output else { return ["\(output)"] }
    return outcomes.map(shown)
  }

  /// The same of EXEC.
  mutating func execute(
    _ lines: String..., watching watched: [(String, UInt64?)] = [], at stamp: UInt64 = 0
  ) -> [String] {
    let transaction = Transaction(
      watched: watched.map { Transaction.Watched(key: Array($0.0.utf8), version: $0.1) },
      commands: lines.map(keyed))
    switch apply(.transaction(transaction), stamp: stamp) {
    case .transaction(.result(.applied(let replies))): return replies.map(shown)
    case .transaction(.result(.failed(let error))): return [shown(.error(error.text))]
    case .transaction(.result(.changed)): return ["changed"]
    case let output: return ["\(output)"]
    }
  }

  /// What a question is answered at `now`, past the log.
  func ask(_ lines: String..., at now: UInt64) -> [String] {
    machine.answer(lines.map(keyed), now: now).map(shown)
  }

  /// All keys that are there at `now`, those that were not removed in time left out.
  func keys(at now: UInt64) -> [String] {
    let keys = machine.keys(matching: GlobPattern(Array("*".utf8)), now: now, bytesMax: 1 << 30)
    return (keys ?? []).map { String(decoding: $0, as: UTF8.self) }
  }

  /// Takes the machine through its own snapshot.
  mutating func restart() throws {
    machine = try Self.restore(machine, Self.sections(machine))
  }

  static func sections(_ machine: ShardGroupMachine) -> [[UInt8]] {
    var capture = machine.capture()
    var sections: [[UInt8]] = []
    while let section = capture.nextSection() { sections.append(section) }
    return sections
  }

  static func restore(_ machine: ShardGroupMachine, _ sections: [[UInt8]]) throws
    -> ShardGroupMachine
  {
    var restorer = ShardGroupMachine.Restorer(
      group: machine.group, identity: machine.identity, layout: machine.layout,
      limits: machine.limits, bugs: machine.bugs)
    for section in sections { try restorer.consume(section) }
    return try restorer.finish()
  }

  func status(_ shard: Int) -> ShardStatus { machine.shards[shard].status }

  func value(_ key: [UInt8]) -> [UInt8]? {
    if case .value(let value, _) = machine.read(key: key) { return value }
    return nil
  }
}

/// Does what the leader of `machine` has to do, once for each duty, by asking `others`.
func carryOutDuties(of machine: inout TestMachine, _ others: inout [TestMachine], bytesMax: Int) {
  for duty in machine.machine.duties() {
    switch duty {
    case .pull(let shard, let left, let group, _, let cursor):
      guard let source = others.firstIndex(where: { $0.machine.group == group }) else { continue }
      let answer = others[source].machine.shardChunk(
        shard, left: left, cursor: cursor, bytesMax: bytesMax)
      if case .chunk(let bytes) = answer {
        machine.apply(.installChunk(shard, left: left, bytes: bytes))
      }
    case .requestDeletion(let shard, let left, let group, _):
      guard let source = others.firstIndex(where: { $0.machine.group == group }) else { continue }
      switch others[source].machine.deletion(shard, left: left) {
      case .notReady: continue
      case .propose: others[source].apply(.deleteShard(shard, left: left))
      case .alreadyDone: break
      }
      machine.apply(.confirmDeleted(shard, left: left))
    }
  }
}

let layoutOfFour: ShardLayout = {
  guard let layout = ShardLayout(mapping: .firstByte, shardCount: 4) else {
    fatalError("a layout of four shards")
  }
  return layout
}()

/// A command on keys, of words.
func keyed(_ line: String) -> KeyedCommand {
  let words = line.split(separator: " ").map { Array($0.utf8) }
  guard let command = KeyedCommand(logged: words, limit: Limits.valueBytesMax) else {
    fatalError("no command on keys: \(line)")
  }
  return command
}

/// A reply as in RESP2, without line ends.
func shown(_ reply: Reply) -> String {
  var writer = ReplyWriter()
  writer.write(reply)
  return String(decoding: writer.bytes, as: UTF8.self).split(separator: "\r\n")
    .joined(separator: " ")
}

func shown(_ outcome: CommandOutcome) -> String {
  if case .reply(let reply) = outcome { return shown(reply) }
  return "\(outcome)"
}

extension Keyspace {
  /// Stops unless map, index and counter agree.
  func checkAgreement() {
    map.checkStructure()
    index.checkStructure()
    var expected: [[UInt8]] = []
    map.forEach { element in
      let marks = element.marks
      invariant(marks.modified <= changes, "change \(marks.modified) of \(changes)")
      if marks.deadline > 0 {
        expected.append(
          (0..<8).map { UInt8(truncatingIfNeeded: marks.deadline >> (56 - 8 * $0)) }
            + Array(element.key))
      }
      return true
    }
    expected.sort { $0.lexicographicallyPrecedes($1) }
    var found: [[UInt8]] = []
    index.forEach { element in
      found.append(Array(element.key))
      return true
    }
    invariant(found == expected, "the index has \(found) instead of \(expected)")
    let first = found.first.map { $0.withUnsafeBytes { Keyspace.deadline(ofPlace: $0) } }
    invariant(firstDeadline == first ?? .max, "the first deadline is \(firstDeadline)")
  }
}

extension ShardGroupMachine {
  /// The same of all shards, and that the next deadline is the least of those that are served.
  func checkAgreement() {
    var next = UInt64.max
    for shard in shards.indices {
      shards[shard].keys.checkAgreement()
      if canServe(ShardID(shard)) { next = min(next, shards[shard].keys.firstDeadline) }
    }
    invariant(nextDeadline == next, "the next deadline is \(next) and not \(nextDeadline)")
  }
}
