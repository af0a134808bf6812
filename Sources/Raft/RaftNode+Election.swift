import Basics

extension RaftNode {
  /// Whether a live leader is heard of, so that nobody else may be elected now: within the shortest
  /// election timeout, and always for a leader itself, which steps down when it hears no quorum.
  /// Where there are leases that is a promise, and holds though the leader was forgotten: by a
  /// restart, or by a message of a higher term.
  var hearsLeader: Bool {
    if standing == .leader { return true }
    if settings.leaseReads, ticksSinceLeader < settings.electionTicks.lowerBound { return true }
    return leader != nil && electionElapsed < settings.electionTicks.lowerBound
  }

  /// Follows in `term`, which is this one or a higher one.
  mutating func becomeFollower(term newTerm: Term, leader newLeader: ReplicaID?) {
    if standing == .leader { dropReads() }
    dropFollowerReads()
    if newTerm > term { hardState = HardState(term: newTerm) }
    standing = .follower
    leadership = Leadership()
    ballot = Ballot()
    following = Following()
    leader = newLeader
    resetElectionTimer()
  }

  /// Draws a new timeout, so that split votes do not repeat (Raft §5.2).
  mutating func resetElectionTimer() {
    electionElapsed = 0
    electionTimeout = generator.next(in: settings.electionTicks)
  }

  /// The leader's process is gone as far as can be told: it has no connection to this replica, and
  /// a new one to it failed. So there is nothing to wait for: this replica campaigns soon, and
  /// refuses nobody's request for the sake of that leader. If it was an error, the others refuse
  /// the pre-vote, and the next message of the leader is followed as ever. But where there are
  /// leases, what was promised to the leader is kept first.
  ///
  /// The voters begin one after the other, 50 ms apart, so that their votes do not split.
  package mutating func suspectLeader() {
    guard standing == .follower, let suspect = leader else { return }
    leader = nil
    dropFollowerReads()
    let voters = otherVoters.filter { $0 != suspect } + [id]
    let rank = voters.count { $0 < id }
    let promised =
      settings.leaseReads ? settings.electionTicks.lowerBound - ticksSinceLeader : 0
    electionElapsed = 0
    electionTimeout = max(promised, 0) + min(1 + 5 * rank, settings.electionTicks.lowerBound)
  }

  /// Asks whether an election could be won, without disturbing anyone (PreVote, thesis §9.6).
  mutating func campaign() {
    // While the machine is being replaced nothing may be committed, and a request for votes would
    // not get past a disk that does nothing.
    guard mayBeNeeded, !isRemoved, !isRestoring, !isDiskStalled, mayStand else {
      resetElectionTimer()
      leader = nil
      return
    }
    if settings.bugs.contains(.noPreVote) { return campaignForReal(isTransfer: false) }
    becomeFollower(term: term, leader: nil)
    standing = .preCandidate
    ballot.grants = [Ballot.Grant(voter: id, trust: voterTrust)]
    if settle() { return }
    let request = VoteRequest(last: log.last, isPreVote: true, trust: trust.report)
    for voter in otherVoters {
      messages.append(Message(from: id, to: voter, term: term.next, body: .voteRequest(request)))
    }
  }

  /// Whether this replica may have to lead: it votes by the membership in force, or by one that may
  /// still be. Whoever has a membership without itself, not known to be committed, has more of the
  /// log than those that remain without that entry, so that they cannot be elected: it has to lead
  /// until that is committed, though its own vote does not count (thesis §4.2.2).
  private var mayBeNeeded: Bool {
    membership.isVoter(id) || memberships.isVoter(id, since: commitIndex)
  }

  /// Stands for election. The requests wait for the disk, because after a crash this replica must
  /// not ask in the same term with a shorter log.
  mutating func campaignForReal(isTransfer: Bool) {
    becomeFollower(term: term.next, leader: nil)
    hardState.vote = id
    standing = .candidate
    ballot.grants = [Ballot.Grant(voter: id, trust: voterTrust)]
    if settle() { return }
    let request = VoteRequest(
      last: log.last, isPreVote: false, isTransfer: isTransfer, trust: trust.report)
    for voter in otherVoters { sendAfterSync(.voteRequest(request), to: voter) }
  }

  /// Whether it has never had an entry of its group, as far as its folder knows, and so waits until
  /// all voters of its first membership would vote for it: none of them has one, then.
  ///
  /// Its term says nothing: whoever speaks to a replica whose folder was made anew raises it, and
  /// two of those are a majority of the first three.
  package var isUnborn: Bool {
    settings.firstElectionNeedsAll && log.last.index == .zero
  }

  private var otherVoters: [ReplicaID] {
    membership.everyone.filter { $0 != id && membership.isVoter($0) }
  }

  /// Acts on the ballot if it is decided.
  /// - Returns: whether it was.
  @discardableResult
  private mutating func settle() -> Bool {
    let result = electionResult
    if result == .won, standing == .preCandidate, isUnborn, !isGrantedByAll { return false }
    switch (result, standing) {
    case (.pending, _): return false
    case (.lost, _): becomeFollower(term: term, leader: nil)
    case (.won, .preCandidate): campaignForReal(isTransfer: false)
    case (.won, _): becomeLeader()
    }
    return true
  }

  /// Those in doubt may have voted for somebody else before, and may lack what was committed with
  /// them. So their votes count only if nobody refuses: whoever has more, or was voted for, would.
  private var electionResult: Quorum.Result {
    if isGrantedByAll { return .won }
    if !voterTrust.isInDoubt {
      let result = Quorum.tally(
        membership, granted: ballot.grants.filter { !$0.trust.isInDoubt }.map(\.voter),
        refused: ballot.refused + ballot.grants.filter(\.trust.isInDoubt).map(\.voter))
      if result != .lost { return result }
    }
    let isRefused = ballot.refused.contains { membership.isVoter($0) && !ballot.isGranted(by: $0) }
    return isRefused ? .lost : .pending
  }

  /// Everyone, of whom a quorum may have been torn but is not known to lack what it acknowledged.
  private var isGrantedByAll: Bool {
    !membership.voters.isEmpty && otherVoters.allSatisfy(ballot.isGranted)
      && Quorum.holds(membership) { $0 == id ? mayStand : ballot.isWhole($0) }
  }

  /// Whether it may stand: one that lacks what it acknowledged may not even know its membership.
  private var mayStand: Bool {
    trust.cause != .damage || settings.bugs.contains(.doubtfulReplicaVotes)
  }

  /// What its own vote, given now, is worth.
  private var voterTrust: TrustReport {
    settings.bugs.contains(.doubtfulReplicaVotes) ? .sound : trust.report
  }

  func answer(to request: VoteRequest, isGranted: Bool) -> VoteReply {
    VoteReply(
      isGranted: isGranted, isPreVote: request.isPreVote, trust: voterTrust,
      askedDoubts: request.trust.doubts, isDamaged: !mayStand)
  }

  mutating func handle(_ request: VoteRequest, _ message: Message) {
    if hearsLeader, !request.isTransfer { return }
    let isFree = hardState.vote == nil && leader == nil
    let isAhead = request.isPreVote && message.term > term
    let isUpToDate =
      request.last.term > log.last.term
      || (request.last.term == log.last.term && request.last.index >= log.last.index)
    // A joiner has no membership before a leader sends it one. It may be a folder that was made
    // anew under an old id, whose vote would be the second of that replica.
    let isMember = !membership.voters.isEmpty
    let isAgain = hardState.vote == message.from
    // One that forgets so much asks for the vote of a term again, in which it may have led.
    if isAgain, request.trust.isInDoubt, !request.isPreVote { return }
    let isGranted = (isFree || isAhead || isAgain) && isUpToDate && isMember
    let reply = answer(to: request, isGranted: isGranted)
    guard isGranted else {
      send(.voteReply(reply), to: message.from)
      return
    }
    if request.isPreVote {
      // Nothing is promised; the reply names the term that was asked for.
      messages.append(
        Message(from: id, to: message.from, term: message.term, body: .voteReply(reply)))
    } else {
      hardState.vote = message.from
      electionElapsed = 0
      sendAfterSync(.voteReply(reply), to: message.from)
    }
  }

  mutating func handle(_ reply: VoteReply, _ message: Message) {
    let expected: Standing = reply.isPreVote ? .preCandidate : .candidate
    guard standing == expected, reply.askedDoubts == trust.doubts else { return }
    if reply.isPreVote, reply.isGranted, message.term != term.next { return }
    if reply.isGranted {
      if !ballot.isGranted(by: message.from) {
        ballot.grants.append(
          Ballot.Grant(voter: message.from, trust: reply.trust, isDamaged: reply.isDamaged))
      }
    } else if !ballot.refused.contains(message.from) {
      ballot.refused.append(message.from)
    }
    settle()
  }

  private mutating func becomeLeader() {
    // Alone, the election is not yet on any disk: nothing may be sent before ours has it.
    let wonAlone = ballot.grants.count == 1
    let isUnanimous = isGrantedByAll
    let grants = ballot.grants
    ballot = Ballot()
    standing = .leader
    leader = id
    // What waits is of the time without a leader.
    dropFollowerReads()
    leadership = Leadership()
    leadership.isHeld = wonAlone
    leadership.isUnanimous = isUnanimous
    leadership.uncommittedBytes = log.bytes(after: commitIndex)
    leadership.peers = membership.everyone.filter { $0 != id }.map {
      Progress(id: $0, next: log.last.index.next, tick: ticks)
    }
    leadership.termStart = log.last.index.next
    for grant in grants { noteVote(grant) }
    // What older terms left is committed by an entry of this one (Raft §5.4.2, §8).
    appendOwn([], kind: .empty)
  }
}
