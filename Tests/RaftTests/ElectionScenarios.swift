import Testing

import Raft

/// Part A of the labs' Raft scenarios.
@Suite struct ElectionScenarios {
  @Test func initialElection() throws {
    let cluster = Cluster(3, seed: 1)
    try cluster.checkOneLeader()
    cluster.run(milliseconds: 50)
    let first = try cluster.checkTerms()
    #expect(first >= 1)
    cluster.run(milliseconds: 2 * Cluster.electionMilliseconds)
    #expect(try cluster.checkTerms() == first)
    try cluster.checkOneLeader()
  }

  @Test(arguments: 1...5) func reElection(seed: UInt64) throws {
    let cluster = Cluster(3, seed: seed)
    let first = try cluster.checkOneLeader()
    cluster.cut(first)
    try cluster.checkOneLeader()
    cluster.connect(first)
    let second = try cluster.checkOneLeader()
    cluster.cut(second)
    cluster.cut(cluster.after(second, 1))
    cluster.run(milliseconds: 2 * Cluster.electionMilliseconds)
    try cluster.checkNoLeader()
    cluster.connect(cluster.after(second, 1))
    try cluster.checkOneLeader()
    cluster.connect(second)
    try cluster.checkOneLeader()
  }

  /// The old leader that comes back follows, and the new one goes on in its term.
  @Test func rejoiningLeaderDoesNotDisturb() throws {
    let cluster = Cluster(3, seed: 9)
    let first = try cluster.checkOneLeader()
    cluster.cut(first)
    let second = try cluster.checkOneLeader()
    let term = cluster.term(second)
    cluster.connect(first)
    #expect(try cluster.checkOneLeader() == second)
    #expect(cluster.term(second) == term)
  }

  @Test func manyElections() throws {
    let cluster = Cluster(7, seed: 3)
    try cluster.checkOneLeader()
    for _ in 0..<9 {
      let chosen = (0..<3).map { _ in cluster.generator.next(in: 0..<7) }
      for node in chosen { cluster.cut(node) }
      try cluster.checkOneLeader()
      for node in chosen { cluster.connect(node) }
    }
    try cluster.checkOneLeader()
  }

  /// "A new leader within 5 seconds of the failure"; ours within two.
  @Test(arguments: 1...10) func newLeaderSoon(seed: UInt64) throws {
    let cluster = Cluster(5, seed: seed)
    let first = try cluster.checkOneLeader()
    cluster.crash(first)
    let isElected = cluster.run(upToMilliseconds: 2000) {
      cluster.connectedNodes.contains(where: cluster.isLeader)
    }
    #expect(isElected)
  }
}
