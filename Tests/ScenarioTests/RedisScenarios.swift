import Basics
import RESP
import ShardKVServer
import ShardMap
import Simulation
import Testing

/// Whole servers with clients of Redis, in virtual time: keys live as long as they were given,
/// whatever happens to leaders, shards and clocks, and counters count.
@Suite struct RedisScenarios {
  private static let first = GroupID(1)
  private static let second = GroupID(2)
  private static let key = "mortal"

  /// Two groups of three with all shards at the first.
  private static func lab(
    seed: UInt64, _ routing: RedisSettings.Routing = .redirect
  ) throws -> LabCluster {
    let layout = try #require(ShardLayout(mapping: .slots, shardCount: 4))
    var settings = LabCluster.Settings(layout: layout)
    settings.groups = [(first, 3), (second, 3)]
    settings.redis = routing
    settings.seed = seed
    let lab = LabCluster(settings)
    try lab.join([first])
    try lab.join([second])
    for shard in 0..<4 { try lab.move(ShardID(shard), to: first) }
    let newest = try lab.query().number
    try lab.require("the shards to arrive") {
      lab.servers(of: first).allSatisfy { server in
        guard let node = server.node, node.observation.configuration >= newest else { return false }
        return node.shardReports().count { $0.isOwned && $0.status == .serving } == 4
      }
    }
    return lab
  }

  private static var shard: ShardID {
    get throws {
      try #require(ShardLayout(mapping: .slots, shardCount: 4)).shard(of: Array(key.utf8))
    }
  }

  private static func owner(_ lab: LabCluster) throws -> GroupID {
    try lab.query().owner(of: shard)
  }

  /// Asks again and again until the key is gone.
  /// - Returns: when it was last there, and when it was not any more, virtual seconds.
  private static func watch(
    _ lab: LabCluster, _ client: LabRedisClient, meanwhile: (Double) throws -> Void
  ) throws -> (lastSeen: Double, gone: Double) {
    let start = lab.seconds
    var lastSeen = start
    while lab.seconds < start + 30 {
      let asked = lab.seconds
      switch try client.ask("EXISTS \(key)") {
      case .integer(1): lastSeen = asked
      case .integer(0): return (lastSeen, lab.seconds)
      case let reply: throw LabFailure("EXISTS was answered with \(reply)")
      }
      try meanwhile(lab.seconds - start)
      try lab.run(milliseconds: 10)
    }
    throw LabFailure("the key is still there")
  }

  @Test(arguments: [RedisSettings.Routing.redirect, .proxy], 1...3)
  func keyLivesItsTimeThroughLeadersAndMoves(
    _ routing: RedisSettings.Routing, _ seed: UInt64
  ) throws {
    let lab = try Self.lab(seed: seed, routing)
    let client = lab.makeRedisClient()
    let before = lab.seconds
    #expect(try client.ask("SET \(Self.key) 1 EX 10") == .ok)
    let after = lab.seconds
    var (changes, moves) = (0, 0)
    var stopped: SimulatedCluster.Replica?
    let (lastSeen, gone) = try Self.watch(lab, client) { time in
      if changes < 10, time > Double(changes + 1) * 0.85 {
        if let stopped { lab.start(stopped) }
        let group = try Self.owner(lab)
        let leader = lab.servers(of: group)[try lab.leader(of: group)]
        lab.stop(leader)
        stopped = leader
        changes += 1
      }
      if moves < 3, time > Double(moves + 1) * 2.2 {
        let group = try Self.owner(lab)
        try lab.move(try Self.shard, to: group == Self.first ? Self.second : Self.first)
        moves += 1
      }
    }
    #expect(changes == 10 && moves == 3)
    #expect(gone >= before + 10)
    #expect(lastSeen <= after + 10 + 1)
    #expect(gone <= after + 10 + 1.5)
    // It does not come back, and a new one is a new one.
    #expect(try client.ask("TTL \(Self.key)") == .integer(-2))
    #expect(try client.ask("SET \(Self.key) 2") == .ok)
    #expect(try client.ask("TTL \(Self.key)") == .integer(-1))
  }

  /// Nobody writes, so that nothing but the clock's own entries moves the clock.
  @Test func manyKeysExpireInTheirOrderWithoutWrites() throws {
    let lab = try Self.lab(seed: 4)
    let client = lab.makeRedisClient()
    for number in 1...40 {
      #expect(try client.ask("SET k\(number) 1 PX \(1_000 + number * 50)") == .ok)
    }
    #expect(try client.ask("DBSIZE") == .integer(40))
    try lab.run(milliseconds: 4_000)
    #expect(try client.ask("DBSIZE") == .integer(0))
    let sizes = lab.servers(of: Self.first).compactMap {
      $0.node?.shardReports().reduce(0) { $0 + $1.keys }
    }
    #expect(sizes == [0, 0, 0])
  }

  @Test(arguments: [true, false])
  func oneWrongWallClockExpiresNothing(isLeaders: Bool) throws {
    let lab = try Self.lab(seed: 5)
    let client = lab.makeRedisClient()
    let before = lab.seconds
    #expect(try client.ask("SET \(Self.key) 1 EX 20") == .ok)
    let after = lab.seconds
    let year: Int64 = 365 * 86_400_000
    let leader = try lab.leader(of: Self.first)
    let servers = lab.servers(of: Self.first)
    let wrong = isLeaders ? leader : (leader + 1) % 3
    servers[wrong].host.clock.wallOffset += year
    for second in 1...10 {
      try lab.run(milliseconds: 1_000)
      guard case .integer(let left) = try client.ask("PTTL \(Self.key)") else {
        Issue.record("no time to live")
        return
      }
      #expect(abs(left - Int64(20_000 - second * 1_000)) < 1_000)
      if second == 5 {
        // Whoever leads, also the one with the wrong clock.
        lab.stop(servers[try lab.leader(of: Self.first)])
      }
      if second == 6 { for server in servers { lab.start(server) } }
    }
    #expect(try client.ask("SET other 1 PX 1000") == .ok)
    try lab.run(milliseconds: 1_500)
    #expect(try client.ask("EXISTS other") == .integer(0))
    let (_, gone) = try Self.watch(lab, client) { _ in }
    #expect(gone >= before + 20 && gone <= after + 20 + 1.5)
  }

  /// Increments whose answers came are counted, and none twice; those whose fate is unknown once at
  /// most.
  @Test(arguments: [RedisSettings.Routing.redirect, .proxy], 1...3)
  func countersCountThroughLeadersAndMoves(
    _ routing: RedisSettings.Routing, _ seed: UInt64
  ) throws {
    let lab = try Self.lab(seed: seed, routing)
    let clients = (0..<4).map { _ in lab.makeRedisClient() }
    var (done, unknown) = (0, 0)
    var stopped: SimulatedCluster.Replica?
    for round in 0..<400 {
      let client = clients[round % clients.count]
      do {
        let reply = try client.ask("INCR \(Self.key)", repeats: false)
        switch reply {
        case .integer: done += 1
        case .error(let text):
          #expect(String(decoding: text, as: UTF8.self).hasPrefix("ERR outcome unknown"))
          unknown += 1
        default: Issue.record("INCR was answered with \(reply)")
        }
      } catch is LabFailure {
        unknown += 1
        _ = try client.ask("PING")
      }
      if round % 40 == 20 {
        if let stopped { lab.start(stopped) }
        let group = try Self.owner(lab)
        let leader = lab.servers(of: group)[try lab.leader(of: group)]
        // One in flight when it ends.
        clients[(round + 1) % clients.count].begin("INCR \(Self.key)") { answer in
          if case .reply(.integer) = answer { done += 1 } else { unknown += 1 }
        }
        try lab.run(milliseconds: lab.random(0...3))
        lab.stop(leader)
        stopped = leader
      }
      if round % 100 == 50 {
        let group = try Self.owner(lab)
        try lab.move(try Self.shard, to: group == Self.first ? Self.second : Self.first)
      }
    }
    try lab.run(milliseconds: 3_000)
    guard case .bulk(let text) = try clients[0].ask("GET \(Self.key)"),
      let count = Int(String(decoding: text, as: UTF8.self))
    else {
      Issue.record("no count")
      return
    }
    #expect(count >= done && count <= done + unknown)
    #expect(done > 300)
  }

  /// Shards at both groups, and clients at every node, leader or not: none notices.
  @Test func proxiesServeAllKeysAnywhere() throws {
    let lab = try Self.lab(seed: 7, .proxy)
    for shard in 2..<4 { try lab.move(ShardID(shard), to: Self.second) }
    try lab.run(milliseconds: 1_000)
    let client = lab.makeRedisClient()
    let numbers = Array(0..<60)
    let pairs = numbers.map { "k\($0) v\($0)" }.joined(separator: " ")
    let names = numbers.map { "k\($0)" }.joined(separator: " ")
    let all = Set(numbers.map { "k\($0)" })
    for address in client.addresses {
      client.address = address
      guard case .array(let hello) = try client.ask("HELLO") else { throw LabFailure("no HELLO") }
      #expect(hello.contains(.bulk("master")))
      #expect(try client.ask("MSET \(pairs)") == .ok)
      let values = numbers.map { RESP.Reply.bulk("v\($0)") }
      #expect(try client.ask("MGET \(names) none") == .array(values + [.null]))
      #expect(try client.ask("EXISTS \(names) k1 none") == .integer(61))
      #expect(try client.ask("DBSIZE") == .integer(60))
      #expect(Self.words(try client.ask("KEYS *")) == all)
      var found: Set<String> = []
      var cursor = "0"
      repeat {
        guard case .array(let parts) = try client.ask("SCAN \(cursor) COUNT 7"), parts.count == 2,
          case .bulk(let next) = parts[0]
        else { throw LabFailure("SCAN was answered with something else") }
        cursor = String(decoding: next, as: UTF8.self)
        found.formUnion(Self.words(parts[1]))
      } while cursor != "0"
      #expect(found == all)
      guard case .bulk(let key) = try client.ask("RANDOMKEY") else {
        throw LabFailure("RANDOMKEY found none")
      }
      #expect(all.contains(String(decoding: key, as: UTF8.self)))
      #expect(try client.ask("MSETNX k1 1 k2 2") == .error(Array(Self.crossSlot.utf8)))
      for key in ["a", "b", "c", "d"] {
        #expect(try client.ask("WATCH \(key)") == .ok)
        #expect(try client.ask("MULTI") == .ok)
        #expect(try client.ask("SET \(key) 1") == .simple("QUEUED"))
        #expect(try client.ask("INCR \(key)") == .simple("QUEUED"))
        #expect(try client.ask("EXEC") == .array([.ok, .integer(2)]))
      }
      #expect(try client.ask("DEL \(names)") == .integer(60))
      #expect(try client.ask("DBSIZE") == .integer(4))
      #expect(try client.ask("FLUSHALL") == .ok)
      #expect(try client.ask("DBSIZE") == .integer(0))
    }
  }

  private static let crossSlot = "CROSSSLOT Keys in request don't hash to the same slot"

  private static func words(_ reply: RESP.Reply) -> Set<String> {
    guard case .array(let elements) = reply else { return [] }
    return Set(
      elements.map { element in
        if case .bulk(let bytes) = element { String(decoding: bytes, as: UTF8.self) } else { "?" }
      })
  }
}
