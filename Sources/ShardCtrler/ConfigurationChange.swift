import Basics
import ShardMap

/// What may differ from the configuration before, besides shards, cause and time. Most changes are
/// moves, which have none of it.
private struct ChangedParts: OptionSet {
  let rawValue: UInt8
  static let groups = ChangedParts(rawValue: 1)
  static let departed = ChangedParts(rawValue: 2)
  static let policy = ChangedParts(rawValue: 4)
  static let shares = ChangedParts(rawValue: 8)
  static let all: ChangedParts = [.groups, .departed, .policy, .shares]
}

/// One step of ``ConfigurationHistory``.
extension ByteWriter {
  /// What `new` has otherwise than `old`. Numbers of configurations are written as distances from
  /// the new one, and times as distances from the old one, which are short.
  mutating func change(from old: Configuration, to new: Configuration) {
    var parts: ChangedParts = []
    if areOthers(old.groups, new.groups) { parts.insert(.groups) }
    if areOthers(old.departed, new.departed) { parts.insert(.departed) }
    if old.policy != new.policy { parts.insert(.policy) }
    if old.shares != new.shares { parts.insert(.shares) }
    u8(parts.rawValue)
    cause(new.cause)
    varint(new.madeAt - old.madeAt)

    let shards = new.shards.indices.filter { new.shards[$0] != old.shards[$0] }
    varint(shards.count)
    for shard in shards {
      let assignment = new.shards[shard]
      shardID(ShardID(shard))
      groupID(assignment.owner)
      varint(new.number.rawValue - assignment.since.rawValue)
      groupID(assignment.source)
      varint(new.number.rawValue - assignment.left.rawValue)
    }
    if parts.contains(.groups) { change(from: old.groups, to: new.groups) }
    if parts.contains(.departed) { change(from: old.departed, to: new.departed) }
    if parts.contains(.policy) { u8(new.policy.rawValue) }
    if parts.contains(.shares) { groupShares(new.shares) }
  }

  private func areOthers(_ old: [GroupID: GroupRecord], _ new: [GroupID: GroupRecord]) -> Bool {
    old.count != new.count || !old.allSatisfy { new[$0]?.identity == $1.identity }
  }

  private mutating func change(
    from old: [GroupID: GroupRecord], to new: [GroupID: GroupRecord]
  ) {
    let removed = old.keys.filter { new[$0] == nil }.sorted()
    varint(removed.count)
    for group in removed { groupID(group) }
    let added = new.keys.filter { old[$0]?.identity != new[$0]?.identity }.sorted()
    varint(added.count)
    for group in added {
      groupID(group)
      u64(new[group]?.identity.rawValue ?? 0)
    }
  }
}

extension ByteReader {
  /// Turns the configuration before, already under its new number, into the one after a change.
  mutating func change(_ configuration: inout Configuration) throws(ByteError) {
    let parts = ChangedParts(rawValue: try u8("changed parts"))
    guard parts.isSubset(of: .all) else {
      throw .malformed(field: "changed parts", offset: offset)
    }
    configuration.cause = try cause()
    let passed = try varint("time since the configuration before")
    guard passed <= UInt64(Int64.max) - configuration.madeAt else {
      throw .malformed(field: "time since the configuration before", offset: offset)
    }
    configuration.madeAt += passed

    let count = try count("number of changed shards", limit: configuration.shards.count)
    for _ in 0..<count { try changedShard(of: &configuration) }
    if parts.contains(.groups) { try change(&configuration.groups) }
    if parts.contains(.departed) { try change(&configuration.departed) }
    if parts.contains(.policy) { configuration.policy = try policy() }
    if parts.contains(.shares) { try groupShares(of: &configuration) }
  }

  private mutating func changedShard(of configuration: inout Configuration) throws(ByteError) {
    let shard = try shardID("changed shard").index
    guard shard < configuration.shards.count else {
      throw .malformed(field: "changed shard", offset: offset)
    }
    let owner = try groupID("owner of a shard")
    let since = try distance(from: configuration.number)
    let source = try groupID("source of a shard")
    let left = try distance(from: configuration.number)
    configuration.shards[shard] = ShardAssignment(
      owner: owner, since: since, source: source, left: left)
  }

  private mutating func change(_ groups: inout [GroupID: GroupRecord]) throws(ByteError) {
    let removed = try count("number of removed groups", limit: remaining)
    for _ in 0..<removed { groups[try groupID("removed group")] = nil }
    let added = try count("number of added groups", limit: remaining)
    for _ in 0..<added {
      let group = try groupID("added group")
      let identity = GroupIdentity(rawValue: try u64("group identity"))
      groups[group] = GroupRecord(identity: identity, membershipIndex: 0, replicas: [])
    }
  }

  private mutating func distance(from number: ConfigNumber) throws(ByteError) -> ConfigNumber {
    let distance = try varint("distance of a configuration")
    guard distance <= number.rawValue else {
      throw .malformed(field: "distance of a configuration", offset: offset)
    }
    return ConfigNumber(number.rawValue - distance)
  }
}
