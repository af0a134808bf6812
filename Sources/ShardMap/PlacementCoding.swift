import Basics

private enum CauseTag: UInt8 {
  case created = 0
  case join = 1
  case leave = 2
  case forcedLeave = 3
  case move = 4
  case weight = 5
  case policy = 6
  case drain = 7
  case undrain = 8
  case rebalance = 9
}

/// The binary form of what the controller decided about placement.
extension ByteWriter {
  /// All of a configuration but its number, its layout and its shards.
  package mutating func members(of configuration: Configuration) {
    groupRecords(configuration.groups)
    groupRecords(configuration.departed)
    u8(configuration.policy.rawValue)
    groupShares(configuration.shares)
    cause(configuration.cause)
    varint(configuration.madeAt)
  }

  /// Shares by group, in ascending order.
  package mutating func groupShares(_ shares: [GroupID: GroupShare]) {
    varint(shares.count)
    for (group, share) in shares.sorted(by: { $0.key < $1.key }) {
      groupID(group)
      varint(UInt64(share.weight) << 1 | (share.isDrained ? 1 : 0))
    }
  }

  package mutating func cause(_ cause: ConfigurationCause) {
    switch cause {
    case .created: u8(CauseTag.created.rawValue)
    case .join(let groups): groupIDs(groups, after: .join)
    case .leave(let groups, let forced): groupIDs(groups, after: forced ? .forcedLeave : .leave)
    case .move(let shard, let group):
      u8(CauseTag.move.rawValue)
      shardID(shard)
      groupID(group)
    case .weight(let group, let weight):
      u8(CauseTag.weight.rawValue)
      groupID(group)
      varint(UInt64(weight))
    case .policy(let policy):
      u8(CauseTag.policy.rawValue)
      u8(policy.rawValue)
    case .drain(let groups): groupIDs(groups, after: .drain)
    case .undrain(let groups): groupIDs(groups, after: .undrain)
    case .rebalance: u8(CauseTag.rebalance.rawValue)
    }
  }

  private mutating func groupIDs(_ groups: [GroupID], after tag: CauseTag) {
    u8(tag.rawValue)
    varint(groups.count)
    for group in groups { groupID(group) }
  }
}

/// Reads what the writer's functions of the same names wrote; throws on what no writer makes.
extension ByteReader {
  package mutating func members(
    _ number: ConfigNumber, _ layout: ShardLayout, _ shards: [ShardAssignment]
  ) throws(ByteError) -> Configuration {
    var configuration = Configuration(
      number: number, layout: layout, shards: shards, groups: try groupRecords("groups"),
      departed: try groupRecords("departed groups"), policy: try policy())
    try groupShares(of: &configuration)
    configuration.cause = try cause()
    configuration.madeAt = try varint("time of a configuration")
    guard configuration.madeAt <= UInt64(Int64.max) else {
      throw .malformed(field: "time of a configuration", offset: offset)
    }
    return configuration
  }

  package mutating func policy() throws(ByteError) -> PlacementPolicy {
    guard let policy = PlacementPolicy(rawValue: try u8("policy")) else {
      throw .malformed(field: "policy", offset: offset)
    }
    return policy
  }

  /// Replaces the shares; refuses those of groups that are no members, and the usual share.
  package mutating func groupShares(of configuration: inout Configuration) throws(ByteError) {
    for group in configuration.shares.keys.sorted() {
      configuration.setShare(GroupShare(), of: group)
    }
    let count = try count("number of shares", limit: configuration.groups.count)
    var last = GroupID.none
    for place in 0..<count {
      let group = try groupID("group of a share")
      let number = try varint("share of a group")
      let share = GroupShare(
        weight: UInt32(truncatingIfNeeded: number >> 1), isDrained: number & 1 == 1)
      guard place == 0 || group > last, configuration.groups[group] != nil,
        number >> 1 <= UInt64(Limits.groupWeightMax), share != GroupShare()
      else { throw .malformed(field: "share of a group", offset: offset) }
      configuration.setShare(share, of: group)
      last = group
    }
  }

  package mutating func cause() throws(ByteError) -> ConfigurationCause {
    guard let tag = CauseTag(rawValue: try u8("cause")) else {
      throw .malformed(field: "cause", offset: offset)
    }
    switch tag {
    case .created: return .created
    case .join: return .join(try causeGroups())
    case .leave: return .leave(try causeGroups(), forced: false)
    case .forcedLeave: return .leave(try causeGroups(), forced: true)
    case .move: return .move(try shardID("moved shard"), to: try groupID("group"))
    case .weight:
      let group = try groupID("group")
      let weight = try varint("weight")
      guard weight <= UInt64(Limits.groupWeightMax) else {
        throw .malformed(field: "weight", offset: offset)
      }
      return .weight(group, UInt32(weight))
    case .policy: return .policy(try policy())
    case .drain: return .drain(try causeGroups())
    case .undrain: return .undrain(try causeGroups())
    case .rebalance: return .rebalance
    }
  }

  private mutating func causeGroups() throws(ByteError) -> [GroupID] {
    let groupCount = try count("number of groups", limit: remaining)
    var groups: [GroupID] = []
    for _ in 0..<groupCount { groups.append(try groupID("group")) }
    return groups
  }
}
