import Basics
import Raft

/// What must hold of the elections of one group: nobody leads without the votes of a quorum, and
/// nobody raises the term unless somebody has told him that he could win (PreVote), and nobody is
/// elected while another holds a lease.
struct ElectionWatch {
  /// What a replica was seen to have voted, by term; only ever asked for one vote.
  private var votes: [UInt64: [ReplicaID: ReplicaID]] = [:]
  private var terms: [ReplicaID: Term] = [:]
  /// The highest term that anybody was seen to lead.
  private var newest = Term.zero

  /// Takes note of what a replica shows after a turn.
  /// - Parameter last: what it showed after the turn before; `nil` if it has just started.
  /// - Returns: what is wrong.
  mutating func observe(_ seen: NodeObservation, after last: NodeObservation?) -> String? {
    if last?.promises != seen.promises {
      terms[seen.replica] = seen.promises.term
      if let vote = seen.promises.vote {
        votes[seen.promises.term.rawValue, default: [:]][seen.replica] = vote
      }
    }
    if seen.role == .leader, last?.role != .leader || last?.term != seen.term, !hasWon(seen) {
      return "leads term \(seen.term) without the votes of a quorum"
    }
    if seen.role == .leader { newest = max(newest, seen.term) }
    if seen.holdsLease, seen.term < newest {
      return "holds a lease in term \(seen.term) though another leads in \(newest)"
    }
    guard let last, seen.promises.vote == seen.replica, seen.term > last.term,
      seen.messagesReceived == last.messagesReceived, !isAlone(seen)
    else { return nil }
    return "campaigned in term \(seen.term) though nobody said that it could win"
  }

  private func hasWon(_ leader: NodeObservation) -> Bool {
    Quorum.holds(leader.membership) { voter in
      guard let vote = votes[leader.term.rawValue]?[voter] else {
        // It may have voted and gone on to a later term in one turn.
        return terms[voter].map { $0 > leader.term } ?? false
      }
      return vote == leader.replica
    }
  }

  private func isAlone(_ seen: NodeObservation) -> Bool {
    Quorum.holds(seen.membership) { $0 == seen.replica }
  }
}
