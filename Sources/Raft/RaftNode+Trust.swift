import Basics

// A replica in doubt, here D, may have forgotten entries that it acknowledged, votes that it gave
// and terms that it promised. Its doubt is settled by an entry that its leader makes after it heard
// of the doubt. Why that is enough:
//
// 1. Before it crashed, D voted for X in term U. X may still be collecting votes, or lead. Its log
//    is at most what X had when it began to campaign, and what X as leader of U added.
// 2. L, which leads an older term T, hears of the doubt, and only now makes an entry S. So X began
//    to campaign before there was S, and does not have it.
// 3. S is committed by a quorum of L's voters without D, each of whom took it in while in term T.
//    So none of them had voted in term U before.
// 4. A quorum for X shares with that quorum a voter other than D. It has S and X has not, so that
//    it does not vote for X any more. If X was elected before, such a voter was in term U when S
//    came: then S is never committed, and D stays in doubt until a leader of U settles it.
// 5. So when D learns that S is committed, no election that it has forgotten can be won, nothing
//    that it acknowledged to a leader of a newer term is committed, and what it acknowledged to L
//    or to older leaders is before S, which it has. From then on it counts as ever, and if it has
//    no vote in term T that it remembers, it has voted for L.
// 6. An entry of term T that was made before L heard of the doubt proves nothing: the quorum that
//    took it in may have moved on to term U before D crashed.
//
// If there is no quorum without those in doubt, everyone has to grant the election. Whoever has
// more of the log refuses, and so does X of above, which is in term U. Those who know that
// acknowledged data is missing grant but do not stand, and the others must be a quorum, so that one
// of them has what was committed. Once everyone is in term T, and has forgotten nothing since,
// answers of those in doubt count at once.

extension RaftNode {
  /// Whether this replica may have forgotten something that it promised or acknowledged. It counts
  /// for nothing, and serves no reads, until that is settled.
  package var isInDoubt: Bool { trust.cause != nil }

  /// What may be said before the next sync.
  var durableTrust: TrustReport {
    TrustReport(doubts: trust.doubts, isInDoubt: isInDoubt || isSettling)
  }

  // Following.

  /// The leader of this term says by which entry the doubt is settled. The log is its up to
  /// ``Following/verified``, and is made durable before that the doubt is settled.
  mutating func settleTrust(by request: AppendRequest) {
    guard isInDoubt else { return }
    if settings.bugs.contains(.settlesUnheard), log.term(at: commitIndex) == term {
      return settleTrust()
    }
    guard let settles = request.settles, settles.doubts == trust.doubts,
      settles.index <= min(following.verified, commitIndex),
      log.term(at: settles.index) ?? term == term
    else { return }
    settleTrust()
  }

  private mutating func settleTrust() {
    trust.cause = nil
    isSettling = true
    // It may have voted in this term, and only for a candidate that has lost.
    if hardState.vote == nil { hardState.vote = leader }
  }

  // Leading.

  /// A leader in doubt was elected by everyone.
  mutating func settleOwnTrust() {
    if isInDoubt, commitIndex >= leadership.termStart { settleTrust() }
  }

  /// Takes over what a voter said with its vote, when its election is won.
  mutating func noteVote(_ grant: Ballot.Grant) {
    guard let position = leadership.position(of: grant.voter) else { return }
    leadership.peers[position].trust = grant.trust
    if leadership.isUnanimous { leadership.peers[position].votedDoubts = grant.trust.doubts }
    if grant.trust.isInDoubt { leadership.peers[position].settlesAt = leadership.termStart }
  }

  /// Takes note of what a follower says of its disk.
  /// - Returns: whether the rest of what it says is to be handled: it is not of an earlier life,
  ///   and this replica still leads.
  mutating func note(_ report: TrustReport, at position: Int) -> Bool {
    let known = leadership.peers[position].trust
    guard report.doubts >= known.doubts, report.doubts <= Self.numberMax else { return false }
    if report.doubts > known.doubts {
      leadership.peers[position].trust = report
      forget(position)
    } else if known.isInDoubt, !report.isInDoubt {
      leadership.peers[position].trust = report
      leadership.peers[position].settlesAt = nil
      advanceCommit()
      return standing == .leader
    }
    let peer = leadership.peers[position]
    // While leadership is handed over nothing is added to the log; there will be another reply.
    if peer.trust.isInDoubt, peer.settlesAt == nil, leadership.transfer == nil {
      leadership.peers[position].settlesAt = log.last.index.next
      appendOwn([], kind: .empty)
    }
    return standing == .leader
  }

  /// What is known of a follower was acknowledged by a disk that has forgotten something since.
  private mutating func forget(_ position: Int) {
    leadership.peers[position].settlesAt = nil
    leadership.peers[position].roundAnswered = 0
    leadership.peers[position].roundPromised = 0
    leadership.peers[position].isNear = false
    leadership.isDue = true
    if leadership.transfer?.target == leadership.peers[position].id {
      leadership.transfer?.endTick = ticks
    }
    if settings.bugs.contains(.matchOutlivesDoubt) { return }
    leadership.peers[position].match = .zero
    leadership.peers[position].become(.probe, next: leadership.peers[position].next)
  }

  func settlement(of peer: Progress) -> Settlement? {
    guard peer.trust.isInDoubt, let index = peer.settlesAt else { return nil }
    return Settlement(doubts: peer.trust.doubts, index: index)
  }

  /// Whether a follower counts for a quorum that says so of its disk.
  func counts(_ report: TrustReport, of position: Int) -> Bool {
    settings.bugs.contains(.doubtfulReplicaCounts)
      || leadership.peers[position].counts(saying: report)
  }

  func isCounted(_ position: Int) -> Bool {
    counts(leadership.peers[position].trust, of: position)
  }

  func isCounted(_ replica: ReplicaID) -> Bool {
    replica == id || leadership.position(of: replica).map { isCounted($0) } ?? false
  }

  /// Whether another replica is known to be in doubt.
  func isInDoubt(_ replica: ReplicaID) -> Bool {
    leadership.position(of: replica).map { leadership.peers[$0].trust.isInDoubt } ?? false
  }

  // Room.

  /// Whether the disks of a quorum have room: of a leader, as far as its followers have said; of
  /// others, whether their own has.
  package var groupHasRoom: Bool {
    guard standing == .leader else { return hasRoom }
    return Quorum.holds(membership) { voter in
      if voter == id { return hasRoom }
      return leadership.position(of: voter).map { leadership.peers[$0].hasRoom } ?? false
    }
  }
}
