import Basics
import Clerk
import ShardMap
import Simulation
import Testing
import Wire

/// The two scenarios of the 2023 shard controller lab, and that of 2025, in virtual time: three
/// controllers, ten or twelve shards, and groups that exist by their registration alone.
struct ControllerScenarios {
  /// Controllers without groups, and the clients of a scenario.
  struct Controllers {
    let lab: LabCluster
    let client: LabClient

    init(seed: UInt64, shards: Int = 10) throws {
      guard let layout = ShardLayout(mapping: .firstByte, shardCount: shards) else {
        throw LabFailure("no layout")
      }
      var settings = LabCluster.Settings(layout: layout)
      settings.groups = []
      settings.seed = seed
      lab = LabCluster(settings)
      client = lab.makeClient()
    }

    static func seeds(_ group: UInt32) -> [String] { ["x", "y", "z"].map { "\(group)\($0):1" } }

    func register(_ groups: [UInt32]) throws {
      for group in groups {
        let replicas = Self.seeds(group).enumerated().map { number, address in
          ReplicaAddress(
            id: ReplicaID(rawValue: UInt64(group) << 8 | UInt64(number + 1)), peer: address)
        }
        let record = GroupRecord(
          identity: GroupIdentity(rawValue: UInt64(group)), membershipIndex: 1, replicas: replicas)
        let outcome = try client.outcome(of: .register(GroupID(group), record))
        guard case .reply(.done) = outcome else { throw LabFailure("register: \(outcome)") }
      }
    }

    static func join(_ groups: [UInt32]) -> ControlCommand {
      .join(groups.map { JoinRequest(group: GroupID($0), seeds: seeds($0)) })
    }

    static func leave(_ groups: [UInt32]) -> ControlCommand {
      .leave(groups.map { GroupID($0) }, force: true)
    }

    func join(_ groups: [UInt32]) throws {
      try register(groups)
      try lab.control(Self.join(groups))
    }

    func leave(_ groups: [UInt32]) throws { try lab.control(Self.leave(groups)) }

    /// Exactly these groups, every shard on one of them, and evenly.
    @discardableResult func check(_ groups: [UInt32]) throws -> Configuration {
      let latest = try lab.query()
      #expect(latest.groupIDs == groups.map { GroupID($0) }.sorted())
      guard !groups.isEmpty else {
        #expect(latest.shards.allSatisfy { $0.owner == .none })
        return latest
      }
      #expect(latest.shards.allSatisfy { latest.groups[$0.owner] != nil })
      let counts = latest.groupIDs.map { group in latest.shards.count { $0.owner == group } }
      #expect((counts.max() ?? 0) - (counts.min() ?? 0) <= 1)
      return latest
    }

    /// Each list by a client of its own, all at once.
    func controlAtOnce(_ lists: [[ControlCommand]]) throws {
      var left = lists.count
      for list in lists {
        let client = lab.makeClient()
        func next(_ position: Int) {
          guard position < list.count else {
            left -= 1
            return
          }
          lab.cluster.submit(.control(list[position]), by: client.client, timeout: 60_000_000_000) {
            outcome in
            guard case .reply(.done) = outcome else {
              lab.simulator.fail(.wrongResult, "\(list[position]): \(outcome)")
              return
            }
            next(position + 1)
          }
        }
        next(0)
      }
      try lab.require("\(lists.count) clients to finish") { left == 0 }
    }

    func checkServers(_ configuration: Configuration, _ group: UInt32) {
      let addresses = configuration.groups[GroupID(group)]?.replicas.map(\.peer)
      #expect(addresses == Self.seeds(group))
    }

    /// With each server down in turn, old numbers still name the same configurations.
    func checkHistory(_ recorded: [Configuration]) throws {
      for server in lab.servers(of: .none) {
        lab.stop(server)
        for configuration in recorded {
          #expect(try lab.query(configuration.number) == configuration)
        }
        lab.start(server)
        try lab.run(milliseconds: 300)
      }
    }

    /// No shard moved from one of `groups` to another of them.
    func checkNoMoves(
      among groups: [UInt32], _ before: Configuration, _ after: Configuration
    ) {
      let stayed = Set(groups.map { GroupID($0) })
      for (old, new) in zip(before.shards, after.shards) where stayed.contains(old.owner) {
        #expect(new.owner == old.owner || !stayed.contains(new.owner))
      }
    }

    /// No shard left a group that is still there.
    func checkSurvivorsKeepAll(_ before: Configuration, _ after: Configuration) {
      for (old, new) in zip(before.shards, after.shards) where after.groups[old.owner] != nil {
        #expect(new.owner == old.owner)
      }
    }
  }

  /// With ten shards as in 2023, and twelve as in 2025, where the balance alone is looked at.
  @Test("TestBasic, shardcfg TestBasic", arguments: [10, 12])
  func basic(shards: Int) throws {
    let controllers = try Controllers(seed: 1, shards: shards)
    let lab = controllers.lab
    var recorded: [Configuration] = [try controllers.check([])]
    try controllers.join([1])
    recorded.append(try controllers.check([1]))
    try controllers.join([2])
    recorded.append(try controllers.check([1, 2]))
    controllers.checkServers(try lab.query(), 1)
    controllers.checkServers(try lab.query(), 2)
    try controllers.leave([1])
    recorded.append(try controllers.check([2]))
    controllers.checkServers(try lab.query(), 2)
    try controllers.leave([2])
    recorded.append(try controllers.check([]))
    try controllers.checkHistory(recorded)

    try controllers.join([503])
    try controllers.join([504])
    for shard in 0..<10 {
      let target = GroupID(shard < 5 ? 503 : 504)
      let before = try lab.query()
      try lab.move(ShardID(shard), to: target)
      let after = try lab.query()
      #expect(after.owner(of: ShardID(shard)) == target)
      if before.owner(of: ShardID(shard)) != target { #expect(after.number > before.number) }
    }
    let moved = try lab.query()
    for shard in 0..<10 {
      #expect(moved.owner(of: ShardID(shard)) == GroupID(shard < 5 ? 503 : 504))
    }
    try controllers.leave([503])
    try controllers.leave([504])

    let groups = (0..<10).map { UInt32($0 * 10 + 100) }
    try controllers.register(groups + groups.map { $0 + 1_000 })
    try controllers.controlAtOnce(
      groups.map {
        [Controllers.join([$0 + 1_000]), Controllers.join([$0]), Controllers.leave([$0 + 1_000])]
      })
    let settled = try controllers.check(groups)

    for group in UInt32(11)...15 { try controllers.join([group]) }
    let grown = try controllers.check(groups + Array(11...15))
    controllers.checkNoMoves(among: groups, settled, grown)
    for group in UInt32(11)...15 { try controllers.leave([group]) }
    controllers.checkSurvivorsKeepAll(grown, try controllers.check(groups))
  }

  @Test("TestMulti") func multi() throws {
    let controllers = try Controllers(seed: 2)
    let lab = controllers.lab
    var recorded: [Configuration] = [try controllers.check([])]
    try controllers.join([1, 2])
    recorded.append(try controllers.check([1, 2]))
    try controllers.join([3])
    recorded.append(try controllers.check([1, 2, 3]))
    for group in UInt32(1)...3 { controllers.checkServers(try lab.query(), group) }
    try controllers.leave([1, 3])
    recorded.append(try controllers.check([2]))
    controllers.checkServers(try lab.query(), 2)
    try controllers.leave([2])
    recorded.append(try controllers.check([]))
    try controllers.checkHistory(recorded)

    let groups = (0..<10).map { UInt32($0 + 1_000) }
    try controllers.register(groups + groups.flatMap { [$0 + 1_000, $0 + 2_000] })
    try controllers.controlAtOnce(
      groups.map {
        [
          Controllers.join([$0, $0 + 1_000, $0 + 2_000]),
          Controllers.leave([$0 + 1_000, $0 + 2_000]),
        ]
      })
    let settled = try controllers.check(groups)

    let more = Array(UInt32(11)...15)
    try controllers.join(more)
    let grown = try controllers.check(groups + more)
    controllers.checkNoMoves(among: groups, settled, grown)
    try controllers.leave(more)
    controllers.checkSurvivorsKeepAll(grown, try controllers.check(groups))

    // The same configuration on the other servers.
    let before = try lab.query()
    let leader = try lab.leader(of: .none)
    lab.stop(lab.servers(of: .none)[leader])
    try lab.require("a new leader", within: 3) {
      lab.cluster.leader(of: .none) != nil
    }
    #expect(try lab.query() == before)
  }
}
