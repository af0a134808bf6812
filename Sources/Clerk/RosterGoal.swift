import Basics
import ShardMap
import Wire

/// What an operator wants of a group's replicas; each is reached step by step, from wherever an
/// earlier attempt got to.
package enum RosterGoal: Hashable, Sendable {
  case add(ReplicaAddress)
  case remove(ReplicaID)
  /// `nil`: who is to be replaced is gone already.
  case replace(ReplicaID?, with: ReplicaAddress)

  package enum Step: Hashable, Sendable {
    case done
    /// A change is under way.
    case wait(String)
    case ask(MembershipCommand)
    /// It can never be reached.
    case impossible(String)
  }

  /// A removal that is refused stays refused until somebody does something else first.
  package var isRemoval: Bool { if case .remove = self { true } else { false } }

  /// The next step on the way.
  package func next(_ roster: Roster) -> Step {
    switch self {
    case .remove(let replica):
      if roster.includes(replica), roster.word(for: replica) != "leaving" {
        return roster.leader.isMembershipSettled ? .ask(.remove(replica)) : Self.settling
      }
      return roster.leader.isMembershipSettled ? .done : Self.settling
    case .add(let address): return Self.next(roster, nil, address)
    case .replace(let old, let new):
      // Otherwise a wrong name of the old one would make the group larger.
      if !roster.isVoter(new.id), old.map({ !roster.includes($0) }) ?? true {
        return .impossible(
          "the replica to be replaced is not a member; 'group add' adds one without replacing")
      }
      return Self.next(roster, old, new)
    }
  }

  private static let settling = Step.wait("a change is being committed")

  private static func next(_ roster: Roster, _ old: ReplicaID?, _ new: ReplicaAddress) -> Step {
    let old = old.flatMap { roster.includes($0) ? $0 : nil }
    if old == new.id { return .impossible("a replica cannot take its own place") }
    if roster.includes(new.id), roster.address(of: new.id) != new.peer {
      return .impossible(
        "\(new.id) is a member at \(roster.address(of: new.id)), not at \(new.peer)")
    }
    guard roster.leader.isMembershipSettled else { return settling }
    if roster.isVoter(new.id) {
      guard let old else { return .done }
      return .ask(.remove(old))
    }
    guard roster.isLearner(new.id) else { return .ask(.add(new)) }
    if let old { return .ask(roster.isVoter(old) ? .replace(old, with: new.id) : .remove(old)) }
    return .ask(.promote(new.id))
  }
}
