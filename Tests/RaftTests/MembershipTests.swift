import Basics
import Raft
import Testing

/// Changes of the membership on one leader: Raft §6, and the numbers of known bugs.
@Suite struct MembershipTests {
  private func led(voters: Int = 3) -> Bench {
    var bench = Bench(voters: voters)
    bench.win()
    for voter in 2...max(voters, 2) where voter <= voters { bench.acknowledge(voter, 1) }
    return bench
  }

  private func membership(_ voters: [Int], _ outgoing: [Int] = [], _ learners: [Int] = [])
    -> Membership
  {
    Membership(
      voters: voters.map { Bench.ids[$0 - 1] }, outgoing: outgoing.map { Bench.ids[$0 - 1] },
      learners: learners.map { Bench.ids[$0 - 1] })
  }

  private func refused(_ answer: MembershipAnswer) -> MembershipRefusal? {
    if case .refused(let refusal) = answer { refusal } else { nil }
  }

  /// B25: no change before an entry of this term is committed, and one at a time.
  @Test(
    "§6, thesis §4.1 (B25): one change at a time, and none before the leader committed in its term")
  func b25OneMembershipAtATime() {
    var bench = Bench()
    #expect(refused(bench.node.propose(.add(Bench.ids[3]))) == .notLeader)
    bench.win()
    #expect(refused(bench.node.propose(.add(Bench.ids[3]))) == .notReady)
    bench.acknowledge(2, 1)
    guard case .accepted(let id) = bench.node.propose(.add(Bench.ids[3])) else {
      Issue.record("refused")
      return
    }
    #expect(id.index == LogIndex(2) && bench.node.membership == membership([1, 2, 3], [], [4]))
    #expect(
      refused(bench.node.propose(.add(Bench.ids[4]))) == .changePending(LogIndex(2)))
    bench.drain()
    #expect(!bench.appends(to: 4).isEmpty)
    bench.acknowledge(2, 2)
    #expect(bench.node.isMembershipSettled)
    #expect(refused(bench.node.propose(.add(Bench.ids[4]))) == nil)
  }

  /// §6: voters change by way of a membership that needs both majorities, and the leader leaves it
  /// by itself. A learner does not count (B4).
  @Test("§6: between two sets of voters both majorities must agree")
  func section6JointConsensus() {
    var bench = led()
    _ = bench.node.propose(.add(Bench.ids[3]))
    bench.drain()
    bench.acknowledge(4, 2)
    #expect(bench.node.commitIndex == LogIndex(1))
    bench.acknowledge(2, 2)
    #expect(bench.node.commitIndex == LogIndex(2))
    _ = bench.node.propose(MembershipChange(promoting: [Bench.ids[3]], removing: [Bench.ids[2]]))
    bench.drain()
    #expect(bench.node.membership == membership([1, 2, 4], [1, 2, 3]))
    // 1, 3 is a majority of the old and none of the new; 1, 4 the reverse.
    bench.acknowledge(3, 3)
    #expect(bench.node.commitIndex == LogIndex(2))
    bench.acknowledge(4, 3)
    #expect(bench.node.commitIndex == LogIndex(3))
    #expect(bench.node.membership == membership([1, 2, 4]) && bench.node.lastIndex == LogIndex(4))
    // The last entry is decided by the new voters alone, and then who left is told.
    bench.acknowledge(2, 4)
    #expect(bench.node.isMembershipSettled)
    let told = bench.sent.filter { $0.body == .removed(at: LogIndex(4)) }
    #expect(told.map(\.to) == [Bench.ids[2]])
  }

  /// A leader that finds a joint membership in its log ends it, once its own term has committed.
  @Test("§6: whoever leads next ends a change that it finds begun")
  func newLeaderFinishesWhatItFinds() {
    let joint = Entry(
      id: Bench.id(1, 1), kind: .membership, stamp: 0,
      payload: membership([1, 2, 4], [1, 2, 3]).encoded())
    var bench = Bench(entries: [joint], term: 1)
    while bench.node.role == .follower { bench.tick(1) }
    for isPreVote in [true, false] {
      for voter in [2, 3] {
        bench.hear(
          voter, term: bench.node.term.rawValue + (isPreVote ? 1 : 0),
          .voteReply(VoteReply(isGranted: true, isPreVote: isPreVote)))
      }
    }
    #expect(bench.node.role == .leader)
    bench.acknowledge(2, 1)
    bench.acknowledge(3, 1)
    #expect(bench.node.commitIndex == .zero && bench.node.lastIndex == LogIndex(2))
    bench.acknowledge(2, 2)
    #expect(bench.node.membership == membership([1, 2, 4]) && bench.node.lastIndex == LogIndex(3))
  }

  /// B29: a learner that lacks much is not promoted, whether it is away, slow, or needs a snapshot.
  @Test("§6, thesis §4.2.1 (B29): new servers do not vote before they caught up")
  func b29OnlyWhoHasCaughtUpIsPromoted() {
    var settings = RaftSettings()
    settings.promotionLagMax = 5
    var bench = Bench(settings: settings)
    bench.win()
    bench.acknowledge(2, 1)
    _ = bench.node.propose(.add(Bench.ids[3]))
    for _ in 0..<5 { _ = bench.node.propose([1]) }
    bench.drain()
    bench.acknowledge(2, 7)
    let promote = MembershipChange.promote(Bench.ids[3])
    #expect(refused(bench.node.propose(promote)) == .notCaughtUp(Bench.ids[3], lacks: 7))
    bench.acknowledge(4, 1)
    #expect(refused(bench.node.propose(promote)) == .notCaughtUp(Bench.ids[3], lacks: 6))
    bench.acknowledge(4, 2)
    for _ in 0...RaftSettings().electionTicks.lowerBound {
      bench.acknowledge(2, 7)
      bench.tick(1)
    }
    #expect(refused(bench.node.propose(promote)) == .notCaughtUp(Bench.ids[3], lacks: 5))
    bench.acknowledge(4, 2)
    #expect(refused(bench.node.propose(promote)) == nil)
  }

  /// A voter that does not know that it is one, after a crash, would vote for nobody.
  @Test func whoHasNotTheMembershipThatNamesItIsNotPromoted() {
    var bench = Bench()
    bench.win()
    bench.acknowledge(2, 1)
    _ = bench.node.propose(.add(Bench.ids[3]))
    bench.drain()
    bench.acknowledge(2, 2)
    bench.acknowledge(4, 1)
    let promote = MembershipChange.promote(Bench.ids[3])
    #expect(refused(bench.node.propose(promote)) == .notCaughtUp(Bench.ids[3], lacks: 1))
    bench.acknowledge(4, 2)
    #expect(refused(bench.node.propose(promote)) == nil)
  }

  /// Nothing is begun that could not be ended: the voters after it must be alive.
  @Test func changesThatWouldLoseTheQuorumAreRefused() {
    var bench = Bench()
    bench.win()
    bench.acknowledge(2, 1)
    // 3 has never answered: without 2 the group would wait for it.
    #expect(
      refused(bench.node.propose(.remove(Bench.ids[1]))) == .wouldLoseQuorum(heard: 1, voters: 2))
    #expect(refused(bench.node.propose(.remove(Bench.ids[2]))) == nil)
  }

  @Test func nonsenseIsRefusedWithItsReason() {
    var bench = led()
    let ids = Bench.ids
    let cases: [(MembershipChange, MembershipRefusal)] = [
      (MembershipChange(), .nothingToChange), (.add(ids[1]), .alreadyMember(ids[1])),
      (.promote(ids[3]), .notLearner(ids[3])), (.promote(ids[1]), .notLearner(ids[1])),
      (.remove(ids[4]), .notMember(ids[4])),
      (MembershipChange(adding: [ids[3]], removing: [ids[3]]), .namedTwice(ids[3])),
      (MembershipChange(removing: Array(ids[..<3])), .noVoters),
      (MembershipChange(adding: (10..<72).map { ReplicaID(rawValue: $0) }), .tooMany),
    ]
    for (change, refusal) in cases { #expect(refused(bench.node.propose(change)) == refusal) }
    #expect(bench.node.lastIndex == LogIndex(1))
    #expect(refused(bench.node.propose(.remove(ids[4])))?.description.hasSuffix("members.") == true)
  }

  /// Who is not a voter in its own membership, which is committed, does not campaign, even if told
  /// to.
  @Test func learnersAndStrangersNeverCampaign() {
    for own in [membership([2, 3], [], [1]), membership([2, 3]), membership([])] {
      let snapshot = SnapshotMetadata(
        last: Bench.id(1, 1), stamp: 0, membership: own, membershipIndex: LogIndex(1))
      var bench = Bench(term: 1, snapshot: snapshot)
      bench.tick(500)
      bench.append(term: 2, after: Bench.id(1, 1))
      bench.hear(2, term: 2, .timeoutNow)
      #expect(bench.sent.isEmpty && bench.sentAfterSync.isEmpty)
      #expect(bench.node.role == .learner && bench.node.term == Term(2))
    }
  }

  /// Thesis §4.2.2: a leader that removed itself crashed before that was committed. The entry is in
  /// its log alone, so that nobody else can be elected: it leads again, by the votes of the others.
  @Test func whoHasAnUncommittedMembershipWithoutItselfCampaigns() {
    let entry = Entry(
      id: Bench.id(1, 1), kind: .membership, stamp: 0, payload: membership([2, 3]).encoded())
    var bench = Bench(entries: [entry], term: 1)
    for _ in 0..<200 where bench.node.role == .learner { bench.tick(1) }
    #expect(bench.node.role == .preCandidate)
    for isPreVote in [true, false] {
      let term = bench.node.term.rawValue + (isPreVote ? 1 : 0)
      bench.hear(2, term: term, .voteReply(VoteReply(isGranted: true, isPreVote: isPreVote)))
      #expect(bench.node.role == (isPreVote ? .preCandidate : .candidate), "it has no vote itself")
      bench.hear(3, term: term, .voteReply(VoteReply(isGranted: true, isPreVote: isPreVote)))
    }
    #expect(bench.node.role == .leader)
    bench.acknowledge(2, 2)
    #expect(bench.node.commitIndex == .zero)
    bench.acknowledge(3, 2)
    #expect(bench.node.commitIndex == LogIndex(2) && bench.node.isRemoved)
  }

  /// Who wins alone leads at once, but its election counts only when it is on the disk: the entry
  /// that made it the only voter may be lost with it, and others be elected in the same term.
  @Test func anElectionThatWasWonAloneCountsOnceItIsSynced() {
    let entry = Entry(
      id: Bench.id(1, 1), kind: .membership, stamp: 0, payload: membership([1]).encoded())
    var bench = Bench(entries: [entry], term: 1)
    while bench.node.role != .leader { bench.tick(1, syncs: false) }
    #expect(!bench.node.isElected && bench.sent.isEmpty && bench.sentAfterSync.isEmpty)
    var synced = Bench(entries: [entry], term: 1)
    while synced.node.role != .leader { synced.tick(1) }
    #expect(synced.node.isElected)

    var several = Bench(entries: Bench.entries([1]), term: 1)
    several.win(syncs: false)
    #expect(several.node.role == .leader && several.node.isElected, "the others have its votes")
  }

  /// B27: one that was removed while it was away is told when it asks for votes, and then is quiet;
  /// a membership that takes it in again counts.
  @Test("§6, thesis §4.2.3 (B27): removed servers do not disturb")
  func b27RemovedReplicaIsTold() {
    var bench = led()
    _ = bench.node.propose(.remove(Bench.ids[2]))
    bench.drain()
    let request = Message.Body.voteRequest(VoteRequest(last: Bench.id(9, 9), isPreVote: true))
    let term = bench.node.term.rawValue
    bench.hear(3, term: term + 7, request)
    #expect(bench.sent.isEmpty)
    bench.acknowledge(2, 2)
    bench.acknowledge(3, 2)
    bench.acknowledge(2, 3)
    #expect(bench.node.isMembershipSettled)
    bench.hear(3, term: term + 7, request)
    #expect(bench.sent.map(\.body) == [.removed(at: LogIndex(3))])
    #expect(bench.node.term.rawValue == term && bench.node.role == .leader)

    var removed = Bench(entries: Bench.entries([1]), term: 1)
    while removed.node.role == .follower { removed.tick(1) }
    removed.hear(2, term: 1, .removed(at: LogIndex(3)))
    #expect(removed.node.isRemoved)
    removed.tick(500)
    #expect(removed.node.role == .follower && removed.sent.isEmpty)
    removed.append(
      term: 2, after: Bench.id(1, 1),
      [
        Entry(
          id: Bench.id(2, 1), kind: .membership, stamp: 0, payload: membership([1, 2]).encoded())
      ])
    // That one is older than the one that is without it.
    #expect(removed.node.isRemoved)
    removed.append(
      term: 2, after: Bench.id(2, 1),
      Bench.entries([1, 1], from: 3)
        + [
          Entry(
            id: Bench.id(5, 1), kind: .membership, stamp: 0, payload: membership([1, 2]).encoded())
        ])
    #expect(!removed.node.isRemoved)
    removed.hear(2, term: 2, .removed(at: LogIndex(3)))
    #expect(!removed.node.isRemoved)
  }

  /// B27: a leader that removed itself goes on until that is committed, and hands over.
  @Test(
    "§6, thesis §4.2.2 (B27): a leader that is not in the new membership leads until that is committed"
  )
  func b27RemovedLeaderFinishesAndHandsOver() {
    var bench = led()
    _ = bench.node.propose(.remove(Bench.ids[0]))
    bench.drain()
    bench.acknowledge(2, 2)
    #expect(bench.node.commitIndex == LogIndex(1), "its own disk is no majority of the others")
    bench.acknowledge(3, 2)
    #expect(bench.node.membership == membership([2, 3]) && bench.node.role == .leader)
    bench.acknowledge(2, 3)
    bench.acknowledge(3, 3)
    #expect(bench.node.commitIndex == LogIndex(3) && bench.node.isRemoved)
    #expect(bench.sent.contains { $0.body == .timeoutNow })
    #expect(bench.node.propose([1]) == nil)
    for _ in 0..<120 {
      bench.node.step(
        Message(
          from: Bench.ids[1], to: Bench.ids[0], term: bench.node.term,
          body: .appendReply(AppendReply(outcome: .heard, round: 0, wall: 0))))
      bench.node.step(
        Message(
          from: Bench.ids[2], to: Bench.ids[0], term: bench.node.term,
          body: .appendReply(AppendReply(outcome: .heard, round: 0, wall: 0))))
      bench.tick(1)
    }
    #expect(bench.node.role == .learner)
    bench.tick(500)
    #expect(bench.node.role == .learner && bench.sent.isEmpty)
  }

  /// B22: a snapshot carries the membership of its index, not a later one.
  @Test("§7 (B22): a snapshot has the membership of its index")
  func b22SnapshotCarriesTheMembershipOfItsIndex() throws {
    var bench = led()
    _ = bench.node.propose(.add(Bench.ids[3]))
    bench.drain()
    bench.acknowledge(2, 2)
    let before = try #require(bench.node.metadata(at: LogIndex(1)))
    let after = try #require(bench.node.metadata(at: LogIndex(2)))
    #expect(before.membership == membership([1, 2, 3]) && before.membershipIndex == .zero)
    #expect(after.membership == membership([1, 2, 3], [], [4]))
    #expect(after.membershipIndex == LogIndex(2))
    let restarted = Bench(term: after.last.term.rawValue, snapshot: after)
    #expect(restarted.node.membership == after.membership)
    #expect(restarted.node.membershipIndex == LogIndex(2))
  }
}
