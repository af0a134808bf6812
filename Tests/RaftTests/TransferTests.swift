import Basics
import Raft
import Testing

/// Handing over leadership, thesis §3.10, and giving it up over a disk that does nothing.
@Suite struct TransferTests {
  private func led() -> Bench {
    var bench = Bench()
    bench.win()
    bench.acknowledge(2, 1)
    bench.acknowledge(3, 1)
    return bench
  }

  private func asked(_ bench: Bench) -> [ReplicaID] {
    bench.sent.filter { $0.body == .timeoutNow }.map(\.to)
  }

  /// B30: the target is asked only when it has everything, and proposals are refused meanwhile.
  @Test("Thesis §3.10 (B30): the target is brought up to date first, and proposals are refused")
  func b30TargetIsBroughtUpToDateFirst() {
    var bench = led()
    _ = bench.node.propose([1])
    #expect(bench.node.transferLeadership(to: Bench.ids[1]) == nil)
    bench.drain()
    #expect(asked(bench).isEmpty && bench.node.transferTarget == Bench.ids[1])
    #expect(bench.node.refusal(bytes: 1) == .transferring(to: Bench.ids[1]))
    #expect(bench.node.propose([2]) == nil)
    #expect(
      bench.node.propose(.remove(Bench.ids[2])) == .refused(.transferring(to: Bench.ids[1])))
    bench.acknowledge(3, 2)
    #expect(asked(bench).isEmpty)
    bench.acknowledge(2, 2)
    #expect(asked(bench) == [Bench.ids[1]])
  }

  /// A lost request is repeated, and after the longest election timeout proposals are taken again.
  @Test("Thesis §3.10: a transfer that takes an election timeout is given up")
  func transferThatFailsIsGivenUp() {
    var bench = led()
    bench.node.transferLeadership(to: Bench.ids[1])
    bench.drain()
    var requests = 0
    for tick in 1...RaftSettings().electionTicks.upperBound {
      #expect(bench.node.propose([1]) == nil, "after \(tick - 1) ticks")
      bench.acknowledge(3, 1)
      bench.acknowledge(2, 1)
      bench.tick(1)
      requests += asked(bench).count
    }
    #expect(requests == 10)
    #expect(bench.node.transferTarget == nil && bench.node.propose([1]) != nil)
  }

  /// B30: nobody else can be asked than a voter that is heard from.
  @Test func b30UnfitTargetsAreRefused() {
    var follower = Bench()
    #expect(follower.node.transferLeadership(to: Bench.ids[1]) == .notLeader)
    var bench = led()
    _ = bench.node.propose(.add(Bench.ids[3]))
    bench.drain()
    bench.acknowledge(2, 2)
    bench.acknowledge(4, 2)
    #expect(bench.node.transferLeadership(to: Bench.ids[0]) == .alreadyLeader)
    #expect(bench.node.transferLeadership(to: Bench.ids[3]) == .notVoter(Bench.ids[3]))
    let stranger = ReplicaID(rawValue: 77)
    #expect(bench.node.transferLeadership(to: stranger) == .notVoter(stranger))
    for _ in 0...RaftSettings().electionTicks.lowerBound {
      bench.acknowledge(2, 2)
      bench.tick(1)
    }
    #expect(bench.node.transferLeadership(to: Bench.ids[2]) == .silent(Bench.ids[2]))
    #expect(bench.node.propose([1]) != nil)
  }

  @Test func withoutATargetTheFurthestVoterIsTaken() {
    var bench = led()
    _ = bench.node.propose([1])
    bench.drain()
    bench.acknowledge(3, 2)
    #expect(bench.node.transferLeadership(to: nil) == nil)
    #expect(bench.node.transferTarget == Bench.ids[2])
    bench.drain()
    #expect(asked(bench) == [Bench.ids[2]])
    var alone = Bench(voters: 1)
    while alone.node.role != .leader { alone.tick(1) }
    #expect(alone.node.transferLeadership(to: nil) == .nobodyElse)
  }

  /// The target skips the PreVote and says so, and voters that hear the leader vote all the same;
  /// who is asked by anybody but its leader does nothing.
  @Test("Thesis §3.10: the target campaigns at once, with its term's first entry")
  func targetCampaignsAtOnce() {
    var bench = Bench()
    bench.append(term: 1, after: .zero, Bench.entries([1]))
    bench.hear(3, term: 1, .timeoutNow)
    #expect(bench.node.role == .follower)
    bench.hear(2, term: 1, .timeoutNow)
    #expect(bench.node.role == .candidate && bench.node.term == Term(2))
    let requests = bench.sentAfterSync.compactMap {
      if case .voteRequest(let request) = $0.body { request } else { nil }
    }
    #expect(requests.count == 2)
    #expect(requests.allSatisfy { $0.isTransfer && !$0.isPreVote })
  }

  /// Under load, in a group that loses messages: one leader after the other, and nothing is lost.
  @Test(arguments: 1...3) func transfersUnderLoad(seed: UInt64) throws {
    let cluster = Cluster(3, seed: seed)
    cluster.isReliable = seed == 1
    try cluster.one(1, 3)
    for _ in 0..<10 {
      guard let leader = cluster.everyone.first(where: cluster.isLeader) else {
        cluster.run(milliseconds: 500)
        continue
      }
      for _ in 0..<5 { _ = cluster.propose(cluster.random(), at: leader) }
      cluster.turn(leader) { $0.transferLeadership(to: nil) }
      cluster.run(milliseconds: 300)
      if cluster.isReliable { #expect(!cluster.isLeader(leader)) }
    }
    cluster.isReliable = true
    try cluster.one(2, 3)
  }

  /// B50: a leader whose disk stalls hands over, and does not come back before its disk does.
  @Test func b50LeaderWithAStalledDiskHandsOver() throws {
    let cluster = Cluster(3, seed: 3)
    try cluster.one(1, 3)
    let leader = try cluster.checkOneLeader()
    cluster.stalledDisks = [leader]
    _ = cluster.propose(2, at: leader)
    cluster.run(milliseconds: 900)
    #expect(cluster.isLeader(leader))
    cluster.run(milliseconds: 400)
    #expect(!cluster.isLeader(leader))
    let next = try cluster.checkOneLeader()
    let term = cluster.term(next)
    for node in cluster.everyone where node != leader && node != next { cluster.cut(node) }
    cluster.run(milliseconds: 5000)
    #expect(!cluster.isLeader(leader), "its vote would never leave")
    cluster.stalledDisks = []
    for node in cluster.everyone { cluster.connect(node) }
    cluster.run(milliseconds: 3000)
    try cluster.one(3, 3)
    #expect(cluster.term(next) <= term + 2)
  }

  /// A follower's disk does not matter to the leader, and who is alone can hand over to nobody.
  @Test func otherStalledDisksChangeNothing() throws {
    let cluster = Cluster(3, seed: 4)
    try cluster.one(1, 3)
    let leader = try cluster.checkOneLeader()
    cluster.stalledDisks = [cluster.after(leader, 1)]
    try cluster.one(2, 2)
    cluster.run(milliseconds: 5000)
    #expect(cluster.isLeader(leader))
    var alone = Bench(voters: 1)
    while alone.node.role != .leader { alone.tick(1) }
    _ = alone.node.propose([1])
    alone.tick(500, syncs: false)
    #expect(alone.node.role == .leader)
  }
}
