import Basics
import Clerk
import Sessions
import ShardMap
import Testing
import Wire

@Suite("The clerk gets through faults, and applies nothing twice")
struct ClerkFaultTests {
  @Test("a lost reply is asked for again under the same write id")
  func lostReply() throws {
    let cluster = try FakeCluster()
    cluster.put("a", "1")
    cluster.runUntilFinished()
    let node = try cluster.node("g2:1")
    node.repliesToLose = 1
    let put = cluster.submit(.write(key: Array("a".utf8), .append(value: Array("2".utf8))))
    cluster.runUntilFinished()
    #expect(cluster.reply(put) == .written(.written(version: 2)))
    #expect(node.writes.map(\.sequence) == [1, 2, 2])
    #expect(
      try #require(cluster.groups[GroupID(2)]).values[Array("a".utf8)]?.value == Array("12".utf8))
  }

  @Test("a connection that breaks does not lose or repeat anything")
  func closedConnections() throws {
    let cluster = try FakeCluster()
    cluster.put("a", "0")
    cluster.runUntilFinished()
    let node = try cluster.node("g2:1")
    var seen = 0
    node.script = { _ in
      seen += 1
      if seen % 30 == 0 { cluster.disconnect("g2:1") }
      return .ordinary
    }
    let puts = (0..<300).map { _ in
      cluster.submit(.write(key: Array("a".utf8), .append(value: Array("x".utf8))))
    }
    cluster.runUntilFinished()
    for put in puts { #expect(cluster.reply(put) != nil) }
    let group = try #require(cluster.groups[GroupID(2)])
    #expect(group.values[Array("a".utf8)]?.value.count == 301)
    #expect(node.writes.count > 301)
  }

  @Test("an expired session is replaced when nothing can have been applied")
  func expiredUnused() throws {
    let cluster = try FakeCluster()
    cluster.put("a", "1")
    cluster.runUntilFinished()
    let node = try cluster.node("g2:1")
    let session = try #require(node.writes.first?.session)
    try #require(cluster.groups[GroupID(2)]).expired.insert(session)
    let puts = (0..<10).map { cluster.put("a", "\($0)") }
    cluster.runUntilFinished()
    for put in puts { #expect(cluster.reply(put) != nil) }
    let fresh = Set(node.writes.map(\.session)).subtracting([session])
    #expect(fresh.count == 1)
    #expect(try #require(cluster.groups[GroupID(2)]).applied == 11)
  }

  @Test("an expired session after a lost reply is an unknown outcome, and no second apply")
  func expiredAmbiguous() throws {
    let cluster = try FakeCluster()
    cluster.put("a", "1")
    cluster.runUntilFinished()
    let node = try cluster.node("g2:1")
    let group = try #require(cluster.groups[GroupID(2)])
    let session = try #require(node.writes.first?.session)
    node.repliesToLose = 1
    let put = cluster.put("a", "2")
    cluster.run(for: 100 * millisecond)
    group.expired.insert(session)
    cluster.runUntilFinished()
    let error = try #require(cluster.error(put))
    #expect(error.code == .outcomeUnknown && error.mayHaveBeenApplied)
    #expect(group.applied == 2)
    let next = cluster.put("a", "3")
    cluster.runUntilFinished()
    #expect(cluster.reply(next) != nil)
  }

  @Test("a deadline tells what is certain: reads and unsent writes are unavailable")
  func deadlines() throws {
    let cluster = try FakeCluster()
    for address in ["c:1", "c:2", "c:3"] { try cluster.node(address).mode = .refusing }
    let unsent = cluster.put("a", "1", for: 2_000 * millisecond)
    cluster.runUntilFinished()
    let first = try #require(cluster.error(unsent))
    #expect(first.code == .unavailable && !first.mayHaveBeenApplied && first.attempts == 0)
    #expect(try #require(cluster.finished[unsent]).at == 3_000 * millisecond)
    // Three controllers at 20 to 200 ms each, not a busy loop.
    #expect(cluster.connects.count < 300)

    for address in ["c:1", "c:2", "c:3"] { try cluster.node(address).mode = .up }
    cluster.put("a", "1")
    cluster.runUntilFinished()
    for number in 1...3 { try cluster.node("g2:\(number)").script = { _ in .silence } }
    let write = cluster.put("a", "2", for: 2_500 * millisecond)
    let read = cluster.submit(.get(key: Array("a".utf8)), for: 2_500 * millisecond)
    cluster.runUntilFinished()
    let second = try #require(cluster.error(write))
    #expect(second.code == .outcomeUnknown && second.mayHaveBeenApplied && second.attempts > 1)
    let third = try #require(cluster.error(read))
    #expect(third.code == .unavailable && !third.mayHaveBeenApplied)
  }

  @Test("a write that was refused each time is certainly not applied when its time is up")
  func refusedUntilDeadline() throws {
    let cluster = try FakeCluster()
    cluster.put("a", "1")
    cluster.runUntilFinished()
    try cluster.node("g2:1").script = { _ in .reply(.refused(.overloaded)) }
    let put = cluster.put("a", "2", for: 1_000 * millisecond)
    cluster.runUntilFinished()
    let error = try #require(cluster.error(put))
    #expect(error.code == .unavailable && !error.mayHaveBeenApplied)
    #expect(error.message.contains("overloaded"))
    #expect(5...80 ~= error.attempts)
  }

  @Test("a write that there is no room for is given up at once, and is not applied")
  func noRoom() throws {
    let cluster = try FakeCluster()
    cluster.put("a", "1")
    cluster.runUntilFinished()
    let node = try cluster.node("g2:1")
    node.script = { _ in .reply(.refused(.noRoom)) }
    let put = cluster.put("a", "2")
    cluster.runUntilFinished()
    let error = try #require(cluster.error(put))
    #expect(error.code == .noRoom && !error.mayHaveBeenApplied && error.attempts == 1)
    #expect(error.message.contains("too full") && error.message.contains("g2:1"))
  }

  @Test("an earlier try of a write that there is no room for any more may have been applied")
  func noRoomAfterAnUnknownOutcome() throws {
    let cluster = try FakeCluster()
    cluster.put("a", "1")
    cluster.runUntilFinished()
    let node = try cluster.node("g2:1")
    node.script = { _ in
      node.script = { _ in .reply(.refused(.noRoom)) }
      return .reply(.refused(.outcomeUnknown))
    }
    let put = cluster.put("a", "2")
    cluster.runUntilFinished()
    let error = try #require(cluster.error(put))
    #expect(error.code == .outcomeUnknown && error.mayHaveBeenApplied && error.attempts > 1)
  }

  @Test("a lost leadership makes a write ask again under the same id")
  func outcomeUnknown() throws {
    let cluster = try FakeCluster()
    cluster.put("a", "1")
    cluster.runUntilFinished()
    let node = try cluster.node("g2:1")
    node.script = { _ in
      node.script = nil
      return .reply(.refused(.outcomeUnknown))
    }
    let put = cluster.put("a", "2")
    cluster.runUntilFinished()
    #expect(cluster.reply(put) == .written(.written(version: 2)))
    #expect(node.writes.map(\.sequence) == [1, 2, 2])
  }

  /// What a Redis client writes has no number by which a second copy would be known.
  @Test("a Redis client's write is not sent again once it may have been carried out")
  func writesForOnce() throws {
    let faults: [(FakeCluster, FakeNode) -> FakeNode.Decision] = [
      { _, _ in .silence },
      { cluster, node in
        cluster.disconnect(node.address)
        return .ordinary
      },
      { _, _ in .reply(.refused(.outcomeUnknown)) }, { _, _ in .reply(.noKey) },
    ]
    for fault in faults {
      let cluster = try FakeCluster()
      cluster.put("a", "1")
      cluster.runUntilFinished()
      let node = try cluster.node("g2:1")
      let shard = cluster.configuration.layout.shard(of: Array("a".utf8))
      var sent = 0
      node.script = { [unowned node] request in
        guard case .redis = request.body else { return .ordinary }
        sent += 1
        // Refused at first: that is tried again.
        return sent <= 2 ? .reply(.refused(.notReady)) : fault(cluster, node)
      }
      let write = cluster.submit(.redis(shard, work: [7], isWrite: true))
      cluster.runUntilFinished()
      let error = try #require(cluster.error(write))
      #expect(error.code == .outcomeUnknown && error.mayHaveBeenApplied)
      #expect(sent == 3)
      node.script = nil
      let read = cluster.submit(.redis(shard, work: [8], isWrite: false))
      cluster.runUntilFinished()
      #expect(cluster.reply(read) == .redis([8]))
    }
  }

  @Test("a silent node costs one timeout, and others go on meanwhile")
  func blackHole() throws {
    let cluster = try FakeCluster()
    cluster.put("a", "0")
    cluster.put("b", "0")
    cluster.runUntilFinished()
    let start = cluster.now
    try cluster.node("g2:1").mode = .blackHole
    for number in 2...3 { try cluster.node("g2:\(number)").leader = number == 2 ? nil : "g2:2" }
    let stuck = (0..<200).map { cluster.put("a", "\($0)") }
    let others = (0..<200).map { cluster.put("b", "\($0)") }
    cluster.run(for: 500 * millisecond)
    for put in others { #expect(cluster.reply(put) != nil) }
    cluster.runUntilFinished()
    for put in stuck {
      #expect(cluster.reply(put) != nil)
      #expect(try #require(cluster.finished[put]).at < start + 1_300 * millisecond)
    }
    let later = cluster.now
    let put = cluster.put("a", "x")
    cluster.runUntilFinished()
    #expect(try #require(cluster.finished[put]).at < later + 10 * millisecond)
  }

  @Test("a slow answer that comes after its timeout still counts")
  func lateReply() throws {
    let cluster = try FakeCluster()
    cluster.put("a", "1")
    cluster.runUntilFinished()
    let node = try cluster.node("g2:1")
    var held: Request?
    node.script = { request in
      if held == nil, case .get = request.body {
        held = request
        return .silence
      }
      if let request = held, case .status = request.body { held = nil }
      return .ordinary
    }
    for number in 2...3 { try cluster.node("g2:\(number)").mode = .blackHole }
    let get = cluster.submit(.get(key: Array("a".utf8)))
    // Keeps the connection alive, so that only the one request is late.
    cluster.run(for: 500 * millisecond)
    let alive = cluster.submit(.get(key: Array("a".utf8)))
    cluster.run(for: 100 * millisecond)
    #expect(cluster.reply(alive) != nil && cluster.finished[get] == nil)
    cluster.run(for: 600 * millisecond)
    let request = try #require(held)
    node.script = { _ in
      .bytes(
        FrameCodec.encode(.reply(Reply(id: request.id, body: .value([9], version: 1)))))
    }
    cluster.submit(.status(address: "g2:1"), for: 100 * millisecond)
    cluster.run(for: 20 * millisecond)
    #expect(cluster.reply(get) == .value([9], version: 1))
  }

  @Test("replies that make no sense end the connection and trap nothing")
  func hostileReplies() throws {
    var random = SeededGenerator(seed: 7)
    for round in 0..<60 {
      let cluster = try FakeCluster(seed: UInt64(round))
      let node = try cluster.node("g2:1")
      try cluster.node("g2:2").leader = nil
      let noise = (0..<random.next(in: 1...200)).map { _ in UInt8(truncatingIfNeeded: random.next())
      }
      if round % 4 == 0 { node.greeting = noise }
      node.script = { request in
        switch round % 4 {
        case 1: .bytes(noise)
        case 2: .reply(.configuration(cluster.configuration, controllers: []))
        case 3:
          .bytes(
            FrameCodec.encode(
              .reply(Reply(id: request.id &+ 1, body: .written(.written(version: 1)))))
              + FrameCodec.encode(.hello(Hello(versions: 1...1, cluster: nil, replica: nil))))
        default: .ordinary
        }
      }
      let put = cluster.put("a", "1")
      cluster.runUntilFinished()
      #expect(cluster.reply(put) == .written(.written(version: 1)), "round \(round)")
    }
  }

  @Test("a node of another cluster is refused")
  func otherCluster() throws {
    let cluster = try FakeCluster()
    try cluster.node("g2:1").cluster = ClusterID(rawValue: 0xBAD)
    let put = cluster.put("a", "1", for: 1_000 * millisecond)
    cluster.runUntilFinished()
    #expect(try #require(cluster.error(put)).code == .unavailable)
    #expect(try cluster.node("g2:1").requests.isEmpty)
  }
}

@Suite("The clerk keeps its bounds")
struct ClerkBoundTests {
  @Test("a thousand writes in flight end once each, at most 256 of a session at a time")
  func thousand() throws {
    let cluster = try FakeCluster()
    var outstanding: [SessionID: Set<UInt64>] = [:]
    for number in 1...2 {
      try cluster.node("g\(number):1").script = { request in
        if case .write(let id, _, _) = request.body {
          #expect(id.sequence - id.firstUnanswered < 256)
          outstanding[id.session, default: []].insert(id.sequence)
        }
        return .ordinary
      }
    }
    let start = cluster.now
    let puts = (0..<2_000).map { cluster.put("\(["a", "b", "c", "d"][$0 % 4])\($0)", "v") }
    cluster.runUntilFinished()
    for put in puts { #expect(cluster.reply(put) == .written(.written(version: 1))) }
    #expect(outstanding.values.allSatisfy { $0.count == 500 } && outstanding.count == 4)
    #expect(cluster.now - start < 40 * millisecond)
    #expect(cluster.turns < 60)
  }

  @Test("limits are told at once")
  func limits() throws {
    var settings = ClerkSettings()
    settings.operationsMax = 2
    let cluster = try FakeCluster(settings: settings)
    let long = cluster.submit(.get(key: [UInt8](repeating: 0, count: 65_537)))
    let large = cluster.submit(
      .write(key: [1], .append(value: [UInt8](repeating: 0, count: (1 << 20) + 1))))
    for _ in 0..<2 { cluster.put("a", "1") }
    let third = cluster.put("a", "1")
    cluster.run(for: 0)
    #expect(cluster.error(long)?.code == .invalid)
    #expect(try #require(cluster.error(long)).message.contains("65537 bytes: the limit is 65536"))
    #expect(cluster.error(large)?.code == .invalid)
    #expect(cluster.error(third)?.code == .unavailable)
    #expect(try #require(cluster.error(third)).message.contains("the limit is 2"))
    cluster.runUntilFinished()
    #expect(cluster.finished.count == 5)
  }

  @Test("a cancelled operation is not reported, and frees its place")
  func cancel() throws {
    let cluster = try FakeCluster()
    cluster.put("a", "0")
    cluster.runUntilFinished()
    let puts = (0..<600).map { cluster.put("a", "\($0)") }
    cluster.run(for: 0)
    for put in puts.prefix(599) { cluster.clerk.cancel(put) }
    cluster.runUntilFinished()
    #expect(puts.filter { cluster.finished[$0] != nil } == [puts[599]])
    #expect(cluster.clerk.pendingCount == 0)
  }

  @Test("the same seed does the same")
  func deterministic() throws {
    func trace(_ seed: UInt64) throws -> [UInt64] {
      let cluster = try FakeCluster(seed: seed)
      try cluster.lead("g2:3", known: false)
      try cluster.node("g1:1").mode = .closing
      let puts = (0..<50).map { cluster.put(["a", "b"][$0 % 2], "v", for: 1_000 * millisecond) }
      cluster.runUntilFinished()
      return puts.compactMap { cluster.finished[$0]?.at }
    }
    #expect(try trace(3) == trace(3))
    #expect(try trace(3) != trace(4))
  }
}
