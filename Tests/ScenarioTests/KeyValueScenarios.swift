import ShardMap
import Simulation
import Testing

/// The scenarios of the 2023 key-value labs on one Raft group, in virtual time, without snapshots.
struct KeyValueScenarios {
  static let group = KeyValueLab.group

  @Test("Basic3A") func basic() throws {
    try KeyValueLab(clients: 1, servers: 5).run()
  }

  @Test("Speed3A") func speed() throws {
    try Self.speed(maxLogBytes: nil)
  }

  @Test("Speed3B") func speedWithSnapshots() throws {
    try Self.speed(maxLogBytes: 1_000)
  }

  /// A thousand appends, one after the other, in at most 33.3 ms each.
  static func speed(maxLogBytes: Int?) throws {
    let lab = try KeyValueLab.makeLab(servers: 3, maxLogBytes: maxLogBytes)
    let client = lab.makeClient()
    #expect(try client.get("x") == "")
    let begin = lab.seconds
    var expected = ""
    for number in 0..<1_000 {
      let value = "x 0 \(number) y"
      try client.append("x", value)
      expected += value
    }
    #expect(lab.seconds - begin <= 33.3)
    #expect(try client.get("x") == expected)
    try lab.checkLogs()
  }

  @Test("Concurrent3A") func concurrent() throws {
    try KeyValueLab(clients: 5, servers: 5).run()
  }

  @Test("Unreliable3A") func unreliable() throws {
    try KeyValueLab(clients: 5, servers: 5, isUnreliable: true).run()
  }

  @Test("UnreliableOneKey3A") func unreliableOneKey() throws {
    let lab = try KeyValueLab.makeLab(servers: 3, isUnreliable: true)
    let reader = lab.makeClient()
    try reader.put("k", "")
    let clients = (0..<5).map { _ in lab.makeClient() }
    for (number, client) in clients.enumerated() {
      var next = 0
      client.work {
        guard next < 10 else { return nil }
        defer { next += 1 }
        return .operation(.append(Array("x \(number) \(next) y".utf8)), key: "k") { _ in }
      }
    }
    try lab.require("all appends") { clients.allSatisfy { $0.openCount == 0 } }
    let value = try reader.get("k")
    #expect(value.count == 5 * 10 * "x 0 0 y".count)
    for number in 0..<5 {
      let offsets = (0..<10).map { value.ranges(of: "x \(number) \($0) y") }
      #expect(offsets.allSatisfy { $0.count == 1 }, "every element once")
      let order = offsets.compactMap { $0.first?.lowerBound }
      #expect(order == order.sorted(), "in the order of its client")
    }
    try lab.checkHistory()
  }

  @Test("OnePartition3A") func onePartition() throws {
    let lab = try KeyValueLab.makeLab(servers: 5)
    let client = lab.makeClient()
    try client.put("1", "13")
    let leader = try lab.leader(of: Self.group)
    let others = (0..<5).filter { $0 != leader }
    let (majority, minority) = (Array(others.prefix(3)), [leader, others[3]])
    lab.partition(Self.group, [majority, minority])
    let lucky = lab.makeClient()
    lucky.reach(only: majority, of: Self.group)
    let unlucky = [lab.makeClient(), lab.makeClient()]
    for client in unlucky { client.reach(only: minority, of: Self.group) }

    try lucky.put("1", "14")
    #expect(try lucky.get("1") == "14")
    var finished: [String] = []
    unlucky[0].begin(.put(Array("15".utf8)), key: "1") { _ in finished.append("put") }
    unlucky[1].begin(.get, key: "1") { _ in finished.append("get") }
    try lab.run(milliseconds: 1_000)
    #expect(finished == [], "nothing finishes in a minority")
    #expect(try lucky.get("1") == "14")
    try lucky.put("1", "16")
    #expect(try lucky.get("1") == "16")

    lab.heal(Self.group)
    for client in unlucky { client.reach(only: Array(0..<5), of: Self.group) }
    lucky.reach(only: Array(0..<5), of: Self.group)
    try lab.run(milliseconds: 1_000)
    try lab.require("both operations of the minority", within: 3) { finished.count == 2 }
    #expect(try client.get("1") == "15")
    try lab.checkHistory()
  }

  @Test("ManyPartitionsOneClient3A") func manyPartitionsOneClient() throws {
    try KeyValueLab(clients: 1, servers: 5, partitions: true).run()
  }

  @Test("ManyPartitionsManyClients3A") func manyPartitionsManyClients() throws {
    try KeyValueLab(clients: 5, servers: 5, partitions: true).run()
  }

  @Test("PersistOneClient3A") func persistOneClient() throws {
    try KeyValueLab(clients: 1, servers: 5, restarts: true).run()
  }

  @Test("PersistConcurrent3A") func persistConcurrent() throws {
    try KeyValueLab(clients: 5, servers: 5, restarts: true).run()
  }

  @Test("PersistConcurrentUnreliable3A") func persistConcurrentUnreliable() throws {
    try KeyValueLab(clients: 5, servers: 5, isUnreliable: true, restarts: true).run()
  }

  @Test("PersistPartition3A") func persistPartition() throws {
    try KeyValueLab(clients: 5, servers: 5, restarts: true, partitions: true).run()
  }

  @Test("PersistPartitionUnreliable3A") func persistPartitionUnreliable() throws {
    try KeyValueLab(
      clients: 5, servers: 5, isUnreliable: true, restarts: true, partitions: true
    ).run()
  }

  @Test("PersistPartitionUnreliableLinearizable3A")
  func persistPartitionUnreliableLinearizable() throws {
    try KeyValueLab(
      clients: 15, servers: 7, isUnreliable: true, restarts: true, partitions: true,
      randomKeys: true
    ).run()
  }
}
