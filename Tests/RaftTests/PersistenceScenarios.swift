import Raft
import Testing

/// Part C of the labs' Raft scenarios.
@Suite struct PersistenceScenarios {
  @Test func persist1() throws {
    let cluster = Cluster(3, seed: 1)
    try cluster.one(11, 3)
    for node in cluster.everyone { cluster.crash(node) }
    for node in cluster.everyone { cluster.restart(node) }
    try cluster.one(12, 3)
    let first = try cluster.checkOneLeader()
    cluster.restart(first)
    try cluster.one(13, 3)
    let second = try cluster.checkOneLeader()
    cluster.cut(second)
    try cluster.one(14, 2)
    cluster.restart(second)
    _ = try cluster.wait(4, 3)
    let third = cluster.after(try cluster.checkOneLeader(), 1)
    cluster.cut(third)
    try cluster.one(15, 2)
    cluster.restart(third)
    try cluster.one(16, 3)
  }

  @Test func persist2() throws {
    let cluster = Cluster(5, seed: 2)
    for round in 0..<5 {
      try cluster.one(UInt64(10 + 3 * round), 5)
      let leader = try cluster.checkOneLeader()
      let other = (0..<5).map { cluster.after(leader, $0) }
      cluster.cut(other[1])
      cluster.cut(other[2])
      try cluster.one(UInt64(11 + 3 * round), 3)
      for node in [other[0], other[3], other[4]] { cluster.cut(node) }
      cluster.restart(other[1])
      cluster.restart(other[2])
      cluster.run(milliseconds: Cluster.electionMilliseconds)
      cluster.restart(other[3])
      try cluster.one(UInt64(12 + 3 * round), 3)
      cluster.connect(other[4])
      cluster.connect(other[0])
    }
    try cluster.one(1000, 5)
  }

  @Test func persist3() throws {
    let cluster = Cluster(3, seed: 3)
    try cluster.one(101, 3)
    let leader = try cluster.checkOneLeader()
    cluster.cut(cluster.after(leader, 2))
    try cluster.one(102, 2)
    cluster.crash(leader)
    cluster.crash(cluster.after(leader, 1))
    cluster.connect(cluster.after(leader, 2))
    cluster.restart(leader)
    try cluster.one(103, 2)
    cluster.restart(cluster.after(leader, 1))
    try cluster.one(104, 3)
  }

  @Test(arguments: 1...3) func figure8(seed: UInt64) throws {
    let cluster = Cluster(5, seed: seed)
    try cluster.one(cluster.random(), 1)
    for _ in 0..<1000 {
      let leader = proposeEverywhere(cluster)
      pause(cluster)
      if let leader { cluster.crash(leader) }
      let up = cluster.connectedNodes
      if up.count < 3 {
        let dead = cluster.everyone.filter { !up.contains($0) }
        cluster.restart(dead[cluster.generator.next(in: dead.indices)])
      }
      try cluster.check()
    }
    for node in cluster.everyone where !cluster.nodes[node].isConnected { cluster.restart(node) }
    try cluster.one(cluster.random(), 5)
  }

  @Test(arguments: 1...3) func unreliableAgree(seed: UInt64) throws {
    let cluster = Cluster(5, seed: seed)
    cluster.isReliable = false
    for round in 1..<50 {
      for offset in 0..<4 {
        for node in cluster.everyone {
          if cluster.propose(UInt64(100 * round + offset), at: node) != nil { break }
        }
      }
      try cluster.one(UInt64(round), 1)
    }
    cluster.isReliable = true
    try cluster.one(100, 5)
  }

  @Test(arguments: 1...3) func figure8Unreliable(seed: UInt64) throws {
    let cluster = Cluster(5, seed: seed)
    cluster.isReliable = false
    try cluster.one(cluster.random(), 1)
    for round in 0..<1000 {
      if round == 200 { cluster.isLongReordering = true }
      let leader = proposeEverywhere(cluster)
      pause(cluster)
      if let leader, cluster.generator.chance(0.5) { cluster.cut(leader) }
      let cut = cluster.everyone.filter { !cluster.nodes[$0].isConnected }
      if cut.count > 2 { cluster.connect(cut[cluster.generator.next(in: cut.indices)]) }
      try cluster.check()
    }
    for node in cluster.everyone { cluster.connect(node) }
    try cluster.one(cluster.random(), 5)
  }

  @Test(arguments: 1...2) func reliableChurn(seed: UInt64) throws {
    try churn(Cluster(5, seed: seed))
  }

  @Test(arguments: 1...2) func unreliableChurn(seed: UInt64) throws {
    let cluster = Cluster(5, seed: seed + 100)
    cluster.isReliable = false
    try churn(cluster)
  }

  /// - Returns: the last node that took the proposal as leader.
  private func proposeEverywhere(_ cluster: Cluster) -> Int? {
    let value = cluster.random()
    return cluster.everyone.last { cluster.propose(value, at: $0) != nil }
  }

  private func pause(_ cluster: Cluster) {
    let isLong = cluster.generator.chance(0.1)
    cluster.run(milliseconds: cluster.generator.next(in: 0...(isLong ? 499 : 12)))
  }

  /// Three clients propose and remember what they saw committed, while nodes come and go.
  private func churn(_ cluster: Cluster) throws {
    var clients = (0..<3).map { _ in ChurnClient() }
    for _ in 0..<20 {
      if cluster.generator.chance(0.2) { cluster.cut(cluster.generator.next(in: 0..<5)) }
      if cluster.generator.chance(0.5) {
        let node = cluster.generator.next(in: 0..<5)
        if cluster.nodes[node].raft == nil { cluster.start(node) }
        cluster.connect(node)
      }
      if cluster.generator.chance(0.2) { cluster.crash(cluster.generator.next(in: 0..<5)) }
      let end = cluster.now + 700_000
      while cluster.now < end {
        for client in clients.indices { clients[client].act(cluster) }
        cluster.run(milliseconds: 10)
      }
      try cluster.check()
    }
    cluster.run(milliseconds: Cluster.electionMilliseconds)
    cluster.isReliable = true
    for node in cluster.everyone {
      if cluster.nodes[node].raft == nil { cluster.start(node) }
      cluster.connect(node)
    }
    let last = try cluster.one(cluster.random(), 5)
    let seen = clients.flatMap(\.seen)
    #expect(!seen.isEmpty)
    for value in seen { #expect(cluster.values[..<last].contains(value)) }
  }

  private struct ChurnClient {
    var seen: [UInt64] = []
    private var waiting: (index: Int, value: UInt64)?
    private var nextLook: UInt64 = 0
    private var looks = 0

    /// Proposes at all nodes, then looks after 10, 20, 50, 100 and 200 ms.
    mutating func act(_ cluster: Cluster) {
      if let waiting {
        guard cluster.now >= nextLook else { return }
        if cluster.appliedBy(waiting.index) > 0 {
          if cluster.values[waiting.index - 1] == waiting.value { seen.append(waiting.value) }
          self.waiting = nil
          return
        }
        looks += 1
        if looks == 5 {
          self.waiting = nil
          return
        }
        nextLook = cluster.now + [10_000, 20_000, 50_000, 100_000, 200_000][looks]
        return
      }
      let value = cluster.random()
      for node in cluster.everyone {
        if let index = cluster.propose(value, at: node)?.index { waiting = (index, value) }
      }
      looks = 0
      nextLook = cluster.now + 10_000
    }
  }
}
