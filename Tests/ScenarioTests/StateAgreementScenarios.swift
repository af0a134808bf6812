import Basics
import Clerk
import Raft
import ShardKVServer
import ShardMap
import Simulation
import Testing
import Wire

/// One bit of one replica's memory changes by itself: it is found, and the replica gets its state
/// anew from the others.
@Suite struct StateAgreementScenarios {
  private static let group = KeyValueLab.group
  /// How long it may take until that is over.
  private static let secondsMax = 60.0

  private static func lab(seed: UInt64, maxLogBytes: Int? = nil) throws -> LabCluster {
    guard let layout = ShardLayout(mapping: .slots, shardCount: 4) else {
      throw LabFailure("no layout")
    }
    var settings = LabCluster.Settings(layout: layout)
    settings.groups = [(group, 3)]
    settings.maxLogBytes = maxLogBytes
    settings.seed = seed
    let lab = LabCluster(settings)
    try lab.join([group])
    return lab
  }

  private static func write(_ lab: LabCluster) throws -> LabClient {
    let client = lab.makeClient()
    for number in 0..<40 { try client.put("key \(number)", "value \(number)") }
    return client
  }

  /// Waits until a flipped replica was rebuilt and has the state of the others.
  private static func rebuilt(_ victim: SimulatedCluster.Replica, _ lab: LabCluster) throws {
    let group = lab.cluster.plan.groups[victim.group].id
    let start = lab.seconds
    try lab.require("the replica to give up its state", within: secondsMax) {
      lab.simulator.rebuilds == 1
    }
    try lab.require("its group to give it everything", within: secondsMax) {
      let nodes = lab.servers(of: group).compactMap(\.node)
      return nodes.count == 3 && nodes.allSatisfy { $0.observation.trust.cause == nil }
        && Set(nodes.map(\.observation.appliedIndex)).count == 1
        && Set(nodes.map { $0.stateHash() }).count == 1
    }
    #expect(lab.seconds - start < secondsMax)
    #expect(victim.node?.counters.statesDiffered == 1)
    // The others never went, and find at the next index that all is well.
    for server in lab.servers(of: group) where server.host.index != victim.host.index {
      #expect(server.node?.counters.statesDiffered == 0)
    }
    try lab.require("all to agree again", within: secondsMax) {
      lab.servers(of: group).allSatisfy { $0.node?.status().agreement?.agreeing == 2 }
    }
    #expect(lab.simulator.rebuilds == 1)
  }

  private static func check(_ client: LabClient) throws {
    for number in 0..<40 {
      let value = try client.get("key \(number)")
      #expect(value == "value \(number)")
    }
  }

  /// Idle, with a log that reaches back to its beginning and with one that does not.
  @Test(arguments: [nil, 4_000], [false, true])
  func aFlippedBitIsFound(_ maxLogBytes: Int?, isLeader: Bool) throws {
    for seed: UInt64 in 1...3 {
      let lab = try Self.lab(seed: seed, maxLogBytes: maxLogBytes)
      let client = try Self.write(lab)
      let leader = try lab.leader(of: Self.group)
      let servers = lab.servers(of: Self.group)
      let victim = servers[isLeader ? leader : (leader + 1) % 3]
      let before = servers.map(\.host.incarnation)
      if maxLogBytes != nil {
        #expect(servers.allSatisfy { ($0.node?.observation.firstIndex ?? .zero) > LogIndex(1) })
      }
      let key = Array("key \(lab.random(0...39))".utf8)
      let isFlipped = lab.cluster.flipBit(lab.random(0...55), ofValueOf: key, in: victim)
      #expect(isFlipped)
      try Self.rebuilt(victim, lab)
      for (server, incarnation) in zip(servers, before) where server.host.index != victim.host.index
      {
        #expect(server.host.incarnation == incarnation)
      }
      try Self.check(client)
      if maxLogBytes != nil, !isLeader {
        #expect(victim.node?.counters.snapshotsReceived == 1)
      }
    }
  }

  @Test(arguments: 1...3 as ClosedRange<UInt64>)
  func aFlippedBitOfAControllerIsFound(_ seed: UInt64) throws {
    let lab = try Self.lab(seed: seed)
    let client = try Self.write(lab)
    let leader = try lab.leader(of: .none)
    let victim = lab.servers(of: .none)[seed == 1 ? leader : (leader + 1) % 3]
    #expect(lab.cluster.flipBit(2, ofValueOf: [], in: victim))
    try Self.rebuilt(victim, lab)
    try Self.check(client)
  }

  /// While others write: nothing that was acknowledged is lost, and every history is as of one
  /// store. The key whose value changed is read when that is over.
  @Test(arguments: [false, true], [nil, 4_000])
  func aFlippedBitIsFoundUnderLoad(isLeader: Bool, _ maxLogBytes: Int?) throws {
    let lab = try Self.lab(seed: 7, maxLogBytes: maxLogBytes)
    let client = try Self.write(lab)
    var isOver = false
    var values = Array(repeating: "", count: 3)
    let workers = (0..<3).map { number in
      let worker = lab.makeClient()
      var count = 0
      worker.work {
        guard !isOver else { return nil }
        count += 1
        if count % 2 == 0 { return .pause(milliseconds: 20) }
        let text = "\(count) "
        return .operation(.append(Array(text.utf8)), key: "worker \(number)") { _ in
          values[number] += text
        }
      }
      return worker
    }
    try lab.run(milliseconds: 3_000)
    let leader = try lab.leader(of: Self.group)
    let victim = lab.servers(of: Self.group)[isLeader ? leader : (leader + 1) % 3]
    #expect(lab.cluster.flipBit(1, ofValueOf: Array("key 7".utf8), in: victim))
    let start = lab.seconds
    try lab.require("the replica to give up its state", within: Self.secondsMax) {
      lab.simulator.rebuilds == 1
    }
    try lab.require("its group to give it everything", within: Self.secondsMax) {
      victim.node?.observation.trust.cause == nil && victim.node != nil
    }
    #expect(lab.seconds - start < Self.secondsMax)
    isOver = true
    try lab.require("the clients to finish") { workers.allSatisfy { $0.openCount == 0 } }
    try Self.check(client)
    for number in 0..<3 {
      let value = try client.get("worker \(number)")
      #expect(value == values[number] && value.count > 100)
    }
    try lab.checkHistory()
    #expect(lab.simulator.rebuilds == 1)
  }

  /// Two different states of two: nobody can tell which is right, so nobody gives up its own.
  @Test func twoThatDifferSaySoAndGoOn() throws {
    var settings = LabCluster.Settings(
      layout: try #require(ShardLayout(mapping: .slots, shardCount: 4)))
    settings.groups = [(Self.group, 2)]
    let lab = LabCluster(settings)
    try lab.join([Self.group])
    let client = try Self.write(lab)
    let servers = lab.servers(of: Self.group)
    #expect(lab.cluster.flipBit(1, ofValueOf: Array("key 7".utf8), in: servers[0]))
    try lab.require("both to say so", within: Self.secondsMax) {
      servers.allSatisfy { $0.node?.status().agreement?.isSplit == true }
    }
    try client.put("key 7", "value 7")
    try lab.require("both to agree again", within: Self.secondsMax) {
      servers.allSatisfy { server in
        server.node?.status().agreement.map { !$0.isSplit && $0.agreeing == 1 } ?? false
      }
    }
    #expect(lab.simulator.rebuilds == 0)
    try Self.check(client)
  }
}
