import Basics
import Clerk
import ShardMap
import Testing
import Wire

@Suite("The clerk chooses among replicas, and asks the controller seldom")
struct ClerkChoiceTests {
  @Test("a refusal that names the owner is followed at once, without the controller")
  func hintedOwner() throws {
    let cluster = try FakeCluster()
    cluster.put("a", "0")
    cluster.runUntilFinished()
    try cluster.move(1, to: GroupID(1))
    let record = try #require(cluster.configuration.groups[GroupID(1)])
    let owner = ShardOwner(group: GroupID(1), since: ConfigNumber(2), record: record)
    try cluster.node("g2:1").script = { _ in
      .reply(.refused(.wrongGroup(ConfigNumber(2), owner: owner)))
    }
    let queries = try ["c:1", "c:2", "c:3"].map { try cluster.node($0).requests.count }
    let start = cluster.now
    let puts = (0..<100).map { cluster.put("a", "\($0)") }
    cluster.runUntilFinished()
    for put in puts {
      #expect(cluster.reply(put) != nil)
      #expect(try #require(cluster.finished[put]).at < start + 20 * millisecond)
    }
    #expect(try ["c:1", "c:2", "c:3"].map { try cluster.node($0).requests.count } == queries)
    let route = try #require(cluster.clerk.route(Array("a".utf8)))
    #expect(route.group == GroupID(1) && route.configuration == ConfigNumber(2))
  }

  @Test("groups that name each other do not make it spin")
  func hintsInACircle() throws {
    let cluster = try FakeCluster()
    cluster.put("a", "0")
    cluster.runUntilFinished()
    var number: UInt64 = 1
    for (own, other) in [(1, 2), (2, 1)] as [(UInt32, UInt32)] {
      let record = try #require(cluster.configuration.groups[GroupID(other)])
      try cluster.node("g\(own):1").script = { _ in
        number += 1
        let owner = ShardOwner(
          group: GroupID(other), since: ConfigNumber(number), record: record)
        return .reply(.refused(.wrongGroup(ConfigNumber(number), owner: owner)))
      }
    }
    let get = cluster.submit(.get(key: Array("a".utf8)), for: 1_000 * millisecond)
    cluster.runUntilFinished()
    #expect(cluster.error(get)?.code == .unavailable)
    #expect(number < 150)
  }

  @Test("stale reads are spread evenly over the replicas")
  func staleReads() throws {
    let cluster = try FakeCluster()
    cluster.put("a", "0")
    cluster.runUntilFinished()
    let before = try (1...3).map { try cluster.node("g2:\($0)").requests.count }
    for _ in 0..<20 {
      let gets = (0..<15).map { _ in cluster.submit(.get(key: Array("a".utf8), .stale)) }
      cluster.runUntilFinished()
      for get in gets {
        #expect(
          cluster.reply(get) == .stale(StaleValue(value: Array("0".utf8), version: 1, age: 7)))
      }
    }
    let counts = try (1...3).map { try cluster.node("g2:\($0)").requests.count - before[$0 - 1] }
    #expect(counts.reduce(0, +) == 300)
    #expect(counts.allSatisfy { 95...105 ~= $0 }, "\(counts)")
  }

  @Test("reads from any replica are spread, and pass over those that know no leader")
  func readsFromAny() throws {
    let cluster = try FakeCluster()
    cluster.put("a", "0")
    cluster.runUntilFinished()
    func read(_ count: Int) throws -> [Int] {
      let before = try (1...3).map { try cluster.node("g2:\($0)").requests.count }
      let gets = (0..<count).map { _ in
        cluster.submit(.get(key: Array("a".utf8), .linearizableAnywhere))
      }
      cluster.runUntilFinished()
      for get in gets { #expect(cluster.reply(get) == .value(Array("0".utf8), version: 1)) }
      return try (1...3).map { try cluster.node("g2:\($0)").requests.count - before[$0 - 1] }
    }
    var counts = [0, 0, 0]
    for _ in 0..<20 { counts = zip(counts, try read(15)).map(+) }
    #expect(counts.allSatisfy { 95...105 ~= $0 }, "\(counts)")
    for number in 2...3 { try cluster.node("g2:\(number)").knowsLeader = false }
    #expect(try read(30)[0] == 30)
    try cluster.node("g2:1").knowsLeader = false
    let get = cluster.submit(
      .get(key: Array("a".utf8), .linearizableAnywhere), for: 1_000 * millisecond)
    cluster.runUntilFinished()
    #expect(cluster.error(get)?.code == .unavailable)
    #expect(cluster.error(get)?.message.contains("knows no leader") == true)
    // Three in each round, and the rounds get rarer.
    #expect(try #require(cluster.error(get)).attempts < 70)
  }

  @Test("a replica that cannot answer a stale read is passed over")
  func staleElsewhere() throws {
    let cluster = try FakeCluster()
    for number in 1...2 {
      try cluster.node("g2:\(number)").script = { _ in .reply(.refused(.notReady)) }
    }
    let gets = (0..<9).map { _ in cluster.submit(.get(key: Array("a".utf8), .stale)) }
    cluster.runUntilFinished()
    for get in gets {
      #expect(cluster.reply(get) == .stale(StaleValue(value: nil, version: 0, age: 7)))
    }
  }

  @Test("a silent replica costs stale reads one timeout, and is used again when it greets")
  func probedBack() throws {
    let cluster = try FakeCluster()
    func read(_ count: Int) throws -> [UInt64] {
      let start = cluster.now
      let gets = (0..<count).map { _ in cluster.submit(.get(key: Array("a".utf8), .stale)) }
      cluster.runUntilFinished()
      return try gets.map {
        #expect(cluster.reply($0) != nil)
        return try #require(cluster.finished[$0]).at - start
      }
    }
    _ = try read(30)
    let node = try cluster.node("g2:3")
    node.mode = .blackHole
    #expect(try #require(read(30).max()) < 1_020 * millisecond)
    // Its rest ends several times meanwhile: the probes cost nobody anything.
    for _ in 0..<50 {
      cluster.run(for: 200 * millisecond)
      #expect(try #require(read(6).max()) < 10 * millisecond)
    }
    node.mode = .up
    let asked = node.requests.count
    for _ in 0..<60 {
      cluster.run(for: 200 * millisecond)
      _ = try read(6)
    }
    #expect(node.requests.count > asked + 20)
  }
}
