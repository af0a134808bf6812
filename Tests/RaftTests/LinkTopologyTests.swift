import Basics
import Raft
import Testing

/// Links that are broken in one or both directions: who can lead does, and nobody else.
@Suite struct LinkTopologyTests {
  private static let links = [(0, 1), (0, 2), (1, 0), (1, 2), (2, 0), (2, 1)]

  private func isJoined(_ mask: Int, _ left: Int, _ right: Int) -> Bool {
    Self.links.enumerated().allSatisfy { number, link in
      let matters = link == (left, right) || link == (right, left)
      return !matters || mask & (1 << number) != 0
    }
  }

  /// All 64 topologies of three replicas. Where some replica reaches a majority both ways there is
  /// a stable leader within five seconds and the term does not rise any more; elsewhere nobody
  /// leads.
  @Test(arguments: [false, true]) func everyTopologyOfThree(hasLeaderBefore: Bool) throws {
    for mask in 0..<64 {
      let cluster = Cluster(3, seed: UInt64(mask) + 1)
      if hasLeaderBefore {
        try cluster.one(1, 3)
        try cluster.checkOneLeader()
      }
      for (number, link) in Self.links.enumerated() where mask & (1 << number) == 0 {
        cluster.brokenLinks.insert(Cluster.Link(link.0, link.1))
      }
      cluster.run(milliseconds: 5000)
      try cluster.check()
      let canLead = (0..<3).filter { node in
        (0..<3).contains { $0 != node && isJoined(mask, node, $0) }
      }
      let leaders = cluster.everyone.filter(cluster.isLeader)
      if canLead.isEmpty {
        #expect(leaders.isEmpty, "topology \(mask)")
        continue
      }
      #expect(leaders.count == 1 && leaders.allSatisfy(canLead.contains), "topology \(mask)")
      let terms = cluster.everyone.map(cluster.term)
      cluster.run(milliseconds: 5000)
      #expect(cluster.everyone.filter(cluster.isLeader) == leaders, "topology \(mask)")
      #expect(cluster.everyone.map(cluster.term) == terms, "topology \(mask)")
    }
  }

  /// One replica whose links come and go disturbs nobody while the leader reaches a majority.
  @Test(arguments: 1...2) func flappingReplicaRaisesNoTerm(seed: UInt64) throws {
    let cluster = Cluster(5, seed: seed)
    try cluster.one(1, 5)
    let leader = try cluster.checkOneLeader()
    let term = cluster.term(leader)
    let flapping = [cluster.after(leader, 1), cluster.after(leader, 2)]
    for step in 0..<100 {
      for node in flapping {
        for other in cluster.everyone where other != node {
          for link in [Cluster.Link(node, other), Cluster.Link(other, node)] {
            if cluster.generator.chance(0.5) {
              cluster.brokenLinks.insert(link)
            } else {
              cluster.brokenLinks.remove(link)
            }
          }
        }
      }
      cluster.run(milliseconds: cluster.generator.next(in: 10...1200))
      if step % 20 == 0 { try cluster.one(UInt64(step), 3) }
    }
    #expect(cluster.isLeader(leader) && cluster.term(leader) == term)
    cluster.brokenLinks = []
    try cluster.one(999, 5)
    #expect(cluster.term(leader) == term)
  }

  /// B7: a leader that is heard and hears nothing holds nobody up for long.
  @Test func b7DeafLeaderIsReplaced() throws {
    let cluster = Cluster(5, seed: 31)
    try cluster.one(1, 5)
    let leader = try cluster.checkOneLeader()
    for node in cluster.everyone { cluster.brokenLinks.insert(Cluster.Link(node, leader)) }
    cluster.run(milliseconds: 600)
    #expect(!cluster.isLeader(leader))
    cluster.run(milliseconds: 1500)
    let next = try #require(cluster.everyone.first(where: cluster.isLeader))
    let term = cluster.term(next)
    cluster.run(milliseconds: 10_000)
    #expect(cluster.isLeader(next) && cluster.term(next) == term)
    try cluster.one(2, 4)
  }

  /// A leader that is left with one follower of four gives way to the others.
  @Test func leaderOfAMinorityOfLinksGivesWay() throws {
    let cluster = Cluster(5, seed: 32)
    try cluster.one(1, 5)
    let leader = try cluster.checkOneLeader()
    let kept = cluster.after(leader, 1)
    for node in cluster.everyone where node != kept && node != leader {
      cluster.brokenLinks.insert(Cluster.Link(leader, node))
      cluster.brokenLinks.insert(Cluster.Link(node, leader))
    }
    cluster.run(milliseconds: 3000)
    #expect(!cluster.isLeader(leader))
    try cluster.one(2, 4)
  }
}
