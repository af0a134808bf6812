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
    if voters.count == 1 { return value(voters[0]) }
    var values = voters.map(value)
    values.sort()
    return values[(values.count - 1) / 2]
  }
}
