import Basics
import Raft
import Testing

/// The fuzz suites of Raft libraries, under their names, as far as they change members and leaders;
/// those that only disturb the network run on whole servers. After each all logs are the same, what
/// was acknowledged is there, once, and all applied one sequence. That one replica alone sends
/// entries in a term, and that nothing else is applied at an index, is checked all the time.
@Suite struct LibraryFuzzScenarios {
  @Test("NoIssueSanity") func noIssueSanity() throws {
    let load = Load(Cluster(5, seed: 1))
    let leader = try load.cluster.checkOneLeader()
    let term = load.cluster.term(leader)
    try load.apply(10_000)
    #expect(load.cluster.isLeader(leader) && load.cluster.term(leader) == term)
    try load.finish(members: Array(0..<5))
  }

  @Test("AddMembership", arguments: UInt64(1)...3)
  func addMembership(seed: UInt64) throws {
    let load = Load(Cluster(3, joiners: 2, seed: seed))
    try load.apply(500)
    for joiner in 3..<5 {
      try load.change(.add(load.cluster.id(joiner)))
      try load.change(.promote(load.cluster.id(joiner)))
    }
    try load.apply(500)
    try load.finish(members: Array(0..<5))
  }

  @Test("AddRemoveNodesNotLeader", arguments: UInt64(1)...3)
  func addRemoveNodesNotLeader(seed: UInt64) throws {
    let load = Load(Cluster(3, joiners: 2, seed: seed))
    let cluster = load.cluster
    try load.apply(200)
    for joiner in 3..<5 {
      try load.change(.add(cluster.id(joiner)))
      try load.change(.promote(cluster.id(joiner)))
    }
    try load.apply(200)
    let leader = try cluster.checkOneLeader()
    let term = cluster.term(leader)
    let leaving = cluster.everyone.filter { $0 != leader }.prefix(2)
    for node in leaving { try load.change(.remove(cluster.id(node))) }
    try load.apply(200)
    #expect(cluster.isLeader(leader) && cluster.term(leader) == term, "no election")
    for node in leaving { #expect(cluster.nodes[node].raft?.isRemoved == true) }
    try load.finish(members: cluster.everyone.filter { !leaving.contains($0) })
  }

  @Test("RemoveLeader", arguments: UInt64(1)...3)
  func removeLeader(seed: UInt64) throws {
    let load = Load(Cluster(5, seed: seed))
    let cluster = load.cluster
    try load.apply(200)
    let leader = try cluster.checkOneLeader()
    try load.change(.remove(cluster.id(leader)))
    try load.apply(200)
    #expect(!cluster.isLeader(leader) && cluster.nodes[leader].raft?.isRemoved == true)
    try load.finish(members: cluster.everyone.filter { $0 != leader })
  }

  /// It asks for votes when it is back, for it cannot know: nobody listens.
  @Test("RemovePartitionedNode", arguments: UInt64(1)...3)
  func removePartitionedNode(seed: UInt64) throws {
    let load = Load(Cluster(5, seed: seed))
    let cluster = load.cluster
    try load.apply(200)
    let leader = try cluster.checkOneLeader()
    let away = cluster.after(leader, 2)
    cluster.cut(away)
    try load.change(.remove(cluster.id(away)))
    try load.apply(200)
    cluster.run(milliseconds: 3000)
    let term = cluster.term(leader)
    cluster.connect(away)
    try load.apply(200)
    cluster.run(milliseconds: 3000)
    #expect(cluster.isLeader(leader) && cluster.term(leader) == term, "no disturbance")
    #expect(cluster.nodes[away].raft?.isRemoved == true)
    try load.finish(members: cluster.everyone.filter { $0 != away })
  }

  @Test("FuzzyLeadershipTransfer", arguments: UInt64(1)...2)
  func fuzzyLeadershipTransfer(seed: UInt64) throws {
    let load = Load(Cluster(5, seed: seed))
    let cluster = load.cluster
    for _ in 0..<3 {
      try load.apply(cluster.generator.next(in: 1...10_000))
      let leader = try #require(cluster.everyone.first(where: cluster.isLeader))
      let target = cluster.after(leader, cluster.generator.next(in: 1...4))
      load.propose()
      cluster.turn(leader) { #expect($0.transferLeadership(to: cluster.id(target)) == nil) }
      let term = cluster.term(leader)
      let begin = cluster.now
      while !cluster.isLeader(target) {
        load.propose()
        cluster.run(milliseconds: 1)
        guard cluster.now < begin + 100_000 else { throw Failed(description: "no transfer") }
      }
      #expect(cluster.term(target) == term + 1)
    }
    try load.apply(200)
    try load.finish(members: Array(0..<5))
  }
}

/// Numbers that are proposed at whoever leads, a few in each turn.
private final class Load {
  let cluster: Cluster
  private var next: UInt64 = 0
  /// Where numbers were put that nobody has applied yet.
  private var open: [(id: EntryID, value: UInt64)] = []
  private var acknowledged: [UInt64] = []

  init(_ cluster: Cluster) { self.cluster = cluster }

  func propose() {
    for leader in cluster.everyone where cluster.isLeader(leader) {
      cluster.turn(leader) { raft in
        for _ in 0..<cluster.generator.next(in: 1...20) {
          next += 1
          var writer = ByteWriter()
          writer.u64(next)
          if let id = raft.propose(writer.bytes) { open.append((id, next)) }
        }
      }
    }
  }

  /// What was applied where it was put is acknowledged; where another entry is, it is lost.
  private func settle() throws {
    try cluster.check()
    open.removeAll { proposal in
      guard let entry = cluster.truth[proposal.id.index.rawValue] else { return false }
      if entry.id == proposal.id { acknowledged.append(proposal.value) }
      return true
    }
  }

  private func step() throws {
    propose()
    cluster.run(milliseconds: cluster.generator.next(in: 1...3))
    try settle()
  }

  /// Goes on until so many more are acknowledged.
  func apply(_ count: Int) throws {
    let goal = acknowledged.count + count
    let end = cluster.now + 60_000_000
    while acknowledged.count < goal {
      guard cluster.now < end else { throw Failed(description: "nothing is applied any more") }
      try step()
    }
  }

  /// Changes the membership while the load goes on.
  func change(_ change: MembershipChange) throws {
    let end = cluster.now + 20_000_000
    var isAccepted = false
    while cluster.now < end {
      try step()
      for leader in cluster.connectedNodes where cluster.isLeader(leader) {
        if isAccepted, cluster.nodes[leader].raft?.isMembershipSettled == true { return }
        guard !isAccepted else { continue }
        if case .accepted = cluster.propose(change, at: leader) { isAccepted = true }
      }
    }
    throw Failed(description: "\(change) is not done within 20 s")
  }

  func finish(members: [Int]) throws {
    let isAtRest = try cluster.run(upToMilliseconds: 5000) {
      try settle()
      return open.isEmpty && members.allSatisfy { cluster.nodes[$0].applied == cluster.applied }
    }
    #expect(isAtRest, "everything that was put somewhere is applied or lost")
    let first = cluster.nodes[members[0]]
    for member in members {
      let node = cluster.nodes[member]
      #expect(node.journal == first.journal, "the log of \(member)")
      #expect(node.count == first.count && node.hash == first.hash, "the state of \(member)")
    }
    #expect(cluster.values.count == first.count)
    #expect(Set(cluster.values).count == cluster.values.count, "nothing is applied twice")
    #expect(Set(acknowledged).isSubset(of: cluster.values), "what was acknowledged is there")
    #expect(acknowledged.count == Set(acknowledged).count)
  }
}
