import Basics

/// One replica as others reach it. Empty strings: it does not listen there.
package struct ReplicaAddress: Hashable, Sendable {
  package var id: ReplicaID
  /// `host:port` for other servers and native clients.
  package var peer: String
  /// `host:port` for Redis clients.
  package var redis: String
  /// `host:port` for HTTP.
  package var http: String

  package init(id: ReplicaID, peer: String, redis: String = "", http: String = "") {
    self.id = id
    self.peer = peer
    self.redis = redis
    self.http = http
  }
}

/// What the controller knows of a group, as the group's leader registered it.
package struct GroupRecord: Hashable, Sendable {
  package var identity: GroupIdentity
  /// The log index of the membership that lists these replicas; the higher one wins.
  package var membershipIndex: UInt64
  package var replicas: [ReplicaAddress]

  package init(identity: GroupIdentity, membershipIndex: UInt64, replicas: [ReplicaAddress]) {
    self.identity = identity
    self.membershipIndex = membershipIndex
    self.replicas = replicas
  }
}

/// Who owns a shard, since when, and where its data was before.
package struct ShardAssignment: Hashable, Sendable {
  /// The group that owns the shard, or ``GroupID/none``.
  package var owner: GroupID
  /// The configuration in which `owner` became the owner.
  package var since: ConfigNumber
  /// The last group that owned the shard before and still has its data; ``GroupID/none`` if the
  /// shard never had an owner, and then a new owner starts empty.
  package var source: GroupID
  /// The configuration in which `source` lost the shard. With the shard's number it is the fence of
  /// the hand-over: `GetShardsData` and `DeleteShardsData` name both.
  package var left: ConfigNumber

  package init(
    owner: GroupID = .none, since: ConfigNumber = .zero, source: GroupID = .none,
    left: ConfigNumber = .zero
  ) {
    self.owner = owner
    self.since = since
    self.source = source
    self.left = left
  }

  /// The assignment after configuration `number` gave the shard to `group`.
  ///
  /// The source is the last owner, because its data is the newest. A shard that nobody owned keeps
  /// the source it had: that group still has the data, fenced by the configuration it left in.
  package func handedOver(to group: GroupID, in number: ConfigNumber) -> ShardAssignment {
    guard group != owner else { return self }
    return ShardAssignment(
      owner: group, since: number, source: owner == .none ? source : owner,
      left: owner == .none ? left : number)
  }
}

/// A numbered map from shards to groups, and how and why the controller made it. Configuration 0
/// has no groups.
package struct Configuration: Hashable, Sendable {
  package var number: ConfigNumber
  package var layout: ShardLayout
  /// One for each shard, by its number.
  package var shards: [ShardAssignment]
  /// The groups that may own shards.
  package var groups: [GroupID: GroupRecord]
  /// Groups that have left while shards still name them as ``ShardAssignment/source``: kept so that
  /// the next owner can reach them.
  package var departed: [GroupID: GroupRecord]
  /// How shards are placed from now on.
  package var policy: PlacementPolicy
  /// The members whose share is not the usual one, see ``share(of:)``. No entry is the usual share,
  /// so that equal configurations are equal.
  package private(set) var shares: [GroupID: GroupShare] = [:]
  /// What was asked for.
  package var cause: ConfigurationCause
  /// The replicated clock, in milliseconds since 1970, when the configuration was applied; 0 before
  /// and in configuration 0.
  package var madeAt: UInt64

  /// Configuration 0.
  package init(layout: ShardLayout) {
    self.init(
      number: .zero, layout: layout,
      shards: Array(repeating: ShardAssignment(), count: layout.shardCount), groups: [:],
      departed: [:])
  }

  package init(
    number: ConfigNumber, layout: ShardLayout, shards: [ShardAssignment],
    groups: [GroupID: GroupRecord], departed: [GroupID: GroupRecord],
    policy: PlacementPolicy = .balanced, cause: ConfigurationCause = .created, madeAt: UInt64 = 0
  ) {
    self.number = number
    self.layout = layout
    self.shards = shards
    self.groups = groups
    self.departed = departed
    self.policy = policy
    self.cause = cause
    self.madeAt = madeAt
  }

  /// The members in ascending order; a `Dictionary` must never be walked unsorted.
  package var groupIDs: [GroupID] { groups.keys.sorted() }

  package func owner(of shard: ShardID) -> GroupID {
    shard.index < shards.count ? shards[shard.index].owner : .none
  }

  /// A member, or a group that has left but still holds data.
  package func record(of group: GroupID) -> GroupRecord? { groups[group] ?? departed[group] }

  /// How much a group is to own: weight 1 unless an operator said otherwise.
  package func share(of group: GroupID) -> GroupShare { shares[group] ?? GroupShare() }

  package mutating func setShare(_ share: GroupShare, of group: GroupID) {
    shares[group] = share == GroupShare() ? nil : share
  }
}
