import Basics
import Clerk
import Sessions
import ShardMap
import Testing
import Wire

@Suite("The clerk finds who can do it")
struct ClerkRoutingTests {
  @Test("a write and a read, over one connection for each address")
  func writeAndRead() throws {
    let cluster = try FakeCluster()
    let put = cluster.put("a", "1")
    cluster.runUntilFinished()
    let get = cluster.submit(.get(key: Array("a".utf8)))
    let missing = cluster.submit(.get(key: Array("c".utf8)))
    cluster.runUntilFinished()
    #expect(cluster.reply(put) == .written(.written(version: 1)))
    #expect(cluster.reply(get) == .value(Array("1".utf8), version: 1))
    #expect(cluster.reply(missing) == .noKey)
    #expect(Set(cluster.connects).count == cluster.connects.count)
    #expect(cluster.connects.contains("g2:1"))
    #expect(cluster.clerk.nextDeadline == nil)
  }

  @Test("route tells where a key is, once there is a configuration")
  func route() throws {
    let cluster = try FakeCluster()
    #expect(cluster.clerk.route(Array("a".utf8)) == nil)
    cluster.put("a", "1")
    cluster.runUntilFinished()
    let route = try #require(cluster.clerk.route(Array("a".utf8)))
    #expect(route.shard == ShardID(1) && route.group == GroupID(2))
    #expect(route.addresses == ["g2:1", "g2:2", "g2:3"])
    #expect(route.configuration == ConfigNumber(1))
  }

  @Test("a new leader is found by its hint, and asked first from then on")
  func leaderChange() throws {
    let cluster = try FakeCluster()
    cluster.put("a", "1")
    cluster.runUntilFinished()
    try cluster.lead("g2:3")
    let second = cluster.put("a", "2")
    cluster.runUntilFinished()
    #expect(cluster.reply(second) == .written(.written(version: 2)))
    let asked = try cluster.node("g2:1").requests.count
    cluster.put("a", "3")
    cluster.runUntilFinished()
    #expect(try cluster.node("g2:1").requests.count == asked)
    #expect(try cluster.node("g2:2").requests.isEmpty)
  }

  @Test("without a hint the replicas are asked in turn, with pauses")
  func noHint() throws {
    let cluster = try FakeCluster()
    try cluster.lead("g2:3", known: false)
    let put = cluster.put("a", "1")
    cluster.runUntilFinished()
    #expect(cluster.reply(put) == .written(.written(version: 1)))
    #expect(try cluster.node("g2:2").requests.count == 1)
    let done = try #require(cluster.finished[put])
    #expect(done.at > 1_020 * millisecond && done.at < 1_200 * millisecond)
  }

  @Test("hints in a circle do not spin")
  func hintCircle() throws {
    let cluster = try FakeCluster()
    try cluster.node("g2:1").leader = "g2:2"
    try cluster.node("g2:2").leader = "g2:1"
    let get = cluster.submit(.get(key: Array("a".utf8)), for: 1_000 * millisecond)
    cluster.runUntilFinished()
    #expect(cluster.error(get)?.code == .unavailable)
    let asked = try cluster.node("g2:1").requests.count + cluster.node("g2:2").requests.count
    #expect(asked < 150)
  }

  @Test(
    "a shard that moved is found with one question to the controller, and writes keep their ids")
  func movedShard() throws {
    let cluster = try FakeCluster()
    cluster.put("a", "0")
    cluster.runUntilFinished()
    let session = try #require(try cluster.node("g2:1").writes.first?.session)
    try cluster.move(1, to: GroupID(1))
    let queries = try cluster.node("c:1").requests.count
    let puts = (0..<100).map { cluster.put("a", "\($0)") }
    cluster.runUntilFinished()
    for put in puts { #expect(cluster.reply(put) != nil) }
    #expect(try cluster.node("c:1").requests.count == queries + 1)
    let moved = try cluster.node("g1:1").writes
    #expect(moved.count == 100 && moved.allSatisfy { $0.session == session })
    #expect(Set(moved.map(\.sequence)) == Set(2...101))
    #expect(try #require(cluster.groups[GroupID(1)]).applied == 100)
  }

  @Test("a group behind the clerk's configuration is waited for")
  func groupBehind() throws {
    let cluster = try FakeCluster()
    cluster.put("a", "0")
    cluster.runUntilFinished()
    var isBehind = true
    try cluster.node("g2:1").script = { _ in
      isBehind ? .reply(.refused(.wrongGroup(.zero))) : .ordinary
    }
    let put = cluster.put("a", "1")
    cluster.run(for: 300 * millisecond)
    #expect(cluster.finished[put] == nil)
    let queries = try cluster.node("c:1").requests.count
    isBehind = false
    cluster.runUntilFinished()
    #expect(cluster.reply(put) != nil)
    #expect(queries == 1)
  }

  @Test("a shard without owner is waited for, and the error says so")
  func noOwner() throws {
    let cluster = try FakeCluster()
    cluster.configuration.shards[1].owner = .none
    let put = cluster.put("a", "1", for: 500 * millisecond)
    let other = cluster.put("b", "1")
    cluster.runUntilFinished()
    let error = try #require(cluster.error(put))
    #expect(error.code == .unavailable && !error.mayHaveBeenApplied)
    #expect(error.message.contains("no group owns shard 1"))
    #expect(try #require(cluster.finished[other]).at < 1_020 * millisecond)
    #expect(try cluster.node("c:1").requests.count < 40)
  }

  @Test("an address that belongs to another group by now gets no request")
  func strangerAtAddress() throws {
    let cluster = try FakeCluster()
    let node = try cluster.node("g2:1")
    node.identity = GroupIdentity(rawValue: 999)
    try cluster.lead("g2:2")
    let put = cluster.put("a", "1")
    cluster.runUntilFinished()
    #expect(cluster.reply(put) != nil)
    #expect(node.requests.isEmpty)
  }

  @Test("a planned configuration is an answer, and not the newest one")
  func planning() throws {
    let cluster = try FakeCluster()
    let plan = cluster.submit(.plan(.drain([GroupID(1)])))
    cluster.runUntilFinished()
    var planned = cluster.configuration
    planned.number = ConfigNumber(2)
    #expect(cluster.reply(plan) == .planned(planned))
    let get = cluster.submit(.get(key: [0]))
    cluster.runUntilFinished()
    #expect(cluster.reply(get) == .noKey)
    #expect(cluster.clerk.configuration?.number == ConfigNumber(1))
  }

  @Test("control commands have a session of the controller; register and query need none")
  func controller() throws {
    let cluster = try FakeCluster()
    try cluster.lead("c:2")
    let record = try #require(cluster.configuration.groups[GroupID(1)])
    let move = cluster.submit(.control(.move(ShardID(0), to: GroupID(2))))
    let register = cluster.submit(.register(GroupID(1), record))
    let query = cluster.submit(.query(nil))
    cluster.runUntilFinished()
    #expect(cluster.reply(move) == .done(ConfigNumber(1)))
    #expect(cluster.reply(register) == .done(.zero))
    #expect(cluster.reply(query) == .configuration(cluster.configuration, controllers: []))
    #expect(cluster.clerk.configuration == cluster.configuration)
  }

  @Test("a group is asked by its record alone, and says itself that it is not ready")
  func toGroup() throws {
    let cluster = try FakeCluster()
    var record = try #require(cluster.configuration.groups[GroupID(1)])
    record.replicas.swapAt(0, 2)
    let body = Request.Body.shardData(ShardID(1), left: ConfigNumber(1), cursor: [])
    let chunk = cluster.submit(.toGroup(GroupID(1), record, body))
    cluster.runUntilFinished()
    #expect(cluster.reply(chunk) == .shardChunk([1, 2, 3]))
    try cluster.node("g1:1").script = { _ in .reply(.refused(.notReady)) }
    let refused = cluster.submit(.toGroup(GroupID(1), record, body))
    cluster.runUntilFinished()
    #expect(cluster.reply(refused) == .refused(.notReady))
    #expect(try cluster.node("c:1").requests.isEmpty)
  }

  @Test("a replica that cannot give a shard, perhaps for good, is passed over")
  func staleSource() throws {
    let cluster = try FakeCluster()
    let record = try #require(cluster.configuration.groups[GroupID(1)])
    let body = Request.Body.shardData(ShardID(1), left: ConfigNumber(1), cursor: [])
    for address in ["g1:2", "g1:3"] {
      try cluster.node(address).script = { _ in .reply(.refused(.wrongLeader(hint: "g1:1"))) }
    }
    let first = cluster.submit(.toGroup(GroupID(1), record, body))
    cluster.runUntilFinished()
    #expect(cluster.reply(first) == .shardChunk([1, 2, 3]))
    try cluster.node("g1:1").script = { _ in .reply(.refused(.notReady)) }
    for address in ["g1:2", "g1:3"] {
      try cluster.node(address).script = { _ in .reply(.shardChunk([7])) }
    }
    let later = (0..<6).map { _ in
      let id = cluster.submit(.toGroup(GroupID(1), record, body))
      cluster.runUntilFinished()
      return cluster.reply(id)
    }
    #expect(later.contains(.shardChunk([7])))
  }

  @Test(
    "an older configuration tells where the replicas of a source are by now",
    arguments: [true, false])
  func replacedSource(isStillNamed: Bool) throws {
    let cluster = try FakeCluster()
    let group = GroupID(1)
    let record = try #require(cluster.configuration.groups[group])
    let older = cluster.configuration
    try cluster.move(0, to: GroupID(2))
    if !isStillNamed { cluster.configuration.groups[group] = nil }
    cluster.submit(.query(nil))
    cluster.runUntilFinished()
    // Then all of group 1 are replaced. Those that were removed still run, and do not know how the
    // group went on; who is behind asks for the next configuration only, and not for the newest.
    for number in 1...3 {
      try cluster.node("g1:\(number)").script = { _ in .reply(.refused(.notReady)) }
    }
    cluster.nodes["g1:4"] = FakeNode("g1:4", group, record.identity, leader: nil)
    try cluster.node("c:1").script = { request in
      if case .query(ConfigNumber(0)?) = request.body {
        return .reply(.configuration(Configuration(layout: older.layout), controllers: []))
      }
      guard case .query(older.number?) = request.body else { return .ordinary }
      var answer = older
      answer.groups[group] = GroupRecord(
        identity: record.identity, membershipIndex: 9,
        replicas: [ReplicaAddress(id: ReplicaID(rawValue: 4), peer: "g1:4")])
      return .reply(.configuration(answer, controllers: []))
    }
    let body = Request.Body.shardData(ShardID(0), left: ConfigNumber(2), cursor: [])
    let before = cluster.submit(.toGroup(group, record, body))
    cluster.runUntilFinished()
    #expect(cluster.reply(before) == .refused(.notReady))
    for number in [older.number, ConfigNumber(0)] {
      cluster.submit(.query(number))
      cluster.runUntilFinished()
    }
    #expect(cluster.clerk.configuration == cluster.configuration)
    let after = cluster.submit(.toGroup(group, record, body))
    cluster.runUntilFinished()
    #expect(cluster.reply(after) == .shardChunk([1, 2, 3]))
  }

  @Test(
    "removed replicas that still run do not keep a client from finding the group",
    arguments: [false, true])
  func removedReplicasThatStillRun(isForAny: Bool) throws {
    let cluster = try FakeCluster()
    cluster.put("a", "1")
    cluster.runUntilFinished()
    // All of group 2 are removed; another replica, which nobody here has heard of, leads.
    for number in 1...3 {
      try cluster.node("g2:\(number)").script = { _ in
        .reply(.refused(isForAny ? .noLeader : .wrongLeader(hint: nil)))
      }
    }
    let new = FakeNode("g2:4", GroupID(2), try cluster.node("g2:1").identity, leader: nil)
    cluster.nodes["g2:4"] = new
    let known = try #require(cluster.configuration.groups[GroupID(2)])
    cluster.configuration.groups[GroupID(2)] = GroupRecord(
      identity: known.identity, membershipIndex: 9,
      replicas: [ReplicaAddress(id: ReplicaID(rawValue: 4), peer: "g2:4")])
    if isForAny {
      let get = cluster.submit(.get(key: Array("a".utf8), .linearizableAnywhere))
      cluster.runUntilFinished()
      #expect(cluster.reply(get) == .value(Array("1".utf8), version: 1))
    } else {
      let put = cluster.put("a", "2")
      cluster.runUntilFinished()
      #expect(cluster.reply(put) == .written(.written(version: 2)))
    }
  }

  @Test("controllers that were all replaced since the clerk began are found")
  func replacedControllers() throws {
    let cluster = try FakeCluster()
    let old = cluster.nodes.keys.filter { $0.hasPrefix("c:") }.sorted()
    cluster.controllers = old + ["c:9"]
    cluster.put("a", "1")
    cluster.runUntilFinished()
    let identity = try cluster.node(try #require(old.first)).identity
    cluster.nodes["c:9"] = FakeNode("c:9", .none, identity, leader: nil)
    for address in old { try cluster.node(address).mode = .refusing }
    let query = cluster.submit(.query(nil))
    cluster.runUntilFinished()
    #expect(
      cluster.reply(query) == .configuration(cluster.configuration, controllers: old + ["c:9"]))
  }

  @Test("the status of a dead node fails at once")
  func status() throws {
    let cluster = try FakeCluster()
    try cluster.node("g1:2").mode = .refusing
    let status = cluster.submit(.status(address: "g1:2"))
    cluster.runUntilFinished()
    let error = try #require(cluster.error(status))
    #expect(error.code == .unavailable && error.endpoint == "g1:2")
    #expect(error.message.contains("connection refused"))
    #expect(try #require(cluster.finished[status]).at < 1_010 * millisecond)
  }
}
