/// A change of one key.
package enum WriteOperation: Hashable, Sendable {
  case put(value: [UInt8])
  case append(value: [UInt8])
  case delete
  /// Sets `value` if the key holds `expected`; `nil` expects that it is absent.
  case compareAndSet(expected: [UInt8]?, value: [UInt8])
}

/// The answer to a ``WriteOperation``: small, because the session keeps it for repeats.
package enum WriteAnswer: Hashable, Sendable {
  /// Done; the key's version now: 1 for a new key, one more for each change, 0 when deleted.
  case written(version: UInt64)
  /// Nothing to delete.
  case missing
  /// The compare failed, nothing changed.
  case compareFailed
}

/// A change of the controller's configuration. All but `move` place every shard anew.
package enum ControlCommand: Hashable, Sendable {
  /// Adds groups. The addresses are seeds: each must be an address that the group has registered.
  case join([JoinRequest])
  /// Removes groups. Removing the last one is refused unless `force`.
  case leave([GroupID], force: Bool)
  /// Gives a shard to a member, until shards are placed anew.
  case move(ShardID, to: GroupID)
  /// Sets a member's weight, up to ``Limits/groupWeightMax``; with 0 it is to own nothing.
  case weight(GroupID, UInt32)
  case policy(PlacementPolicy)
  /// Empties members, which keep their weights.
  case drain([GroupID])
  case undrain([GroupID])
  /// Places the shards anew, and so undoes what was moved by hand.
  case rebalance
}

package struct JoinRequest: Hashable, Sendable {
  package var group: GroupID
  package var seeds: [String]
  /// `nil`: none was asked for; a new member gets 1, and one that is a member keeps what it has.
  package var weight: UInt32?

  package init(group: GroupID, seeds: [String], weight: UInt32? = nil) {
    self.group = group
    self.seeds = seeds
    self.weight = weight
  }
}

/// What happens to a shard in a group.
package enum ShardStatus: UInt8, Sendable, CaseIterable {
  /// Nothing under way; served if the configuration gives it to this group.
  case serving = 0
  /// Owned by this group, its data still at the source: not served.
  case pulling = 1
  /// No longer owned; its data is kept until the new owner has committed it.
  case bePulling = 2
  /// Owned, its data is here and it is served; the source still has to delete its copy.
  case gcing = 3

  /// As the seed writes it: `Serving`, `Pulling`, `BePulling`, `GCing`.
  package var name: String {
    switch self {
    case .serving: "Serving"
    case .pulling: "Pulling"
    case .bePulling: "BePulling"
    case .gcing: "GCing"
    }
  }
}

/// The named limits of what clients store.
package enum Limits {
  /// Bytes in a key.
  package static let keyBytesMax = 64 << 10
  /// Bytes in a value, after an append too.
  package static let valueBytesMax = 1 << 20
  /// Groups that the controller knows at a time, members or not.
  package static let groupsMax = 1_024
  /// The weight of a group.
  package static let groupWeightMax: UInt32 = 1_000
  /// The weights of all groups together where shards are placed on a ring, which has 160 points for
  /// each unit.
  package static let ringWeightMax: UInt32 = 1_600
  /// Replicas of one group.
  package static let replicasPerGroupMax = 15
  /// Bytes in one address: a host name of 255, a colon and a port.
  package static let addressBytesMax = 261
}
