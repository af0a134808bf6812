import Basics
import Sessions
import ShardMap
import Testing

@testable import ShardKV

/// Three groups, random configurations, and hand-overs whose messages come late, twice and in any
/// order. Checked: no append is lost or applied twice, and every shard is served by at most one
/// group.
struct MachineSimulationTests {
  private struct World {
    enum Failure: Hashable {
      case servedTwice, appliedTwice, lost, stuck
    }

    /// What a leader has asked its log or another group to do; carried out whenever chance wants.
    enum Parcel {
      case command(Int, ShardGroupMachine.Command)
      case askChunk(Int, ShardID, left: ConfigNumber, GroupID, cursor: [UInt8])
      case askDeletion(Int, ShardID, left: ConfigNumber, GroupID)
    }

    struct Pending {
      var id: WriteID
      var key: [UInt8]
      var token: UInt8
    }

    var generator: SeededGenerator
    var controller: TestController
    var machines: [TestMachine]
    var parcels: [Parcel] = []
    var pending: [Pending] = []
    /// What was answered, by key; each token is appended at most once.
    var acknowledged: [[UInt8]: [UInt8]] = [:]
    var tokens: [[UInt8]: UInt8] = [:]
    var sessions: [Int: (session: SessionID, next: UInt64)] = [:]
    var clock: UInt64 = 1000
    var failures: Set<Failure> = []
    let gids = [GroupID(1), GroupID(2), GroupID(3)]

    init(seed: UInt64, bugs: PlantedBugs) {
      generator = SeededGenerator(seed: seed)
      controller = TestController(layout: layoutOfFour, groups: gids)
      machines = (1...3).map { TestMachine($0, layout: layoutOfFour, bugs: bugs) }
    }

    mutating func apply(_ machine: Int, _ command: ShardGroupMachine.Command) -> Output {
      clock += UInt64(generator.next(in: 0...2))
      return machines[machine].apply(command, stamp: clock)
    }

    mutating func reconfigure() {
      guard
        machines.allSatisfy({
          $0.machine.configuration.number.rawValue + 3 > controller.newest.number.rawValue
        })
      else { return }
      if generator.chance(0.1) {
        let owners = Dictionary(uniqueKeysWithValues: (0..<4).map { ($0, GroupID.none) })
        controller.move(owners, members: [])
        return
      }
      var owners: [Int: GroupID] = [:]
      for shard in 0..<4
      where generator.chance(0.4) || controller.newest.shards[shard].owner == .none {
        owners[shard] = gids[generator.next(in: 0..<3)]
      }
      controller.move(owners, members: gids)
    }

    mutating func adopt(_ machine: Int) {
      let next = Int(machines[machine].machine.configuration.number.next.rawValue)
      guard next < controller.history.count else { return }
      let configuration = controller.history[next]
      guard machines[machine].machine.canAdopt(configuration) else { return }
      parcels.append(.command(machine, .adopt(configuration)))
    }

    mutating func askDuties(_ machine: Int) {
      for duty in machines[machine].machine.duties() {
        switch duty {
        case .pull(let shard, let left, let group, _, let cursor):
          parcels.append(.askChunk(machine, shard, left: left, group, cursor: cursor))
        case .requestDeletion(let shard, let left, let group, _):
          parcels.append(.askDeletion(machine, shard, left: left, group))
        }
      }
    }

    mutating func deliver() {
      guard !parcels.isEmpty else { return }
      let index = generator.next(in: 0..<parcels.count)
      let parcel = parcels[index]
      // Now and then it arrives once more later.
      if !generator.chance(0.15) { parcels.remove(at: index) }
      switch parcel {
      case .command(let machine, let command): _ = apply(machine, command)
      case .askChunk(let machine, let shard, let left, let group, let cursor):
        let source = Int(group.rawValue) - 1
        let answer = machines[source].machine.shardChunk(
          shard, left: left, cursor: cursor, bytesMax: 1)
        guard case .chunk(let bytes) = answer else { return }
        parcels.append(.command(machine, .installChunk(shard, left: left, bytes: bytes)))
      case .askDeletion(let machine, let shard, let left, let group):
        let source = Int(group.rawValue) - 1
        switch machines[source].machine.deletion(shard, left: left) {
        case .notReady: return
        case .propose: _ = apply(source, .deleteShard(shard, left: left))
        case .alreadyDone: break
        }
        parcels.append(.command(machine, .confirmDeleted(shard, left: left)))
      }
    }

    mutating func startWrite() {
      let shard = generator.next(in: 0..<4)
      let key: [UInt8] = [UInt8(shard), UInt8(generator.next(in: 0..<3))]
      guard tokens[key, default: 0] < 250 else { return }
      if sessions[shard] == nil {
        for machine in machines where sessions[shard] == nil {
          if let id = machine.machine.issueSession(shard: ShardID(shard), nonce: UInt64(shard)) {
            sessions[shard] = (id, 1)
          }
        }
      }
      guard let session = sessions[shard] else { return }
      tokens[key, default: 0] += 1
      sessions[shard]?.next += 1
      let id = WriteID(session: session.session, sequence: session.next, firstUnanswered: 1)
      pending.append(Pending(id: id, key: key, token: tokens[key, default: 0]))
    }

    /// Sends a write to any group, as a client that has lost track; now and then without hearing
    /// the answer.
    mutating func sendWrite() {
      guard !pending.isEmpty else { return }
      let index = generator.next(in: 0..<pending.count)
      let write = pending[index]
      let machine = generator.next(in: 0..<3)
      // Proposed while it was served; whether it still is shows when it is applied.
      let output = apply(machine, .write(write.id, key: write.key, .append(value: [write.token])))
      if case .write = output, generator.chance(0.6) {
        acknowledged[write.key, default: []].append(write.token)
        pending.remove(at: index)
      }
      if output == .expired { failures.insert(.lost) }
    }

    mutating func check() {
      for shard in 0..<4 {
        let servers = machines.filter { $0.machine.canServe(ShardID(shard)) }
        if servers.count > 1 { failures.insert(.servedTwice) }
      }
    }

    mutating func settle() {
      for _ in 0..<3000 {
        for machine in 0..<3 {
          adopt(machine)
          askDuties(machine)
        }
        for _ in 0..<6 { deliver() }
        parcels.removeAll { _ in generator.chance(0.2) }
        let isDone = machines.allSatisfy {
          $0.machine.configuration.number == controller.newest.number
            && $0.machine.duties().isEmpty
        }
        if isDone { return }
      }
      failures.insert(.stuck)
    }

    mutating func checkContent() {
      for shard in 0..<4 {
        guard let owner = machines.first(where: { $0.machine.canServe(ShardID(shard)) }) else {
          continue
        }
        for number: UInt8 in 0..<3 {
          let key = [UInt8(shard), number]
          let value = owner.value(key) ?? []
          if Set(value).count != value.count { failures.insert(.appliedTwice) }
          if !Set(acknowledged[key] ?? []).isSubset(of: value) { failures.insert(.lost) }
        }
      }
    }

    mutating func run() throws {
      controller.move(
        Dictionary(uniqueKeysWithValues: (0..<4).map { ($0, gids[$0 % 3]) }), members: gids)
      for _ in 0..<1500 {
        switch generator.next(in: 0..<20) {
        case 0: reconfigure()
        case 1...3: adopt(generator.next(in: 0..<3))
        case 4...6: askDuties(generator.next(in: 0..<3))
        case 7...12: deliver()
        case 13...14: startWrite()
        case 15...18: sendWrite()
        default: if generator.chance(0.3) { try machines[generator.next(in: 0..<3)].restart() }
        }
        check()
        if parcels.count > 40 { parcels.removeFirst(20) }
      }
      if controller.newest.groupIDs.isEmpty {
        controller.move(
          Dictionary(uniqueKeysWithValues: (0..<4).map { ($0, gids[0]) }), members: gids)
      }
      settle()
      checkContent()
    }
  }

  private static func failures(seed: UInt64, bugs: PlantedBugs = []) throws -> Set<String> {
    var world = World(seed: seed, bugs: bugs)
    try world.run()
    if bugs.isEmpty {
      let written = world.acknowledged.values.reduce(0) { $0 + $1.count }
      #expect(written > 20 && world.controller.newest.number.rawValue > 5)
    }
    return Set(world.failures.map { "\($0)" })
  }

  @Test(arguments: 0..<30) func nothingIsLostOrAppliedTwice(seed: UInt64) throws {
    #expect(try Self.failures(seed: seed) == [])
  }

  @Test(arguments: [
    PlantedBugs.ownershipOnlyWhenProposing, .sessionsLeftBehind, .sourceDeletedEarly,
    .servedBeforeData,
  ])
  func aPlantedBugIsFound(bug: PlantedBugs) throws {
    var found: Set<String> = []
    for seed: UInt64 in 0..<20 where found.isEmpty {
      found = try Self.failures(seed: seed, bugs: bug)
    }
    #expect(!found.isEmpty)
  }
}
