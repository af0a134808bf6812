import ShardMap
import Simulation
import Testing

/// The scenarios of the 2023 key-value labs on one Raft group, in virtual time, with snapshots.
struct KeyValueSnapshotScenarios {
  static let group = KeyValueLab.group

  @Test("SnapshotRPC3B") func snapshotRPC() throws {
    let lab = try KeyValueLab.makeLab(servers: 3, maxLogBytes: 1_000)
    let client = lab.makeClient()
    try client.put("a", "A")
    #expect(try client.get("a") == "A")

    lab.partition(Self.group, [[0, 1], [2]])
    let first = lab.makeClient()
    first.reach(only: [0, 1], of: Self.group)
    for number in 0..<50 { try first.put("\(number)", "\(number)") }
    try lab.run(milliseconds: 1_000)
    try first.put("b", "B")
    #expect(lab.logBytes(of: Self.group) <= 8_000)

    // The one that was away, and needs a snapshot, is half of the next majority.
    lab.partition(Self.group, [[0, 2], [1]])
    let second = lab.makeClient()
    second.reach(only: [0, 2], of: Self.group)
    try second.put("c", "C")
    try second.put("d", "D")
    #expect(try second.get("a") == "A")
    #expect(try second.get("b") == "B")
    #expect(try second.get("1") == "1")
    #expect(try second.get("49") == "49")

    lab.heal(Self.group)
    try client.put("e", "E")
    #expect(try client.get("c") == "C")
    #expect(try client.get("e") == "E")
    #expect(try client.get("1") == "1")
    try lab.checkHistory()
  }

  @Test("SnapshotSize3B") func snapshotSize() throws {
    let lab = try KeyValueLab.makeLab(servers: 3, maxLogBytes: 1_000)
    let client = lab.makeClient()
    for _ in 0..<200 {
      for value in ["0", "1"] {
        try client.put("x", value)
        #expect(try client.get("x") == value)
      }
    }
    #expect(lab.logBytes(of: Self.group) <= 8_000)
    #expect(lab.snapshotBytes(of: Self.group) > 0)
    #expect(lab.snapshotBytes(of: Self.group) <= 500)
  }

  @Test("SnapshotRecover3B") func snapshotRecover() throws {
    try KeyValueLab(clients: 1, servers: 5, restarts: true, maxLogBytes: 1_000).run()
  }

  @Test("SnapshotRecoverManyClients3B") func snapshotRecoverManyClients() throws {
    try KeyValueLab(clients: 20, servers: 5, restarts: true, maxLogBytes: 1_000).run()
  }

  @Test("SnapshotUnreliable3B") func snapshotUnreliable() throws {
    try KeyValueLab(clients: 5, servers: 5, isUnreliable: true, maxLogBytes: 1_000).run()
  }

  @Test("SnapshotUnreliableRecover3B") func snapshotUnreliableRecover() throws {
    try KeyValueLab(
      clients: 5, servers: 5, isUnreliable: true, restarts: true, maxLogBytes: 1_000
    ).run()
  }

  @Test("SnapshotUnreliableRecoverConcurrentPartition3B")
  func snapshotUnreliableRecoverConcurrentPartition() throws {
    try KeyValueLab(
      clients: 5, servers: 5, isUnreliable: true, restarts: true, partitions: true,
      maxLogBytes: 1_000
    ).run()
  }

  @Test("SnapshotUnreliableRecoverConcurrentPartitionLinearizable3B")
  func snapshotUnreliableRecoverConcurrentPartitionLinearizable() throws {
    try KeyValueLab(
      clients: 15, servers: 7, isUnreliable: true, restarts: true, partitions: true,
      maxLogBytes: 1_000, randomKeys: true
    ).run()
  }
}
