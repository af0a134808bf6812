/// How the controller spreads shards over groups.
package enum PlacementPolicy: UInt8, Hashable, Sendable, CaseIterable {
  /// Even counts, fewest moves. Of a group's weight it only matters whether it is 0.
  case balanced = 0
  /// Counts in proportion to the groups' weights, fewest moves.
  case weighted = 1
  /// Each shard to its owner on a Ketama ring of the groups. Where a shard is follows from the
  /// groups alone, not from where it was; the price is that counts are not even.
  case consistentHash = 2

  /// As people and the wire write it.
  package var name: String {
    switch self {
    case .balanced: "balanced"
    case .weighted: "weighted"
    case .consistentHash: "consistent-hash"
    }
  }

  /// The policy of that name.
  package init?(name: String) {
    guard let policy = Self.allCases.first(where: { $0.name == name }) else { return nil }
    self = policy
  }
}

/// What an operator said of how much a member is to own. It belongs to the controller: a group's
/// leader that registers changes nothing of it.
package struct GroupShare: Hashable, Sendable {
  /// Its part among the weights of all, up to ``Limits/groupWeightMax``; 0 owns nothing.
  package var weight: UInt32
  /// Owns nothing until it is undrained, whatever its weight, which it keeps.
  package var isDrained: Bool

  package init(weight: UInt32 = 1, isDrained: Bool = false) {
    self.weight = weight
    self.isDrained = isDrained
  }

  /// What counts when shards are placed: 0 for a group that is drained.
  package var effectiveWeight: UInt32 { isDrained ? 0 : weight }
}

/// Why a configuration was made.
package enum ConfigurationCause: Hashable, Sendable {
  /// Configuration 0.
  case created
  /// These groups became members.
  case join([GroupID])
  case leave([GroupID], forced: Bool)
  case move(ShardID, to: GroupID)
  case weight(GroupID, UInt32)
  case policy(PlacementPolicy)
  case drain([GroupID])
  case undrain([GroupID])
  /// Moves by hand were undone.
  case rebalance
}
