import Basics

extension RaftNode {
  /// Changes the membership: at once if only learners change, and otherwise by joint consensus, in
  /// which the voters before and after must both agree, and which the leader ends by itself
  /// (Raft §6). A new leader ends what it finds begun.
  ///
  /// At most one change is under way, and none begins before an entry of the leader's own term is
  /// committed: two changes could have quorums without a common voter.
  package mutating func propose(_ change: MembershipChange) -> MembershipAnswer {
    if let refusal = refusal(bytes: 0) {
      switch refusal {
      case .notLeader: return .refused(.notLeader)
      case .transferring(let target): return .refused(.transferring(to: target))
      case .overloaded: return .refused(.overloaded)
      case .noRoom: return .refused(.noRoom)
      }
    }
    if !settings.bugs.contains(.configChangeBeforeOwnCommit) {
      guard isReadyToServe else { return .refused(.notReady) }
      guard isMembershipSettled else { return .refused(.changePending(membershipIndex)) }
    }
    switch change.applied(to: membership) {
    case .refused(let refusal): return .refused(refusal)
    case .becomes(var next):
      if let refusal = risk(of: change, becoming: next) { return .refused(refusal) }
      if next.voters != membership.voters {
        next = Membership(
          voters: next.voters, outgoing: membership.voters, learners: next.learners,
          contexts: membership.contexts.merging(next.contexts) { $1 })
      }
      return .accepted(appendOwn(next.encoded(), kind: .membership))
    }
  }

  /// The membership in force is committed, and nobody is on the way out.
  package var isMembershipSettled: Bool {
    membershipIndex <= commitIndex && membership.outgoing.isEmpty
  }

  /// This replica was a member and is one no longer; it will not be heard of any more.
  package var isRemoved: Bool { removedAt != nil }

  /// A voter that is far behind, or one that is silent, would make the group wait; and one that has
  /// not the membership that names it on its disk would vote for nobody.
  private func risk(
    of change: MembershipChange, becoming next: Membership
  ) -> MembershipRefusal? {
    for learner in change.promoting
    where !settings.bugs.contains(.promoteBeforeCaughtUp) {
      let match = leadership.position(of: learner).map { leadership.peers[$0].match } ?? .zero
      let lacks = log.last.index.rawValue - match.rawValue
      let isNear =
        lacks <= settings.promotionLagMax && match >= log.base.index && match >= membershipIndex
        && log.bytes(after: match) <= settings.bytesInFlightMax
      if !isNear || !hears(learner) || isInDoubt(learner) {
        return .notCaughtUp(learner, lacks: lacks)
      }
    }
    let heard = next.voters.count { hears($0) && isCounted($0) }
    guard heard > next.voters.count / 2 else {
      return .wouldLoseQuorum(heard: heard, voters: next.voters.count)
    }
    return nil
  }

  /// Whether a leader has had an answer of this replica in this term, and lately.
  func hears(_ replica: ReplicaID) -> Bool {
    if replica == id { return true }
    guard let position = leadership.position(of: replica) else { return false }
    let peer = leadership.peers[position]
    return peer.clock != nil && ticks - peer.heardTick <= UInt64(settings.electionTicks.lowerBound)
  }

  /// A membership is in the log, and with that in force.
  mutating func enterMembership(_ next: Membership, at index: LogIndex) {
    memberships.append(next, at: index)
    if let removed = removedAt, index > removed, next.includes(id) { removedAt = nil }
    guard standing == .leader else { return }
    let known = leadership.peers
    leadership.leaving += known.map(\.id).filter { !next.includes($0) }
    leadership.peers = next.everyone.filter { $0 != id }.map { replica in
      known.first { $0.id == replica }
        // The change itself is the first thing that a new replica is sent.
        ?? Progress(id: replica, next: log.last.index, tick: ticks)
    }
    if let transfer = leadership.transfer, !next.voters.contains(transfer.target) {
      leadership.transfer = nil
    }
    leadership.isDue = true
  }

  /// What a leader owes a membership that is committed: to leave joint consensus, to tell those
  /// that left, and to hand over if it left itself (thesis §4.2.2, §4.3).
  mutating func settleMembership() {
    guard isReadyToServe, membershipIndex <= commitIndex else { return }
    if !membership.outgoing.isEmpty {
      // Who is about to lead has to have the whole log; whoever leads next ends it.
      guard leadership.transfer == nil else { return }
      let settled = Membership(
        voters: membership.voters, learners: membership.learners, contexts: membership.contexts)
      appendOwn(settled.encoded(), kind: .membership)
      return
    }
    for replica in leadership.leaving { send(.removed(at: membershipIndex), to: replica) }
    leadership.leaving = []
    if membership.isVoter(id) || settings.bugs.contains(.removedLeaderGoesOn) { return }
    removedAt = membershipIndex
    guard leadership.transfer == nil else { return }
    if transferLeadership(to: nil) != nil { becomeFollower(term: term, leader: nil) }
  }

  /// One that was removed while it was away asks for votes, for it cannot know better. Nobody who
  /// hears a leader listens, but the leader tells it.
  /// - Returns: whether the message came from such a one.
  mutating func answerRemoved(_ message: Message) -> Bool {
    guard case .voteRequest = message.body, !membership.includes(message.from), isReadyToServe,
      isMembershipSettled
    else { return false }
    send(.removed(at: membershipIndex), to: message.from)
    return true
  }

  /// A leader says that the membership at `index`, which is committed, is without this replica.
  /// That stays true in any term; a later membership may take it in again.
  mutating func handleRemoved(at index: LogIndex) {
    guard standing != .leader, index > membershipIndex || !membership.includes(id) else { return }
    removedAt = max(removedAt ?? index, index)
    if standing != .follower { becomeFollower(term: term, leader: nil) }
  }
}
