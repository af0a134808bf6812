import Basics
import Raft
import ShardKVServer

/// The memberships of one group as they were committed, one after the other.
package struct MembershipWatch {
  /// What became of replicas.
  package struct Counters: Sendable {
    package var learners = 0
    package var promotions = 0
    package var removals = 0
    package var leaderRemovals = 0
    package var joints = 0
    /// Folders that became known to their groups.
    package var boundFolders = 0

    mutating func add(_ other: Counters) {
      learners += other.learners
      promotions += other.promotions
      removals += other.removals
      leaderRemovals += other.leaderRemovals
      joints += other.joints
      boundFolders += other.boundFolders
    }
  }

  /// Ascending by index; the first is the one that the group was made with.
  package private(set) var chain: [(index: LogIndex, membership: Membership)]
  package private(set) var counters = Counters()

  init(_ first: Membership) { chain = [(.zero, first)] }

  /// The last that was committed.
  package var current: Membership { chain[chain.count - 1].membership }

  /// The one that was in force for the entry at `index`.
  package func membership(at index: LogIndex) -> Membership {
    (chain.last { $0.index <= index } ?? chain[0]).membership
  }

  /// A replica found this in its log, committed.
  /// - Returns: whether nobody found it before, and what is wrong with it.
  mutating func committed(
    _ applied: AppliedMembership, leader: ReplicaID?
  ) -> (isNew: Bool, problem: String?) {
    let (index, next) = (applied.entry.index, applied.membership)
    if let known = chain.first(where: { $0.index == index }) {
      return (
        false,
        known.membership == next ? nil : "found \(next.text), others \(known.membership.text)"
      )
    }
    guard index > chain[chain.count - 1].index else {
      return (true, "found \(next.text), where others found no membership")
    }
    let before = current
    chain.append((index, next))
    count(from: before, to: next, leader)
    return (true, Self.problem(from: before, to: next))
  }

  /// Voters change by way of a joint membership, which nothing but its own end follows (Raft §6).
  private static func problem(from before: Membership, to next: Membership) -> String? {
    let isSound =
      if !before.outgoing.isEmpty {
        next.outgoing.isEmpty && next.voters == before.voters && next.learners == before.learners
      } else if next.outgoing.isEmpty {
        next.voters == before.voters
      } else {
        next.outgoing == before.voters && next.voters != before.voters
      }
    return isSound ? nil : "committed \(next.text) after \(before.text)"
  }

  private mutating func count(
    from before: Membership, to next: Membership, _ leader: ReplicaID?
  ) {
    counters.learners += next.learners.count { !before.includes($0) }
    counters.promotions += next.voters.count { !before.isVoter($0) }
    let gone = before.everyone.filter { !next.includes($0) }
    counters.removals += gone.count
    if let leader, gone.contains(leader) { counters.leaderRemovals += 1 }
    if !next.outgoing.isEmpty { counters.joints += 1 }
    counters.boundFolders += next.everyone.count {
      before.incarnation(of: $0) == .unknown && next.incarnation(of: $0) != .unknown
    }
  }

  /// What is wrong with what a replica takes for the membership in force; `nil` while it may still
  /// be taken back.
  func problem(of membership: Membership, at index: LogIndex, applied: LogIndex) -> String? {
    guard index > .zero, index <= applied else { return nil }
    guard let known = chain.last(where: { $0.index <= index }), known.index == index else {
      return "takes \(membership.text) at \(index) for committed, where no membership stands"
    }
    if known.membership != membership {
      return "takes \(membership.text) at \(index) for committed, others \(known.membership.text)"
    }
    return nil
  }
}

extension Membership {
  /// Voters, those that leave, and learners, without what the shell keeps of them.
  var text: String {
    "\(voters)" + (outgoing.isEmpty ? "" : " from \(outgoing)")
      + (learners.isEmpty ? "" : " learners \(learners)")
  }
}
