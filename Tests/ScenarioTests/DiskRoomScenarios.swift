import Basics
import Clerk
import RESP
import ShardKVServer
import ShardMap
import Simulation
import Testing
import Wire

/// Disks that others fill: what makes the data grow is refused, and all else goes on.
@Suite struct DiskRoomScenarios {
  private static let first = GroupID(1)
  private static let second = GroupID(2)

  /// Two groups of three; all shards are at the first.
  private static func lab(seed: UInt64) throws -> LabCluster {
    let layout = try #require(ShardLayout(mapping: .slots, shardCount: 4))
    var settings = LabCluster.Settings(layout: layout)
    settings.groups = [(first, 3), (second, 3)]
    settings.redis = .redirect
    settings.diskReserveBytes = 2 << 20
    settings.seed = seed
    let lab = LabCluster(settings)
    try lab.join([first])
    try lab.join([second])
    for shard in 0..<4 { try lab.move(ShardID(shard), to: first) }
    try settle(lab, first)
    return lab
  }

  /// Waits until the group has all shards and owes nobody anything.
  private static func settle(_ lab: LabCluster, _ group: GroupID) throws {
    let newest = try lab.query().number
    try lab.require("the shards to arrive at group \(group)") {
      lab.servers(of: group).allSatisfy { server in
        guard let node = server.node, node.observation.configuration >= newest else { return false }
        return node.shardReports().count { $0.isOwned && $0.status == .serving } == 4
      }
    }
  }

  private static func leaveRoom(
    _ bytes: Int?, on servers: [SimulatedCluster.Replica], _ lab: LabCluster
  )
    throws
  {
    for server in servers { lab.simulator.leaveRoom(bytes, on: server.host) }
    try lab.run(milliseconds: 200)
  }

  /// The key that a test of full disks writes, at the first group.
  private static func put(_ client: LabClient, _ value: String) throws -> ClerkOutcome {
    try client.outcome(of: .write(key: Array("a".utf8), .put(value: Array(value.utf8))))
  }

  private static func isRefused(_ outcome: ClerkOutcome) -> Bool {
    if case .failed(let error) = outcome {
      error.code == .noRoom && !error.mayHaveBeenApplied
    } else {
      false
    }
  }

  /// Fifty times: the right error at once, everything else as ever, and writes again by themselves.
  @Test func allDisksFillAndAreFreedAgain() throws {
    let lab = try Self.lab(seed: 1)
    let client = lab.makeClient()
    let redis = lab.makeRedisClient()
    let servers = lab.servers(of: Self.first)
    let lives = servers.map(\.host.incarnation)
    var longest = (error: 0.0, resumed: 0.0)
    for cycle in 0..<50 {
      try client.put("a", "\(cycle)")
      try client.put("gone", "\(cycle)")
      // As much as an idle journal may want, and less than the reserve.
      try Self.leaveRoom(1 << 20, on: servers, lab)
      var begin = lab.seconds
      #expect(Self.isRefused(try Self.put(client, "not \(cycle)")))
      longest.error = max(longest.error, lab.seconds - begin)
      #expect(try client.get("a") == "\(cycle)")
      #expect(
        try client.outcome(of: .write(key: Array("gone".utf8), .delete))
          == .reply(.written(.written(version: 0))))
      guard case .error(let text) = try redis.ask("APPEND a x") else {
        Issue.record("a client of Redis appended without room")
        return
      }
      #expect(text.starts(with: Array("OOM ".utf8)))
      begin = lab.seconds
      for server in servers { lab.simulator.leaveRoom(nil, on: server.host) }
      try lab.require("writes to be taken again", within: 5) {
        if case .reply = (try? Self.put(client, "again")) ?? .reply(.noKey) { true } else { false }
      }
      longest.resumed = max(longest.resumed, lab.seconds - begin)
    }
    print("the longest: \(longest.error) s to the error, \(longest.resumed) s until it was taken")
    #expect(longest.error < 1 && longest.resumed < 1)
    #expect(servers.map(\.host.incarnation) == lives)
  }

  /// One full disk, whoever has it, does not stop a group; two do.
  @Test func groupGoesOnWithOneFullDiskAndNotWithTwo() throws {
    let lab = try Self.lab(seed: 4)
    let client = lab.makeClient()
    let servers = lab.servers(of: Self.first)
    for room in [1 << 20, 0] {
      for server in servers {
        try Self.leaveRoom(room, on: [server], lab)
        let begin = lab.seconds
        for number in 0..<100 { try client.put("\(number)", "\(server.number)") }
        #expect(lab.seconds - begin < 2)
        #expect(try lab.leader(of: Self.first) != server.number - 1)
        try Self.leaveRoom(nil, on: [server], lab)
        try lab.run(milliseconds: 500)
      }
      let leader = servers[try lab.leader(of: Self.first)].host.index
      let others = servers.filter { $0.host.index != leader }
      try Self.leaveRoom(room, on: others, lab)
      #expect(Self.isRefused(try Self.put(client, "not")))
      try Self.leaveRoom(nil, on: Array(others.prefix(1)), lab)
      try client.put("a", "1")
      try Self.leaveRoom(nil, on: others, lab)
    }
  }

  /// With nothing left at all the journals take nothing: reads are all that is served.
  @Test func readsAreServedFromDisksWithoutAnyRoom() throws {
    let lab = try Self.lab(seed: 3)
    let client = lab.makeClient()
    let servers = lab.servers(of: Self.first)
    let lives = servers.map(\.host.incarnation)
    try client.put("a", "1")
    for _ in 0..<10 {
      try Self.leaveRoom(0, on: servers, lab)
      #expect(Self.isRefused(try Self.put(client, "not")))
      #expect(Self.isRefused(try client.outcome(of: .write(key: Array("a".utf8), .delete))))
      #expect(try client.get("a") == "1")
      try Self.leaveRoom(nil, on: servers, lab)
      try client.put("a", "1")
    }
    #expect(servers.map(\.host.incarnation) == lives)
  }

  /// Shards leave a group without room, and come when there is some again.
  @Test func shardsMoveOffAFullGroupAndToOneOnlyWhenItHasRoom() throws {
    let lab = try Self.lab(seed: 2)
    let client = lab.makeClient()
    for number in 0..<20 { try client.put("\(number)", "v\(number)") }
    try Self.leaveRoom(1 << 20, on: lab.servers(of: Self.first), lab)
    for shard in 0..<4 { try lab.move(ShardID(shard), to: Self.second) }
    try Self.settle(lab, Self.second)
    for number in 0..<20 { #expect(try client.get("\(number)") == "v\(number)") }
    try client.put("0", "w")

    try lab.move(ShardID(0), to: Self.first)
    try lab.run(milliseconds: 5_000)
    let states = lab.servers(of: Self.first).compactMap { server in
      server.node?.shardReports().first { $0.shard == ShardID(0) }?.status
    }
    #expect(states == [.pulling, .pulling, .pulling])
    try Self.leaveRoom(nil, on: lab.servers(of: Self.first), lab)
    try lab.require("the shard to arrive", within: 5) {
      lab.servers(of: Self.first).allSatisfy { server in
        server.node?.shardReports().contains { $0.shard == ShardID(0) && $0.status == .serving }
          == true
      }
    }
    for number in 1..<20 { #expect(try client.get("\(number)") == "v\(number)") }
    #expect(try client.get("0") == "w")
  }
}
