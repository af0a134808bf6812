import Basics

/// What a group's membership makes of the answers of its voters (Raft §5.2, §5.3, §6).
package enum Quorum {
  /// How an election stands.
  package enum Result: Sendable {
    case won, lost, pending
  }

  /// The largest value that a quorum has reached: a majority of the voters and, in joint consensus,
  /// also of the outgoing ones. A side without voters agrees to everything, and a membership
  /// without any voter to nothing, which is 0.
  package static func reached(
    _ membership: Membership, value: (ReplicaID) -> UInt64
  ) -> UInt64 {
    guard !membership.voters.isEmpty || !membership.outgoing.isEmpty else { return 0 }
    return min(
      reached(among: membership.voters, value: value),
      reached(among: membership.outgoing, value: value)
    )
  }

  /// Whether those for whom `agrees` holds are a quorum.
  package static func holds(_ membership: Membership, agrees: (ReplicaID) -> Bool) -> Bool {
    reached(membership) { agrees($0) ? 1 : 0 } == 1
  }

  /// The result of an election in which these have answered; answers of others than voters do not
  /// count, and neither do repeated ones.
  package static func tally(
    _ membership: Membership, granted: [ReplicaID], refused: [ReplicaID]
  ) -> Result {
    if holds(membership, agrees: { granted.contains($0) }) { return .won }
    let canStillWin = holds(membership) { granted.contains($0) || !refused.contains($0) }
    return canStillWin ? .pending : .lost
  }

  private static func reached(
    among voters: [ReplicaID], value: (ReplicaID) -> UInt64
  ) -> UInt64 {
    if voters.isEmpty { return .max }
    // Memory on the stack, and an insertion for each: groups are small, and every acknowledgement
    // comes through here.
    return withUnsafeTemporaryAllocation(of: UInt64.self, capacity: voters.count) { sorted in
      for count in 0..<voters.count {
        let next = value(voters[count])
        var place = count
        while place > 0, sorted[place - 1] > next {
          sorted[place] = sorted[place - 1]
          place -= 1
        }
        sorted[place] = next
      }
      return sorted[(voters.count - 1) / 2]
    }
  }
}
