import Basics
import Raft
import Testing

/// Changes of the membership of a whole group, with crashes and partitions.
@Suite struct MembershipScenarios {
  /// From three to five and back to three others, under load.
  @Test(arguments: 1...3) func groupIsReplacedOneByOne(seed: UInt64) throws {
    let cluster = Cluster(3, joiners: 3, seed: seed, snapshotEvery: seed == 1 ? nil : 10)
    try cluster.one(1, 3)
    for old in 0..<3 {
      try cluster.change(.add(cluster.id(old + 3)))
      try cluster.one(cluster.random(), 3)
      try cluster.change(.replace(cluster.id(old), with: cluster.id(old + 3)))
      for _ in 0..<12 { try cluster.one(cluster.random(), 3) }
      cluster.run(milliseconds: 1500)
      let removed = try #require(cluster.nodes[old].raft)
      #expect(removed.isRemoved)
      cluster.crash(old)
      let term = cluster.term(old + 3)
      cluster.run(milliseconds: 3000)
      #expect(cluster.term(old + 3) == term)
    }
    let leader = try cluster.checkOneLeader()
    #expect(cluster.membership(leader) == Membership(voters: Array(cluster.ids[3...])))
    for node in 3..<6 { cluster.restart(node) }
    try cluster.one(2, 3)
    #expect(cluster.membership(4) == Membership(voters: Array(cluster.ids[3...])))
  }

  /// B27: a replica that was cut off while it was removed raises no term when it is back, and
  /// learns of it.
  @Test func b27RemovedWhileAway() throws {
    let cluster = Cluster(4, seed: 5)
    try cluster.one(1, 4)
    let leader = try cluster.checkOneLeader()
    let away = cluster.after(leader, 1)
    cluster.cut(away)
    try cluster.change(.remove(cluster.id(away)))
    cluster.run(milliseconds: 5000)
    let term = cluster.term(leader)
    #expect(cluster.nodes[away].raft?.isRemoved == false)
    cluster.connect(away)
    cluster.run(milliseconds: 5000)
    #expect(cluster.isLeader(leader) && cluster.term(leader) == term)
    #expect(cluster.nodes[away].raft?.isRemoved == true)
  }

  /// B27: a leader that is removed is replaced without an election timeout.
  @Test func b27RemovedLeaderIsReplacedAtOnce() throws {
    let cluster = Cluster(3, seed: 6)
    try cluster.one(1, 3)
    let leader = try cluster.checkOneLeader()
    guard case .accepted = cluster.propose(.remove(cluster.id(leader)), at: leader) else {
      Issue.record("refused")
      return
    }
    cluster.run(milliseconds: 60)
    let others = cluster.everyone.filter { $0 != leader }
    #expect(others.contains(where: cluster.isLeader) && !cluster.isLeader(leader))
    try cluster.one(2, 2)
    #expect(cluster.nodes[leader].raft?.isRemoved == true)
  }

  /// A leader that crashes between the two entries of a change: the next one ends it.
  @Test(arguments: 1...6) func crashWithinAChange(seed: UInt64) throws {
    let cluster = Cluster(3, joiners: 1, seed: seed)
    try cluster.one(1, 3)
    try cluster.change(.add(cluster.id(3)))
    try cluster.one(2, 4)
    let leader = try cluster.checkOneLeader()
    let old = cluster.after(leader, 1) % 3
    let gone = old == leader ? (leader + 1) % 3 : old
    _ = cluster.propose(.replace(cluster.id(gone), with: cluster.id(3)), at: leader)
    cluster.run(milliseconds: Int(seed) / 2)
    cluster.crash(leader)
    cluster.run(milliseconds: 3000)
    cluster.start(leader)
    cluster.connect(leader)
    cluster.run(milliseconds: 2000)
    let next = try cluster.checkOneLeader()
    let settled = try #require(cluster.membership(next))
    let before = Membership(voters: Array(cluster.ids[..<3]), learners: [cluster.id(3)])
    let after = Membership(voters: cluster.ids.filter { $0 != cluster.id(gone) })
    #expect(settled == before || settled == after)
    try cluster.one(3, 3)
  }

  /// B29: a voter is not added before it has caught up, so a learner that is dead costs nothing.
  @Test func b29DeadLearnerCostsNothing() throws {
    let cluster = Cluster(3, joiners: 1, seed: 8)
    cluster.cut(3)
    try cluster.change(.add(cluster.id(3)))
    for value: UInt64 in 1...20 { try cluster.one(value, 3) }
    let leader = try cluster.checkOneLeader()
    guard case .refused(.notCaughtUp) = cluster.propose(.promote(cluster.id(3)), at: leader) else {
      Issue.record("promoted")
      return
    }
    try cluster.change(.remove(cluster.id(3)))
    cluster.connect(3)
    try cluster.one(21, 3)
  }
}
