import ShardMap
import Simulation
import Testing

/// The scenarios of the key-value labs on one Raft group, in virtual time, with snapshots: those of
/// 2023 (3B) and of 2025 (4C).
struct KeyValueSnapshotScenarios {
  typealias Edition = KeyValueLab.Edition

  static let group = KeyValueLab.group

  /// A write; with the 2025 labs one of a key that holds `old`.
  private func put(
    _ edition: Edition, _ client: LabClient, _ key: String, _ value: String, over old: String? = nil
  ) throws {
    switch edition {
    case .labs2023: try client.put(key, value)
    case .labs2025: #expect(try client.compareAndSet(key, expected: old, value: value) != nil)
    }
  }

  @Test("SnapshotRPC3B, SnapshotsRPC4C", arguments: Edition.allCases)
  func snapshotRPC(_ edition: Edition) throws {
    let lab = try KeyValueLab.makeLab(servers: 3, maxLogBytes: 1_000)
    let client = lab.makeClient()
    try put(edition, client, "a", "A")
    #expect(try client.get("a") == "A")

    lab.partition(Self.group, [[0, 1], [2]])
    let first = lab.makeClient()
    first.reach(only: [0, 1], of: Self.group)
    for number in 0..<50 { try put(edition, first, "\(number)", "\(number)") }
    try lab.run(milliseconds: 1_000)
    try put(edition, first, "b", "B")
    #expect(lab.logBytes(of: Self.group) <= 8_000)

    // The one that was away, and needs a snapshot, is half of the next majority.
    lab.partition(Self.group, [[0, 2], [1]])
    let second = lab.makeClient()
    second.reach(only: [0, 2], of: Self.group)
    try put(edition, second, "c", "C")
    try put(edition, second, "d", "D")
    #expect(try second.get("a") == "A")
    #expect(try second.get("b") == "B")
    #expect(try second.get("1") == "1")
    #expect(try second.get("49") == "49")

    lab.heal(Self.group)
    try put(edition, client, "e", "E")
    #expect(try client.get("c") == "C")
    #expect(try client.get("e") == "E")
    #expect(try client.get("1") == "1")
    try lab.checkHistory()
  }

  @Test("SnapshotSize3B, SnapshotSize4C", arguments: Edition.allCases)
  func snapshotSize(_ edition: Edition) throws {
    let lab = try KeyValueLab.makeLab(servers: 3, maxLogBytes: 1_000)
    let client = lab.makeClient()
    var held: String?
    for _ in 0..<200 {
      for value in ["0", "1"] {
        try put(edition, client, "x", value, over: held)
        held = value
        #expect(try client.get("x") == value)
      }
    }
    #expect(lab.logBytes(of: Self.group) <= 8_000)
    #expect(lab.snapshotBytes(of: Self.group) > 0)
    #expect(lab.snapshotBytes(of: Self.group) <= 500)
  }

  @Test("SnapshotRecover3B, SnapshotRecover4C", arguments: Edition.allCases)
  func snapshotRecover(_ edition: Edition) throws {
    try KeyValueLab(edition: edition, clients: 1, servers: 5, restarts: true, maxLogBytes: 1_000)
      .run()
  }

  @Test("SnapshotRecoverManyClients3B, SnapshotRecoverManyClients4C", arguments: Edition.allCases)
  func snapshotRecoverManyClients(_ edition: Edition) throws {
    try KeyValueLab(edition: edition, clients: 20, servers: 5, restarts: true, maxLogBytes: 1_000)
      .run()
  }

  @Test("SnapshotUnreliable3B, SnapshotUnreliable4C", arguments: Edition.allCases)
  func snapshotUnreliable(_ edition: Edition) throws {
    try KeyValueLab(
      edition: edition, clients: 5, servers: 5, isUnreliable: true, maxLogBytes: 1_000
    ).run()
  }

  @Test("SnapshotUnreliableRecover3B, SnapshotUnreliableRecover4C", arguments: Edition.allCases)
  func snapshotUnreliableRecover(_ edition: Edition) throws {
    try KeyValueLab(
      edition: edition, clients: 5, servers: 5, isUnreliable: true, restarts: true,
      maxLogBytes: 1_000
    ).run()
  }

  @Test(
    "SnapshotUnreliableRecoverConcurrentPartition3B, SnapshotUnreliableRecoverConcurrentPartition4C",
    arguments: Edition.allCases)
  func snapshotUnreliableRecoverConcurrentPartition(_ edition: Edition) throws {
    try KeyValueLab(
      edition: edition, clients: 5, servers: 5, isUnreliable: true, restarts: true,
      partitions: true,
      maxLogBytes: 1_000
    ).run()
  }

  @Test(
    "SnapshotUnreliableRecoverConcurrentPartitionLinearizable3B, SnapshotUnreliableRecoverConcurrentPartitionLinearizable4C",
    arguments: Edition.allCases)
  func snapshotUnreliableRecoverConcurrentPartitionLinearizable(_ edition: Edition) throws {
    try KeyValueLab(
      edition: edition, clients: 15, servers: 7, isUnreliable: true, restarts: true,
      partitions: true,
      maxLogBytes: 1_000, randomKeys: true
    ).run()
  }
}
