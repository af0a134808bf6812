import Raft
import Testing

/// Part D of the labs' Raft scenarios: the service snapshots after every ten numbers.
@Suite struct SnapshotScenarios {
  /// What a replica may keep: the newest snapshot and the log after it, in bytes.
  private let diskBytesMax = 2000

  @Test func snapshotBasic() throws {
    try rounds(Cluster(3, seed: 1, snapshotEvery: 10), victim: .none)
  }

  @Test func snapshotInstall() throws {
    try rounds(Cluster(3, seed: 2, snapshotEvery: 10), victim: .cut)
  }

  @Test func snapshotInstallUnreliable() throws {
    let cluster = Cluster(3, seed: 3, snapshotEvery: 10)
    cluster.isReliable = false
    try rounds(cluster, victim: .cut)
  }

  @Test func snapshotInstallCrash() throws {
    try rounds(Cluster(3, seed: 4, snapshotEvery: 10), victim: .crash)
  }

  @Test func snapshotInstallUnCrash() throws {
    let cluster = Cluster(3, seed: 5, snapshotEvery: 10)
    cluster.isReliable = false
    try rounds(cluster, victim: .crash)
  }

  @Test func snapshotAllCrash() throws {
    let cluster = Cluster(3, seed: 6, snapshotEvery: 10)
    try cluster.one(cluster.random(), 3)
    for _ in 0..<5 {
      for _ in 0..<cluster.generator.next(in: 5...14) { try cluster.one(cluster.random(), 3) }
      let before = try cluster.one(cluster.random(), 3)
      for node in cluster.everyone { cluster.crash(node) }
      for node in cluster.everyone { cluster.restart(node) }
      #expect(try cluster.one(cluster.random(), 3) >= before + 1)
    }
  }

  /// The snapshot that is loaded must be saved again with what comes after it (B22).
  @Test func snapshotInit() throws {
    let cluster = Cluster(3, seed: 7, snapshotEvery: 10)
    for _ in 0..<12 { try cluster.one(cluster.random(), 3) }
    for _ in 0..<2 {
      for node in cluster.everyone { cluster.crash(node) }
      for node in cluster.everyone { cluster.restart(node) }
      try cluster.one(cluster.random(), 3)
    }
  }

  private enum Victim { case none, cut, crash }

  private func rounds(_ cluster: Cluster, victim kind: Victim) throws {
    try cluster.one(cluster.random(), 3)
    var leader = try cluster.checkOneLeader()
    for round in 0..<30 {
      var victim = cluster.after(leader, 1)
      var sender = leader
      if round % 3 == 1 {
        sender = cluster.after(leader, 1)
        victim = leader
      }
      switch kind {
      case .none: break
      case .cut: cluster.cut(victim)
      case .crash: cluster.crash(victim)
      }
      if kind != .none { try cluster.one(cluster.random(), 2) }
      for _ in 0..<cluster.generator.next(in: 5...14) {
        _ = cluster.propose(cluster.random(), at: sender)
      }
      try cluster.one(cluster.random(), kind == .none ? 3 : 2)
      #expect(cluster.largestDisk < diskBytesMax)
      if kind == .none { continue }
      if kind == .crash { cluster.restart(victim) }
      cluster.connect(victim)
      try cluster.one(cluster.random(), 3)
      leader = try cluster.checkOneLeader()
    }
    #expect(cluster.nodes.allSatisfy { $0.disk.snapshot != nil })
    if kind == .cut { #expect(cluster.nodes.contains { $0.installs > 0 }) }
  }
}
