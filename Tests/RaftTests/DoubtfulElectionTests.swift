import Basics
import Raft
import Testing

/// Votes of replicas that may have forgotten others, and elections that everybody grants.
@Suite struct DoubtfulElectionTests {
  private static let torn = Trust(doubts: 1, cause: .tornTail)
  private static let doubt = TrustReport(doubts: 1, isInDoubt: true)

  private func request(_ trust: TrustReport = .sound, isPreVote: Bool = false) -> Message.Body {
    .voteRequest(VoteRequest(last: Bench.id(9, 2), isPreVote: isPreVote, trust: trust))
  }

  private func grant(
    _ bench: inout Bench, by voter: Int, _ trust: TrustReport = .sound, asked: UInt64? = nil,
    isDamaged: Bool = false
  ) {
    let isPreVote = bench.node.role == .preCandidate
    bench.hear(
      voter, term: bench.node.term.rawValue + (isPreVote ? 1 : 0),
      .voteReply(
        VoteReply(
          isGranted: true, isPreVote: isPreVote, trust: trust,
          askedDoubts: asked ?? bench.node.trust.doubts, isDamaged: isDamaged)))
  }

  private func campaigning(
    voters: Int = 3, trust: Trust = Trust(), settings: RaftSettings = RaftSettings()
  ) -> Bench {
    var bench = Bench(
      voters: voters, entries: Bench.entries([1]), term: 1, trust: trust, settings: settings)
    for _ in 0..<200 where bench.node.role == .follower { bench.tick(1) }
    return bench
  }

  // Voters.

  @Test(arguments: [false, true]) func votesInDoubtSaySo(isPlanted: Bool) {
    var settings = RaftSettings()
    if isPlanted { settings.bugs = .doubtfulReplicaVotes }
    var bench = Bench(trust: Self.torn, settings: settings)
    for isPreVote in [true, false] {
      bench.hear(2, term: 4, request(isPreVote: isPreVote))
      #expect(bench.votes.map(\.isGranted) == [true])
      #expect(bench.votes.map(\.trust) == [isPlanted ? .sound : Self.doubt])
    }
  }

  @Test(arguments: [false, true]) func damagedReplicasSayItAndDoNotStand(isPlanted: Bool) {
    var settings = RaftSettings()
    if isPlanted { settings.bugs = .doubtfulReplicaVotes }
    var bench = Bench(trust: Trust(doubts: 1, cause: .damage), settings: settings)
    for isPreVote in [true, false] {
      bench.hear(2, term: 4, request(isPreVote: isPreVote))
      #expect(bench.votes.map(\.isGranted) == [true])
      #expect(bench.votes.map(\.isDamaged) == [!isPlanted])
    }
    bench.tick(300)
    #expect((bench.node.role == .follower) != isPlanted)
  }

  /// It may have led the term for which it asks again, and sent entries that are others now.
  @Test func candidatesInDoubtGetNoVoteTwice() {
    var bench = Bench()
    bench.hear(2, term: 4, request())
    bench.hear(2, term: 4, request(Self.doubt))
    #expect(bench.votes.isEmpty)
    bench.hear(2, term: 4, request())
    #expect(bench.votes.map(\.isGranted) == [true])
    bench.hear(2, term: 5, request(Self.doubt))
    #expect(bench.votes.map(\.isGranted) == [true])
    #expect(bench.votes.map(\.askedDoubts) == [1])
  }

  // Candidates.

  @Test func votesInDoubtCountIfEverybodyVotes() {
    var bench = campaigning(voters: 5)
    for voter in [2, 3, 4] { grant(&bench, by: voter, Self.doubt) }
    #expect(bench.node.role == .preCandidate)
    grant(&bench, by: 5)
    #expect(bench.node.role == .candidate)
    for voter in [2, 3, 4] { grant(&bench, by: voter, Self.doubt) }
    #expect(bench.node.role == .candidate)
    grant(&bench, by: 5)
    #expect(bench.node.role == .leader)
  }

  /// One torn, one damaged and one sound of three, or one sound and two damaged.
  @Test(arguments: [false, true]) func thoseNotDamagedMustBeAQuorum(bothDamaged: Bool) {
    var bench = campaigning()
    for _ in 0..<2 {
      grant(&bench, by: 2, Self.doubt, isDamaged: bothDamaged)
      grant(&bench, by: 3, Self.doubt, isDamaged: true)
    }
    #expect(bench.node.role == (bothDamaged ? .preCandidate : .leader))
  }

  @Test func aQuorumOfOthersIsEnough() {
    var bench = campaigning(voters: 5)
    for _ in 0..<2 {
      grant(&bench, by: 2, Self.doubt)
      grant(&bench, by: 3)
      grant(&bench, by: 4)
    }
    #expect(bench.node.role == .leader)
  }

  @Test func oneRefusalIsEnoughAgainstDoubtfulVotes() {
    var bench = campaigning()
    grant(&bench, by: 2, Self.doubt)
    let refusal = VoteReply(isGranted: false, isPreVote: true)
    bench.hear(3, term: bench.node.term.rawValue, .voteReply(refusal))
    #expect(bench.node.role == .follower)
  }

  @Test func aCandidateInDoubtNeedsEverybody() {
    var bench = campaigning(trust: Self.torn)
    grant(&bench, by: 2)
    #expect(bench.node.role == .preCandidate)
    grant(&bench, by: 3)
    #expect(bench.node.role == .candidate)
    grant(&bench, by: 2)
    #expect(bench.node.role == .candidate)
    grant(&bench, by: 3)
    #expect(bench.node.role == .leader && bench.node.isInDoubt)
    bench.acknowledge(2, 2)
    #expect(bench.node.commitIndex == LogIndex(2))
    #expect(!bench.node.isInDoubt && bench.trust == Trust(doubts: 1))
  }

  /// Votes for what it asked for in an earlier life, of which it knows nothing.
  @Test func answersToAnEarlierLifeElectNobody() {
    var bench = campaigning(trust: Trust(doubts: 2))
    grant(&bench, by: 2, asked: 1)
    grant(&bench, by: 3, asked: 0)
    #expect(bench.node.role == .preCandidate)
    grant(&bench, by: 2, asked: 2)
    #expect(bench.node.role == .candidate)
  }

  @Test func aSingleVoterElectsItself() {
    let bench = campaigning(voters: 1, trust: Self.torn)
    #expect(bench.node.role == .leader && !bench.node.isInDoubt)
    #expect(bench.trust == Trust(doubts: 1))
    var damaged = campaigning(voters: 1, trust: Trust(doubts: 1, cause: .damage))
    damaged.tick(300)
    #expect(damaged.node.role == .follower)
  }

  /// Of both the voters before and those after.
  @Test func jointConsensusNeedsEverybodyOfBothSides() {
    let joint = Membership(voters: Array(Bench.ids[..<3]), outgoing: [Bench.ids[0], Bench.ids[3]])
    let entry = Entry(
      id: Bench.id(2, 1), kind: .membership, stamp: 0, payload: joint.encoded())
    var bench = Bench(entries: Bench.entries([1]) + [entry], term: 1, trust: Self.torn)
    while bench.node.role == .follower { bench.tick(1) }
    for _ in 0..<2 {
      let before = bench.node.role
      grant(&bench, by: 2)
      grant(&bench, by: 3, Self.doubt)
      #expect(bench.node.role == before)
      grant(&bench, by: 4)
    }
    #expect(bench.node.role == .leader)
  }

  /// An empty log says nothing of one that may have forgotten, so all have to be reached as ever.
  @Test func unbornGroupsNeedEverybodyInDoubtOrNot() {
    var settings = RaftSettings()
    settings.firstElectionNeedsAll = true
    for trust in [TrustReport.sound, Self.doubt] {
      var bench = Bench(settings: settings)
      while bench.node.role == .follower { bench.tick(1) }
      grant(&bench, by: 2, trust)
      #expect(bench.node.role == .preCandidate)
      grant(&bench, by: 3)
      #expect(bench.node.role == .candidate)
    }
  }

  // Leaders that everybody elected.

  @Test func everybodysLeaderCountsThoseInDoubt() {
    var bench = campaigning()
    for _ in 0..<2 {
      grant(&bench, by: 2, Self.doubt)
      grant(&bench, by: 3, Self.doubt)
    }
    #expect(bench.node.role == .leader)
    let settles = bench.appends(to: 2).map(\.settles)
    #expect(settles == [Settlement(doubts: 1, index: LogIndex(2))], "no further entry is needed")
    bench.acknowledge(2, 2, trust: Self.doubt)
    #expect(bench.node.commitIndex == LogIndex(2) && bench.node.lastIndex == LogIndex(2))
  }

  /// It has forgotten that it voted for this leader, and may have followed another since.
  @Test func everybodysLeaderDoesNotCountLaterDoubts() {
    var bench = campaigning()
    for _ in 0..<2 {
      grant(&bench, by: 2, Self.doubt)
      grant(&bench, by: 3, Self.doubt)
    }
    bench.acknowledge(2, 2, trust: TrustReport(doubts: 2, isInDoubt: true))
    #expect(bench.node.commitIndex == .zero)
    bench.acknowledge(3, 2, trust: Self.doubt)
    #expect(bench.node.commitIndex == LogIndex(2))
  }

  @Test func aQuorumsLeaderDoesNotCountThoseInDoubt() {
    var bench = campaigning(voters: 5)
    for _ in 0..<2 {
      grant(&bench, by: 2, Self.doubt)
      grant(&bench, by: 3)
      grant(&bench, by: 4)
    }
    #expect(bench.node.role == .leader)
    bench.acknowledge(2, 2, trust: Self.doubt)
    bench.acknowledge(3, 2)
    #expect(bench.node.commitIndex == .zero)
    bench.acknowledge(4, 2)
    #expect(bench.node.commitIndex == LogIndex(2))
  }
}
