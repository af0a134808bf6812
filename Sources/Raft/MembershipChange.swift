import Basics

/// A change of a group's membership, as its leader is asked for it by
/// ``RaftNode/propose(_:)``.
///
/// A new replica is added as a learner, promoted when it has caught up, and whom it replaces is
/// removed by the same change or a later one.
package struct MembershipChange: Hashable, Sendable {
  /// Strangers that become learners: replicated to, never counted.
  package var adding: [ReplicaID]
  /// Learners that become voters.
  package var promoting: [ReplicaID]
  /// Voters and learners that leave for good.
  package var removing: [ReplicaID]
  /// New contexts of members, and those of the replicas that are added.
  package var contexts: [ReplicaID: [UInt8]]

  package init(
    adding: [ReplicaID] = [], promoting: [ReplicaID] = [], removing: [ReplicaID] = [],
    contexts: [ReplicaID: [UInt8]] = [:]
  ) {
    self.adding = adding
    self.promoting = promoting
    self.removing = removing
    self.contexts = contexts
  }

  package static func add(_ replica: ReplicaID) -> Self { Self(adding: [replica]) }
  package static func promote(_ replica: ReplicaID) -> Self { Self(promoting: [replica]) }
  package static func remove(_ replica: ReplicaID) -> Self { Self(removing: [replica]) }
  /// A learner that has caught up takes the place of a voter, in one change.
  package static func replace(_ old: ReplicaID, with learner: ReplicaID) -> Self {
    Self(promoting: [learner], removing: [old])
  }

  /// What the change makes of a membership that is not joint; the voters of both are for
  /// ``RaftNode`` to join.
  func applied(to before: Membership) -> Outcome {
    let named = adding + promoting + removing
    if named.isEmpty, contexts.isEmpty { return .refused(.nothingToChange) }
    if let some = named.first, Set(named).count != named.count {
      return .refused(.namedTwice(some))
    }
    for replica in adding where before.includes(replica) {
      return .refused(.alreadyMember(replica))
    }
    for replica in promoting where !before.learners.contains(replica) {
      return .refused(.notLearner(replica))
    }
    for replica in removing where !before.includes(replica) {
      return .refused(.notMember(replica))
    }
    for replica in contexts.keys.sorted() {
      if !before.includes(replica), !adding.contains(replica) {
        return .refused(.notMember(replica))
      }
      if contexts[replica, default: []].count > Membership.contextBytesMax {
        return .refused(.contextTooLarge(replica))
      }
    }
    let leaves = promoting + removing
    let after = Membership(
      voters: before.voters.filter { !removing.contains($0) } + promoting,
      learners: before.learners.filter { !leaves.contains($0) } + adding,
      contexts: before.contexts.merging(contexts) { $1 })
    if after.voters.isEmpty { return .refused(.noVoters) }
    // In joint consensus those that leave are still there.
    if before.everyone.count + adding.count > Membership.replicasMax { return .refused(.tooMany) }
    return .becomes(after)
  }

  enum Outcome {
    case becomes(Membership)
    case refused(MembershipRefusal)
  }
}

/// What a leader makes of a ``MembershipChange``.
package enum MembershipAnswer: Hashable, Sendable {
  /// In the log at this place and in force; it is done once ``RaftNode/isMembershipSettled``.
  case accepted(EntryID)
  case refused(MembershipRefusal)
}

/// Why a membership was not changed. Nothing was put into the log.
package enum MembershipRefusal: Hashable, Sendable {
  /// This replica does not lead.
  case notLeader
  /// Leadership is being handed to this replica.
  case transferring(to: ReplicaID)
  /// Nothing of the leader's own term is committed yet: another leader's change may be unfinished.
  case notReady
  /// The last change, which stands at this index, is not finished.
  case changePending(LogIndex)
  /// Too much is proposed and not committed.
  case overloaded
  /// The leader's disk is full.
  case noRoom
  case nothingToChange
  /// The change names a replica twice; the first that it names is told.
  case namedTwice(ReplicaID)
  case alreadyMember(ReplicaID)
  case notMember(ReplicaID)
  case notLearner(ReplicaID)
  case noVoters
  /// A group has at most ``Membership/replicasMax`` replicas.
  case tooMany
  /// More than ``Membership/contextBytesMax`` bytes are to be kept of this replica.
  case contextTooLarge(ReplicaID)
  /// The learner lacks so many entries, is silent, in doubt, or is being sent a snapshot.
  case notCaughtUp(ReplicaID, lacks: UInt64)
  /// Of the voters after the change too few are heard from: nothing could be committed.
  case wouldLoseQuorum(heard: Int, voters: Int)
}

extension MembershipRefusal: CustomStringConvertible {
  /// For people: what happened, and what to do next.
  package var description: String {
    "The membership was not changed: " + reason
  }

  private var reason: String {
    switch self {
    case .notLeader: "this replica does not lead its group. Ask the leader."
    case .transferring(let target):
      "leadership is being handed to \(target). Ask again in a second."
    case .notReady:
      "the leader is new and has not committed anything yet. Ask again in a second."
    case .changePending(let index):
      "the change at index \(index) is not finished. Ask again when it is."
    case .overloaded: "too much is waiting to be committed. Ask again later."
    case .noRoom: "the leader's disk is full. Make room on it, or ask a leader that has room."
    case .nothingToChange: "nothing was asked for. Name a replica."
    case .namedTwice(let replica):
      "a replica is named twice in a change that begins with \(replica). Name each once."
    case .alreadyMember(let replica): "\(replica) is in the group already."
    case .notMember(let replica): "\(replica) is not in the group. Look at its members."
    case .notLearner(let replica):
      "\(replica) is not a learner of the group. Add it first, unless it votes already."
    case .noVoters: "nobody would be left to vote. Add another replica first."
    case .tooMany:
      "a group has at most \(Membership.replicasMax) replicas. Remove one first."
    case .contextTooLarge(let replica):
      "what is kept of \(replica) has more than \(Membership.contextBytesMax) bytes. Shorten its "
        + "addresses."
    case .notCaughtUp(let replica, let lacks):
      "\(replica) lacks \(lacks) entries or is not heard from. Wait until it has caught up."
    case .wouldLoseQuorum(let heard, let voters):
      "only \(heard) of the \(voters) voters that there would be are heard from. Bring one back "
        + "or add one first."
    }
  }
}
