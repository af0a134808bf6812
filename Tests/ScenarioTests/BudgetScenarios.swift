import Raft
import ShardMap
import Simulation
import Testing

/// How many messages that are no replies the servers of a group of three send each other: what the
/// labs count as RPCs, with tighter limits.
struct BudgetScenarios {
  static let group = KeyValueLab.group

  static func calls(_ lab: LabCluster) -> Int {
    lab.servers(of: group).reduce(0) { $0 + ($1.node?.callsSent ?? 0) }
  }

  @Test("Count: an election", arguments: UInt64(1)...20)
  func election(_ seed: UInt64) throws {
    guard let layout = ShardLayout(mapping: .slots, shardCount: 1) else {
      throw LabFailure("no layout")
    }
    var settings = LabCluster.Settings(layout: layout)
    settings.seed = seed
    let lab = LabCluster(settings)
    _ = try lab.leader(of: Self.group)
    #expect(1...20 ~= Self.calls(lab))
  }

  @Test("Count: twelve entries at once", arguments: UInt64(1)...20)
  func batch(_ seed: UInt64) throws {
    let lab = try KeyValueLab.makeLab(servers: 3, seed: seed)
    let client = lab.makeClient()
    try client.put("x", "1")
    let before = Self.calls(lab)
    for number in 0..<12 { client.begin(.put([UInt8(number)]), key: "\(number)") { _ in } }
    try lab.require("all replicas to apply all") {
      let applied = lab.servers(of: Self.group).map { $0.node?.observation.appliedIndex }
      return client.openCount == 0 && applied.allSatisfy { $0 == applied[0] }
    }
    #expect(Self.calls(lab) - before <= 24)
  }

  @Test("Count: an idle second", arguments: UInt64(1)...20)
  func idle(_ seed: UInt64) throws {
    let lab = try KeyValueLab.makeLab(servers: 3, seed: seed)
    try lab.run(milliseconds: 1_000)
    let before = Self.calls(lab)
    try lab.run(milliseconds: 1_000)
    #expect(Self.calls(lab) - before <= 40)
  }
}
