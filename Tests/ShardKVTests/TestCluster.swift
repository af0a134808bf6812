import Basics
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

  init(_ group: UInt32, layout: ShardLayout, bugs: PlantedBugs = []) {
    machine = ShardGroupMachine(
      group: GroupID(group), identity: TestController.identity(GroupID(group)), layout: layout,
      bugs: bugs)
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
      group: machine.group, identity: machine.identity, layout: machine.layout, bugs: machine.bugs)
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
