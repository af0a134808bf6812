import Basics
import Raft
import Testing

/// What the Raft paper says of terms, elections and votes, a test for each statement: §5.1, §5.2,
/// §5.4.1, and the rules of Figure 2. Other statements have their tests beside the bugs that they
/// prevent; the names of all begin with the place.
@Suite struct PaperElectionTests {
  private func request(_ last: EntryID, pre: Bool = false) -> Message.Body {
    .voteRequest(VoteRequest(last: last, isPreVote: pre))
  }

  /// A replica that has asked for votes in term 4.
  private func candidate(voters: Int = 3) -> Bench {
    var bench = Bench(voters: voters, entries: Bench.entries([1, 3]), term: 3)
    while bench.node.role == .follower { bench.tick(1) }
    for voter in 2...3 where bench.node.role != .candidate {
      bench.hear(voter, term: 4, .voteReply(VoteReply(isGranted: true, isPreVote: true)))
    }
    return bench
  }

  @Test("§5.2: one vote in a term, for whoever asks first")
  func section52OneVotePerTerm() {
    var bench = Bench()
    bench.hear(2, term: 1, request(.zero))
    #expect(bench.votes == [VoteReply(isGranted: true, isPreVote: false)])
    bench.hear(3, term: 1, request(.zero))
    #expect(bench.votes == [VoteReply(isGranted: false, isPreVote: false)])
    bench.hear(2, term: 1, request(.zero))
    #expect(bench.votes == [VoteReply(isGranted: true, isPreVote: false)])
  }

  @Test(
    "§5.4.1: no vote for a log that is less up to date",
    arguments: [
      (3, 1, false), (4, 1, false), (2, 2, false), (3, 2, true), (4, 2, true), (1, 3, true),
    ]) func section541UpToDate(index: UInt64, term: UInt64, isGranted: Bool)
  {
    var bench = Bench(entries: Bench.entries([1, 1, 2]), term: 2)
    bench.hear(2, term: 5, request(Bench.id(index, term)))
    #expect(bench.votes.map(\.isGranted) == [isGranted])
  }

  @Test("§5.2: election timeouts are drawn anew, within their range")
  func section52TimeoutsDiffer() {
    var seen: Set<Int> = []
    var bench = Bench()
    for _ in 0..<20 {
      bench.append(term: bench.node.term.rawValue + 1, after: .zero)
      var ticks = 0
      while bench.node.role == .follower {
        bench.tick(1)
        ticks += 1
      }
      #expect(RaftSettings().electionTicks.contains(ticks))
      seen.insert(ticks)
    }
    #expect(seen.count > 8)
  }

  @Test("Figure 2, state (B1): the vote is durable before it is sent")
  func b1VoteIsDurableBeforeItIsSent() {
    var bench = Bench()
    bench.hear(2, term: 4, request(.zero))
    #expect(bench.hardState == HardState(term: Term(4), vote: Bench.ids[1]))
    #expect(bench.sent.isEmpty && bench.sentAfterSync.count == 1)
    var restarted = Bench(term: 4, vote: Bench.ids[1])
    restarted.hear(3, term: 4, request(.zero))
    #expect(restarted.votes == [VoteReply(isGranted: false, isPreVote: false)])
  }

  @Test("§5.1 (B5): a reply with a higher term ends leadership, and is made durable")
  func b5HigherTermsInReplies() {
    var bench = Bench()
    bench.win()
    let term = bench.node.term.rawValue
    bench.hear(
      2, term: term - 1,
      .appendReply(AppendReply(outcome: .matched(LogIndex(1)), round: 0, wall: 0)))
    #expect(bench.node.role == .leader && bench.node.commitIndex == .zero)
    bench.hear(2, term: term + 3, .appendReply(AppendReply(outcome: .heard, round: 0, wall: 0)))
    #expect(bench.node.role == .follower && bench.hardState == HardState(term: Term(term + 3)))
  }

  @Test("RequestVote 1: a request of an older term is refused, with the newer one")
  func oldRequestsAreRefused() {
    var bench = Bench(term: 5)
    bench.hear(2, term: 4, request(Bench.id(9, 4)))
    #expect(bench.votes == [VoteReply(isGranted: false, isPreVote: false)])
    #expect(bench.sent.map(\.term) == [Term(5)] && bench.node.hardState == HardState(term: Term(5)))
  }

  /// Each kind of message, from a term that this replica has not seen.
  @Test(
    "§5.1, all servers: a message of a higher term makes a follower, of that term",
    arguments: [
      Message.Body.voteRequest(VoteRequest(last: .zero, isPreVote: false)),
      .voteReply(VoteReply(isGranted: false, isPreVote: false)),
      .append(AppendRequest(previous: .zero, entries: [], commit: .zero, round: 0)),
      .appendReply(AppendReply(outcome: .heard, round: 0, wall: 0)),
    ]) func higherTermsAreEntered(body: Message.Body)
  {
    for isLeader in [false, true] {
      // A leader is not asked for votes while its followers hear it; all else deposes it.
      if isLeader, case .voteRequest = body { continue }
      var bench = candidate()
      if isLeader {
        bench.hear(2, term: 4, .voteReply(VoteReply(isGranted: true, isPreVote: false)))
      }
      #expect(bench.node.role == (isLeader ? .leader : .candidate))
      bench.hear(3, term: 8, body)
      #expect(bench.node.role == .follower && bench.node.term == Term(8))
      #expect(bench.hardState?.term == Term(8), "handed out to be made durable")
    }
  }

  @Test("§5.1: a message of an older term changes nothing", arguments: [false, true])
  func oldTermsAreIgnored(isSnapshot: Bool) {
    var bench = Bench(entries: Bench.entries([1]), term: 5)
    let body: Message.Body =
      isSnapshot
      ? .snapshot(
        SnapshotChunk(
          metadata: Bench.metadata(9, 4), section: 0, bytes: [1], isLast: true, round: 0))
      : .append(
        AppendRequest(
          previous: .zero, entries: Bench.entries([4]), commit: LogIndex(1), round: 0))
    bench.hear(2, term: 4, body)
    #expect(bench.outcomes == [.heard] && bench.sent.map(\.term) == [Term(5)])
    #expect(bench.node.lastID == Bench.id(1, 1) && bench.node.commitIndex == .zero)
    #expect(bench.node.leader == nil && bench.sections.isEmpty)
  }

  @Test("Followers: who hears a leader does not campaign")
  func heartbeatsKeepFollowers() {
    var bench = Bench()
    for _ in 0..<10 {
      bench.append(term: 1, after: .zero)
      bench.tick(RaftSettings().electionTicks.lowerBound - 1)
      #expect(bench.node.role == .follower)
    }
  }

  @Test("Followers: who has just voted does not campaign")
  func votesKeepFollowers() {
    var bench = Bench()
    bench.tick(RaftSettings().electionTicks.lowerBound - 1)
    bench.hear(2, term: 1, request(.zero))
    #expect(bench.votes.map(\.isGranted) == [true])
    bench.tick(RaftSettings().electionTicks.lowerBound - 1)
    #expect(bench.node.role == .follower)
  }

  @Test("Candidates: a new term, the own vote, and a request to every other voter")
  func candidatesAskEverybody() {
    let bench = candidate()
    #expect(bench.hardState == HardState(term: Term(4), vote: Bench.ids[0]))
    #expect(bench.sent.isEmpty, "nothing is asked before that is durable")
    #expect(bench.sentAfterSync.map(\.to) == [Bench.ids[1], Bench.ids[2]])
    #expect(bench.sentAfterSync.allSatisfy { $0.body == request(Bench.id(2, 3)) })
    #expect(bench.sentAfterSync.allSatisfy { $0.term == Term(4) })
  }

  @Test("Candidates: a majority makes a leader, and less does not", arguments: [3, 4, 5])
  func majoritiesElect(voters: Int) {
    var bench = candidate(voters: voters)
    var granted = 1
    for voter in 2...voters where bench.node.role == .candidate {
      #expect(2 * granted <= voters)
      bench.hear(voter, term: 4, .voteReply(VoteReply(isGranted: true, isPreVote: false)))
      granted += 1
    }
    #expect(bench.node.role == .leader && 2 * granted > voters)
  }

  @Test("Candidates: a leader of the same term is followed")
  func candidatesFollow() {
    var bench = candidate()
    bench.append(from: 3, term: 4, after: Bench.id(2, 3))
    #expect(bench.node.role == .follower && bench.node.leader == Bench.ids[2])
    #expect(bench.node.hardState == HardState(term: Term(4), vote: Bench.ids[0]), "its vote stays")
  }

  /// The next election begins with a PreVote again (thesis §9.6).
  @Test("Candidates: when an election comes to nothing the next one follows, in a new term")
  func electionsAreRepeated() {
    var bench = candidate()
    bench.tick(RaftSettings().electionTicks.upperBound)
    #expect(bench.node.role == .preCandidate && bench.node.term == Term(4))
    bench.hear(2, term: 5, .voteReply(VoteReply(isGranted: true, isPreVote: true)))
    #expect(bench.node.role == .candidate && bench.node.term == Term(5))
  }

  @Test("§5.6: a heartbeat and its loss fit several times into an election timeout")
  func timingFits() {
    let settings = RaftSettings()
    #expect(settings.heartbeatTicks * 3 < settings.electionTicks.lowerBound)
    #expect(settings.electionTicks.count > settings.electionTicks.lowerBound / 2)
  }
}
