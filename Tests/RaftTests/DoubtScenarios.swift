import Basics
import Raft
import Testing

/// Groups whose disks forget something in a crash, or may have.
@Suite struct DoubtScenarios {
  private func isInDoubt(_ cluster: Cluster, _ node: Int) -> Bool {
    cluster.nodes[node].raft?.isInDoubt ?? false
  }

  private func crash(_ cluster: Cluster, _ node: Int, forgetting batches: Int? = 0) {
    cluster.crash(node)
    if let batches {
      cluster.nodes[node].disk.forget(batches: batches)
    } else {
      cluster.nodes[node].disk.forgetEverything()
    }
  }

  private func comeUp(_ cluster: Cluster, _ node: Int) {
    cluster.start(node)
    cluster.connect(node)
  }

  @Test(arguments: UInt64(1)...3) func tornTailsOfAllElectOnceAllAreUp(seed: UInt64) throws {
    let cluster = Cluster(3, seed: seed)
    for value: UInt64 in 1...5 { try cluster.one(value, 3) }
    for node in 0..<3 { crash(cluster, node) }
    for node in 0..<2 { comeUp(cluster, node) }
    cluster.run(milliseconds: 10_000)
    try cluster.checkNoLeader()
    comeUp(cluster, 2)
    try cluster.checkOneLeader()
    try cluster.one(6, 3)
    cluster.run(milliseconds: 500)
    #expect((0..<3).allSatisfy { !isInDoubt(cluster, $0) })
    #expect(cluster.nodes.map(\.disk.trust) == Array(repeating: Trust(doubts: 1), count: 3))
    // From then on two are enough.
    cluster.crash(try cluster.checkOneLeader())
    try cluster.one(7, 2)
  }

  /// One of them has forgotten what it acknowledged last: it is not elected, and gets it back.
  @Test(arguments: UInt64(1)...5) func whatOneForgotIsOnTheOthers(seed: UInt64) throws {
    let cluster = Cluster(3, seed: seed)
    for value: UInt64 in 1...5 { try cluster.one(value, 3) }
    let forgetful = cluster.generator.next(in: 0..<3)
    let last = cluster.nodes[forgetful].disk.entries.last?.id
    for node in 0..<3 { crash(cluster, node, forgetting: node == forgetful ? 1 : 0) }
    #expect(cluster.nodes[forgetful].disk.entries.last?.id != last)
    for node in 0..<3 { comeUp(cluster, node) }
    let leader = try cluster.checkOneLeader()
    #expect(leader != forgetful)
    try cluster.one(6, 3)
    #expect(cluster.values == [1, 2, 3, 4, 5, 6])
  }

  /// Nothing is left of it: it does not vote, lead or count before it has everything again.
  @Test(arguments: [nil, 5]) func aDamagedReplicaIsBroughtBack(snapshotEvery: Int?) throws {
    let cluster = Cluster(3, seed: 4, snapshotEvery: snapshotEvery)
    for value: UInt64 in 1...20 { try cluster.one(value, 3) }
    let leader = try cluster.checkOneLeader()
    let (damaged, other) = (cluster.after(leader, 1), cluster.after(leader, 2))
    crash(cluster, damaged, forgetting: nil)
    cluster.cut(other)
    comeUp(cluster, damaged)
    cluster.run(milliseconds: 5000)
    #expect(isInDoubt(cluster, damaged) && cluster.appliedBy(21) == 0)
    try cluster.checkNoLeader()
    cluster.cut(leader)
    cluster.connect(other)
    cluster.run(milliseconds: 5000)
    try cluster.checkNoLeader()
    cluster.connect(leader)
    try cluster.one(21, 3)
    cluster.run(milliseconds: 500)
    #expect(!isInDoubt(cluster, damaged))
    #expect((cluster.nodes[damaged].installs > 0) == (snapshotEvery != nil))
    cluster.cut(leader)
    try cluster.one(22, 2)
  }

  /// A leader that is alone with those in doubt steps down, and everybody elects it again.
  @Test func followersThatDoubtOneAfterTheOtherAreSettled() throws {
    let cluster = Cluster(3, seed: 6)
    try cluster.one(1, 3)
    let leader = try cluster.checkOneLeader()
    let term = cluster.term(leader)
    for offset in 1...2 {
      crash(cluster, cluster.after(leader, offset), forgetting: 1)
      comeUp(cluster, cluster.after(leader, offset))
    }
    try cluster.one(2, 3)
    #expect(cluster.term(try cluster.checkOneLeader()) > term)
    cluster.run(milliseconds: 500)
    #expect((0..<3).allSatisfy { !isInDoubt(cluster, $0) })
  }

  @Test(arguments: UInt64(1)...5) func crashesInDoubtAreSurvived(seed: UInt64) throws {
    let cluster = Cluster(5, seed: seed, snapshotEvery: 10)
    try cluster.one(1, 5)
    let forgetful = [cluster.generator.next(in: 0..<5), cluster.generator.next(in: 0..<5)]
    for value: UInt64 in 2...40 {
      if value % 3 == 0 {
        for node in forgetful {
          crash(cluster, node, forgetting: cluster.generator.next(in: 0...2))
          comeUp(cluster, node)
          cluster.run(milliseconds: cluster.generator.next(in: 0...30))
        }
      }
      try cluster.one(value, 3)
    }
    try cluster.one(41, 5)
    #expect(cluster.values == Array(1...41))
  }

  /// The entry that was to settle the doubt is compacted before it is there.
  @Test func aDoubtIsSettledThoughItsEntryIsCompacted() throws {
    let cluster = Cluster(3, seed: 8, snapshotEvery: 5)
    for value: UInt64 in 1...4 { try cluster.one(value, 3) }
    let leader = try cluster.checkOneLeader()
    let doubtful = cluster.after(leader, 1)
    crash(cluster, doubtful, forgetting: 2)
    comeUp(cluster, doubtful)
    // The leader has heard of it, and nothing gets there any more.
    let isHeard = cluster.run(upToMilliseconds: 2000) {
      cluster.nodes[leader].raft?.progress.contains { $0.isInDoubt } ?? false
    }
    #expect(isHeard)
    cluster.cut(doubtful)
    for value: UInt64 in 5...30 { try cluster.one(value, 2) }
    cluster.connect(doubtful)
    try cluster.one(31, 3)
    cluster.run(milliseconds: 500)
    #expect(!isInDoubt(cluster, doubtful) && cluster.nodes[doubtful].installs > 0)
  }
}
