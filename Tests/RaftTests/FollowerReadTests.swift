import Basics
import Raft
import Testing

/// Reads on any replica: it asks its leader for the index (thesis §6.4).
@Suite struct FollowerReadTests {
  private func questions(_ bench: Bench) -> [UInt64] {
    bench.sent.compactMap { if case .readIndex(let number) = $0.body { number } else { nil } }
  }

  private func following() -> Bench {
    var bench = Bench()
    bench.append(term: 1, after: .zero, Bench.entries([1]), commit: 1)
    bench.forget()
    return bench
  }

  @Test func oneQuestionForAllReadsOfATurn() throws {
    var bench = following()
    bench.node.readAnywhere(context: 1)
    bench.node.readAnywhere(context: 2)
    bench.drain()
    let number = try #require(questions(bench).first)
    #expect(questions(bench).count == 1 && bench.sent.map(\.to) == [Bench.ids[1]])
    bench.hear(2, term: 1, .readIndexReply(context: number, index: LogIndex(7)))
    #expect(
      bench.reads == [1, 2].map { .confirmed(context: $0, index: LogIndex(7)) })
    bench.hear(2, term: 1, .readIndexReply(context: number, index: LogIndex(9)))
    #expect(bench.reads.isEmpty)
  }

  /// J8, B9, etcd #20418: what comes from another leader, another term, another life, or names
  /// another question, answers nothing; and with the leader its questions are dropped.
  @Test func b9LateAnswersAreDropped() throws {
    var bench = following()
    bench.node.readAnywhere(context: 1)
    bench.drain()
    let number = try #require(questions(bench).first)
    bench.hear(3, term: 1, .readIndexReply(context: number, index: LogIndex(7)))
    bench.hear(2, term: 1, .readIndexReply(context: number &+ 1, index: LogIndex(7)))
    #expect(bench.reads.isEmpty)
    bench.append(from: 3, term: 2, after: Bench.id(1, 1))
    #expect(bench.reads == [.dropped(context: 1)])
    bench.hear(2, term: 1, .readIndexReply(context: number, index: LogIndex(7)))
    bench.hear(3, term: 2, .readIndexReply(context: number, index: LogIndex(7)))
    #expect(bench.reads.isEmpty)
    var settings = RaftSettings()
    settings.heartbeatTicks = 9
    var other = RaftNode(
      id: Bench.ids[0], settings: settings, membership: Membership(voters: Bench.ids),
      restored: RestoredState(), seed: 8)
    other.step(
      Message(
        from: Bench.ids[1], to: Bench.ids[0], term: Term(1),
        body: .append(AppendRequest(previous: .zero, entries: [], commit: .zero, round: 0))))
    other.readAnywhere(context: 1)
    let asked = other.takeReady().messages.compactMap {
      if case .readIndex(let number) = $0.body { number } else { nil }
    }
    #expect(asked.count == 1 && asked != [number])
  }

  @Test func refusedOrUnansweredReadsAreDropped() throws {
    var bench = Bench()
    bench.node.readAnywhere(context: 1)
    bench.drain()
    #expect(bench.reads == [.dropped(context: 1)])
    bench = following()
    bench.node.readAnywhere(context: 2)
    bench.drain()
    bench.hear(
      2, term: 1, .readIndexReply(context: try #require(questions(bench).first), index: nil))
    #expect(bench.reads == [.dropped(context: 2)])
    bench.node.readAnywhere(context: 3)
    bench.drain()
    var ticks = 0
    bench.forget()
    while bench.reads.isEmpty, ticks < 200 {
      bench.append(term: 1, after: Bench.id(1, 1))
      bench.tick(1)
      ticks += 1
    }
    #expect(bench.reads == [.dropped(context: 3)])
    #expect(ticks == RaftSettings().electionTicks.lowerBound)
  }

  /// A learner that forgets its leader in the turn of a read drops the read, and comes to rest.
  @Test func readsOfATurnThatForgetsItsLeaderAreDropped() {
    var bench = Bench(voters: 0)
    bench.append(term: 1, after: .zero)
    bench.forget()
    bench.pass(milliseconds: 5000)
    bench.node.readAnywhere(context: 1)
    for _ in 0..<200 { bench.node.tick() }
    #expect(bench.node.leader == nil)
    for _ in 0..<10 where bench.node.hasReady { bench.reads += bench.node.takeReady().reads }
    #expect(!bench.node.hasReady && bench.reads == [.dropped(context: 1)])
  }

  /// B8: a leader answers a follower only when a quorum has confirmed it.
  @Test("Thesis §6.4: a follower's reads are confirmed by the leader as its own")
  func b8LeaderConfirmsForFollowers() {
    var bench = Bench()
    bench.win()
    let term = bench.node.term.rawValue
    bench.hear(2, term: term, .readIndex(context: 5))
    #expect(bench.sent.isEmpty, "nothing of its term is committed yet")
    bench.acknowledge(2, 1)
    bench.acknowledge(3, 1, round: 1)
    #expect(bench.sent.map(\.body).contains(.readIndexReply(context: 5, index: LogIndex(1))))
    bench.forget()
    bench.node.step(
      Message(
        from: ReplicaID(rawValue: 44), to: Bench.ids[0], term: Term(term),
        body: .readIndex(context: 6)))
    bench.drain()
    #expect(bench.sent.map(\.body) == [.readIndexReply(context: 6, index: nil)])
    bench.hear(2, term: term, .readIndex(context: 7))
    bench.append(from: 3, term: term + 1, after: .zero)
    #expect(bench.sent.map(\.body).contains(.readIndexReply(context: 7, index: nil)))
  }

  /// J18: followers and learners serve reads that see everything that was applied before.
  @Test(arguments: 1...3) func j18ReadsOnEveryReplica(seed: UInt64) throws {
    let cluster = Cluster(3, joiners: 1, seed: seed)
    try cluster.one(1, 3)
    try cluster.change(.add(cluster.id(3)))
    try cluster.one(2, 4)
    cluster.isReliable = seed == 1
    for value: UInt64 in 10..<40 {
      for node in cluster.everyone { _ = cluster.propose(value, at: node) }
      cluster.run(milliseconds: cluster.generator.next(in: 0...3))
      for node in cluster.everyone { cluster.beginRead(node) }
    }
    cluster.run(milliseconds: 1500)
    try cluster.check()
    #expect(cluster.reads.count == 120)
    let confirmed = cluster.reads.count {
      if case .confirmed = $0.outcome { true } else { false }
    }
    #expect(confirmed == 120 || (confirmed > 60 && seed > 1))
  }
}
