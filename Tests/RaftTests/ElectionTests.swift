import Basics
import Raft
import Testing

/// Elections, by the sections of the paper and the numbers of known bugs.
@Suite struct ElectionTests {
  private func request(_ last: EntryID, pre: Bool = false, transfer: Bool = false) -> Message.Body {
    .voteRequest(VoteRequest(last: last, isPreVote: pre, isTransfer: transfer))
  }

  /// A follower whose leader's process is gone campaigns long before its timeout and lets others do
  /// so; if the leader is alive after all, it follows on, in the same term.
  @Test func aLeaderThatIsGoneIsNotWaitedFor() {
    let heartbeat = Message.Body.append(
      AppendRequest(previous: .zero, entries: [], commit: .zero, round: 0))
    var bench = Bench()
    bench.hear(2, term: 1, heartbeat)
    bench.hear(3, term: 2, request(.zero, pre: true))
    #expect(bench.votes.isEmpty, "the leader is heard of")
    bench.node.suspectLeader()
    bench.hear(3, term: 2, request(.zero, pre: true))
    #expect(bench.votes == [VoteReply(isGranted: true, isPreVote: true)])
    bench.hear(2, term: 1, heartbeat)
    bench.tick(10)
    #expect(bench.node.role == .follower && bench.node.leader == Bench.ids[1])
    bench.node.suspectLeader()
    bench.tick(2)
    #expect(bench.sent.contains { $0.body == request(.zero, pre: true) })
    #expect(bench.node.leader == nil && bench.node.term == Term(1))
    bench.hear(2, term: 1, heartbeat)
    #expect(bench.node.role == .follower && bench.node.leader == Bench.ids[1])
  }

  /// B2: votes of an older term, of strangers and of learners do not count.
  @Test func b2OldAndForeignVotesDoNotCount() {
    var bench = Bench(voters: 5, term: 3)
    while bench.node.role == .follower { bench.tick(1) }
    bench.hear(2, term: 4, .voteReply(VoteReply(isGranted: true, isPreVote: true)))
    bench.hear(3, term: 4, .voteReply(VoteReply(isGranted: true, isPreVote: true)))
    #expect(bench.node.role == .candidate && bench.node.term == Term(4))
    bench.hear(2, term: 4, .voteReply(VoteReply(isGranted: true, isPreVote: false)))
    bench.hear(2, term: 4, .voteReply(VoteReply(isGranted: true, isPreVote: false)))
    bench.hear(3, term: 3, .voteReply(VoteReply(isGranted: true, isPreVote: false)))
    bench.hear(4, term: 4, .voteReply(VoteReply(isGranted: true, isPreVote: true)))
    bench.node.step(
      Message(
        from: ReplicaID(rawValue: 99), to: Bench.ids[0], term: Term(4),
        body: .voteReply(VoteReply(isGranted: true, isPreVote: false))))
    #expect(bench.node.role == .candidate)
    bench.hear(3, term: 4, .voteReply(VoteReply(isGranted: true, isPreVote: false)))
    #expect(bench.node.role == .leader)
  }

  /// Thesis §9.6: a PreVote raises no terms and binds nobody.
  @Test("Thesis §9.6: a PreVote raises no term and binds nobody")
  func preVoteChangesNothing() {
    var bench = Bench(term: 2)
    bench.hear(2, term: 3, request(.zero, pre: true))
    #expect(bench.votes == [VoteReply(isGranted: true, isPreVote: true)])
    #expect(bench.sentAfterSync.isEmpty && bench.node.term == Term(2))
    bench.hear(3, term: 3, request(.zero, pre: true))
    #expect(bench.votes.map(\.isGranted) == [true])
  }

  /// Two of three folders that were made anew, though the group refused each of them, are a quorum
  /// of the membership that it began with: they must not begin it again.
  @Test func aGroupBeginsOnceAllItsFirstReplicasAreThere() {
    var settings = RaftSettings()
    settings.firstElectionNeedsAll = true
    let granted = Message.Body.voteReply(VoteReply(isGranted: true, isPreVote: true))
    var bench = Bench(settings: settings)
    while bench.node.role == .follower { bench.tick(1) }
    bench.hear(2, term: 1, granted)
    bench.tick(300)
    #expect(bench.node.role != .candidate && bench.node.term == .zero)
    // One that the group knows has entries, and refuses.
    bench.hear(2, term: 1, granted)
    bench.hear(3, term: 4, .voteReply(VoteReply(isGranted: false, isPreVote: true)))
    #expect(bench.node.term == Term(4))
    // Its term says nothing: the other folder that was made anew is still no quorum with it.
    bench.tick(300)
    bench.hear(2, term: 5, granted)
    #expect(bench.node.role == .preCandidate && bench.node.term == Term(4))
    bench.hear(3, term: 5, granted)
    #expect(bench.node.role == .candidate && bench.node.term == Term(5))
    var fresh = Bench(settings: settings)
    while fresh.node.role == .follower { fresh.tick(1) }
    for voter in [2, 3] { fresh.hear(voter, term: 1, granted) }
    #expect(fresh.node.role == .candidate && fresh.node.term == Term(1))
    // Its election needs a quorum as any other.
    fresh.hear(3, term: 1, .voteReply(VoteReply(isGranted: true, isPreVote: false)))
    #expect(fresh.node.role == .leader)
    var old = Bench(entries: Bench.entries([1]), term: 1, settings: settings)
    while old.node.role == .follower { old.tick(1) }
    old.hear(3, term: 2, granted)
    #expect(old.node.role == .candidate)
  }

  /// A folder that was made anew to join, but under the id of a voter, must not vote a second time.
  @Test func whoDoesNotKnowTheMembershipDoesNotVote() {
    var joiner = Bench(voters: 0)
    joiner.hear(2, term: 3, request(Bench.id(9, 2)))
    #expect(joiner.votes.map(\.isGranted) == [false])
    joiner.hear(2, term: 4, request(Bench.id(9, 2), pre: true))
    #expect(joiner.votes.map(\.isGranted) == [false])
  }

  /// Thesis §4.2.3: who hears from a leader does not vote, unless the leader itself asked for it.
  @Test(
    "§6, thesis §4.2.3: who hears a leader votes for nobody else, unless the leader asked for it")
  func liveLeaderIsNotDeposed() {
    var bench = Bench()
    bench.append(term: 1, after: .zero)
    bench.hear(3, term: 9, request(.zero))
    #expect(bench.votes.isEmpty && bench.node.term == Term(1))
    bench.hear(3, term: 9, request(.zero, pre: true))
    #expect(bench.votes.isEmpty && bench.node.term == Term(1))
    bench.hear(3, term: 9, request(.zero, transfer: true))
    #expect(bench.votes.map(\.isGranted) == [true])
  }

  /// B7: a leader that hears no quorum steps down within one timeout, and drops its reads.
  @Test("Thesis §6.2 (B7): a leader that hears no quorum steps down, and drops its reads")
  func b7DeafLeaderStepsDown() {
    var bench = Bench()
    bench.win()
    bench.acknowledge(2, 1)
    bench.node.read(context: 4)
    bench.tick(RaftSettings().electionTicks.lowerBound + 1)
    #expect(bench.node.role == .follower && bench.node.leader == nil)
    #expect(bench.reads == [.dropped(context: 4)])
  }

  /// B6: 1, 2 and 3 hear each other, 4 hears only 2 and 5 only 3; the leader stays.
  @Test func b6PartlyConnectedNodesDoNotDepose() throws {
    let cluster = Cluster(5, seed: 11)
    try cluster.one(1, 5)
    let leader = try cluster.checkOneLeader()
    let order = (0..<5).map { cluster.after(leader, $0) }
    let (a, b, c, d, e) = (order[1], order[2], order[0], order[3], order[4])
    for pair in [(d, a), (d, c), (d, e), (e, a), (e, b)] {
      cluster.brokenLinks.insert(Cluster.Link(pair.0, pair.1))
      cluster.brokenLinks.insert(Cluster.Link(pair.1, pair.0))
    }
    let term = cluster.term(leader)
    cluster.run(milliseconds: 20_000)
    #expect(cluster.isLeader(leader) && cluster.term(leader) == term)
    try cluster.one(2, 4)
  }

  /// B7: a leader that hears but is not heard loses leadership.
  @Test func b7MuteLeaderIsReplaced() throws {
    let cluster = Cluster(3, seed: 12)
    try cluster.one(1, 3)
    let leader = try cluster.checkOneLeader()
    for node in cluster.everyone { cluster.brokenLinks.insert(Cluster.Link(leader, node)) }
    cluster.run(milliseconds: 3000)
    #expect(!cluster.isLeader(leader))
    let others = cluster.everyone.filter { $0 != leader }
    #expect(others.contains(where: cluster.isLeader))
    cluster.brokenLinks = []
    try cluster.one(2, 3)
  }

  /// Thesis §3.10: leadership moves to a voter that has everything, without waiting for a timeout.
  @Test("Thesis §3.10: leadership moves without waiting for a timeout")
  func transferMovesLeadership() throws {
    let cluster = Cluster(3, seed: 13)
    try cluster.one(1, 3)
    let leader = try cluster.checkOneLeader()
    let target = cluster.after(leader, 1)
    _ = cluster.propose(2, at: leader)
    cluster.turn(leader) { $0.transferLeadership(to: cluster.ids[target]) }
    #expect(cluster.propose(3, at: leader) == nil)
    cluster.run(milliseconds: 50)
    #expect(cluster.isLeader(target) && !cluster.isLeader(leader))
    try cluster.one(4, 3)
  }

  /// B30: a transfer to itself, to a stranger or to one that is away changes nothing for long.
  @Test func b30TransferToNobody() throws {
    let cluster = Cluster(3, seed: 14)
    try cluster.one(1, 3)
    let leader = try cluster.checkOneLeader()
    cluster.turn(leader) { $0.transferLeadership(to: cluster.ids[leader]) }
    cluster.turn(leader) { $0.transferLeadership(to: ReplicaID(rawValue: 77)) }
    #expect(cluster.propose(2, at: leader) != nil)
    cluster.cut(cluster.after(leader, 1))
    _ = cluster.propose(3, at: leader)
    cluster.turn(leader) { $0.transferLeadership(to: cluster.ids[cluster.after(leader, 1)]) }
    cluster.run(milliseconds: 1200)
    #expect(cluster.isLeader(leader))
    try cluster.one(4, 2)
  }

  /// A single voter leads at once, but commits only what its own disk has (B16).
  @Test func b16SingleVoterWaitsForItsDisk() {
    var bench = Bench(voters: 1)
    while bench.node.role != .leader { bench.tick(1, syncs: false) }
    #expect(bench.node.commitIndex == .zero && !bench.node.isReadyToServe)
    bench.node.read(context: 1)
    bench.drain(syncs: false)
    #expect(bench.reads.isEmpty)
    bench.node.persisted(bench.node.lastID)
    bench.drain()
    #expect(bench.node.commitIndex == LogIndex(1) && bench.node.isReadyToServe)
    #expect(bench.reads == [.confirmed(context: 1, index: LogIndex(1))])
  }
}
