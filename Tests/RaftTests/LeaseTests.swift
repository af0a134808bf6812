import Basics
import Raft
import Testing

/// Reads under a lease, thesis §6.4.1, and what must end it.
@Suite struct LeaseTests {
  private static var settings: RaftSettings {
    var settings = RaftSettings()
    settings.leaseReads = true
    return settings
  }

  /// A leader that has committed, and whose first round with a heartbeat 2 has answered.
  private func leased() -> Bench {
    var bench = Bench(settings: Self.settings)
    bench.win()
    bench.acknowledge(2, 1)
    bench.tick(1)
    let round = bench.appends(to: 2).last?.round ?? 0
    bench.acknowledge(2, 1, round: round)
    return bench
  }

  /// While the lease lasts reads are answered at once; it counts from when the round was sent, and
  /// is shorter than the shortest election timeout by a tick and the drift.
  @Test("Thesis §6.4.1: a lease ends before anybody may be elected")
  func leaseIsBounded() {
    var bench = leased()
    #expect(bench.node.holdsLease)
    bench.node.read(context: 1)
    bench.drain()
    #expect(bench.reads == [.confirmed(context: 1, index: LogIndex(1))] && bench.sent.isEmpty)
    bench.pass(milliseconds: 391)
    #expect(bench.node.holdsLease)
    bench.pass(milliseconds: 1)
    #expect(!bench.node.holdsLease)
    bench.forget()
    bench.node.read(context: 2)
    bench.drain()
    #expect(bench.reads.isEmpty && !bench.sent.isEmpty)
  }

  @Test func answersToOlderRoundsExtendNothing() {
    var bench = leased()
    bench.pass(milliseconds: 300)
    bench.acknowledge(2, 1, round: 1)
    bench.acknowledge(3, 1, round: 0)
    bench.pass(milliseconds: 92)
    #expect(!bench.node.holdsLease)
  }

  /// A voter that promises nothing, or less than this leader's shortest election timeout, confirms
  /// reads and extends no lease: settings may differ within a group.
  @Test func shortPromisesMakeNoLease() {
    for promise: UInt64 in [0, 499] {
      var bench = Bench(settings: Self.settings)
      bench.win()
      bench.acknowledge(2, 1)
      bench.node.read(context: 1)
      bench.drain()
      bench.acknowledge(2, 1, round: 1, promise: promise)
      #expect(bench.reads == [.confirmed(context: 1, index: LogIndex(1))])
      #expect(!bench.node.holdsLease)
      bench.acknowledge(3, 1, round: 1)
      #expect(bench.node.holdsLease)
    }
    var settings = Self.settings
    settings.electionTicks = 30...60
    var follower = Bench(settings: settings)
    follower.append(term: 1, after: .zero, round: 1)
    #expect(Set(follower.promises) == [300])
    follower = Bench()
    follower.append(term: 1, after: .zero, round: 1)
    #expect(Set(follower.promises) == [0])
  }

  @Test func noLeaseUnlessAskedFor() {
    var bench = Bench()
    bench.win()
    bench.acknowledge(2, 1)
    bench.node.read(context: 1)
    bench.drain()
    bench.acknowledge(2, 1, round: 1)
    #expect(!bench.node.holdsLease)
  }

  /// Whoever is asked to campaign may win though a leader is heard: no lease in this term again.
  @Test("Thesis §6.4.1: a transfer ends the lease")
  func transferEndsTheLease() {
    var bench = leased()
    #expect(bench.node.holdsLease)
    bench.node.transferLeadership(to: Bench.ids[1])
    #expect(!bench.node.holdsLease)
    for _ in 0..<130 {
      bench.tick(1)
      for voter in [2, 3] {
        if let round = bench.appends(to: voter).last?.round {
          bench.acknowledge(voter, 1, round: round)
        }
      }
    }
    #expect(bench.node.role == .leader && bench.node.transferTarget == nil)
    #expect(!bench.node.holdsLease)
  }

  /// A voter keeps its promise though it forgot the leader: after a restart, when a message of a
  /// higher term comes, and when the leader's process seems to be gone.
  @Test func promiseOutlivesTheLeader() {
    let request = Message.Body.voteRequest(VoteRequest(last: .zero, isPreVote: false))
    var restarted = Bench(term: 3, settings: Self.settings)
    restarted.hear(3, term: 4, request)
    #expect(restarted.votes.isEmpty)
    restarted.tick(RaftSettings().electionTicks.lowerBound)
    restarted.hear(3, term: 4, request)
    #expect(restarted.votes.map(\.isGranted) == [true])

    var bench = Bench(settings: Self.settings)
    bench.append(term: 1, after: .zero)
    bench.hear(3, term: 2, .voteReply(VoteReply(isGranted: false, isPreVote: false)))
    #expect(bench.node.term == Term(2) && bench.node.leader == nil)
    bench.hear(3, term: 2, request)
    #expect(bench.votes.isEmpty)

    bench = Bench(settings: Self.settings)
    bench.append(term: 1, after: .zero)
    bench.node.readAnywhere(context: 1)
    bench.node.suspectLeader()
    bench.tick(RaftSettings().electionTicks.lowerBound - 1)
    #expect(bench.node.role == .follower && bench.reads == [.dropped(context: 1)])
    bench.tick(20)
    #expect(bench.node.role == .preCandidate)
  }

  /// The ticks of a turn are of the time before it: who was stopped and then hears its leader has
  /// promised as much as everybody.
  @Test func ticksBeforeAMessageDoNotCount() {
    var bench = Bench(settings: Self.settings)
    bench.append(term: 1, after: .zero)
    bench.pass(milliseconds: 5000)
    bench.append(term: 1, after: .zero)
    for _ in 0..<200 { bench.node.tick() }
    bench.drain()
    #expect(bench.node.role == .follower)
    bench.hear(3, term: 2, .voteRequest(VoteRequest(last: .zero, isPreVote: true)))
    #expect(bench.votes.isEmpty)
  }

  /// B10, J5: a leader that was stopped answers nothing from before, whether the read came before
  /// the pause or after it, and whatever mail it finds; and clocks that run 20 % fast or slow.
  @Test(arguments: 1...6) func b10PausedLeaderHasNoLease(seed: UInt64) throws {
    let cluster = Cluster(3, seed: seed, settings: Self.settings)
    cluster.nodes[Int(seed % 3)].clockPercent = seed < 4 ? 120 : 84
    try cluster.one(1, 3)
    for step: UInt64 in 1...4 {
      let leader = try cluster.checkOneLeader()
      cluster.run(milliseconds: 500)
      let context = cluster.beginRead(leader)
      guard case .confirmed = cluster.outcome(of: context) else {
        Issue.record("no lease in good times")
        return
      }
      cluster.pause(leader)
      cluster.run(milliseconds: [300, 700, 1500, 4000][Int(step) - 1])
      for node in cluster.everyone where node != leader {
        _ = cluster.propose(100 + step, at: node)
      }
      cluster.run(milliseconds: 50)
      cluster.beginRead(leader)
      cluster.run(milliseconds: 20)
      cluster.beginRead(leader)
      cluster.run(milliseconds: 2000)
      try cluster.check()
    }
  }

  /// B10: the leader is cut off, the clocks differ by a fifth, and nobody reads what is old.
  @Test(arguments: 1...6) func b10PartitionedLeader(seed: UInt64) throws {
    let cluster = Cluster(3, seed: seed, settings: Self.settings)
    for node in cluster.everyone {
      cluster.nodes[node].clockPercent = UInt64(cluster.generator.next(in: 90...112))
    }
    try cluster.one(1, 3)
    let old = try cluster.checkOneLeader()
    cluster.cut(old)
    for value: UInt64 in 0..<200 {
      for node in cluster.everyone where node != old { _ = cluster.propose(value, at: node) }
      cluster.run(milliseconds: 10)
      cluster.beginRead(old)
    }
    try cluster.check()
    #expect(cluster.applied > LogIndex(20))
  }
}
