import Balancing
import Basics
import ShardMap

/// Why a command is not possible, for people.
private struct Refusal: Error {
  var reason: String
  init(_ reason: String) { self.reason = reason }
}

extension ControllerMachine {
  /// What a command would make of the newest configuration.
  package func preview(_ command: ControlCommand) -> ControlPreview {
    do {
      guard let next = try next(command) else { return .unchanged }
      return .change(next)
    } catch {
      return .refused(error.reason)
    }
  }

  /// The configuration after a command; `nil` if it changes nothing.
  private func next(_ command: ControlCommand) throws(Refusal) -> Configuration? {
    switch command {
    case .join(let requests): try joined(requests)
    case .leave(let groups, let force): try left(groups, force: force)
    case .move(let shard, let group): try moved(shard, to: group)
    case .weight(let group, let weight): try weighted(group, weight)
    case .policy(let policy): try following(policy)
    case .drain(let groups): try drained(groups, true)
    case .undrain(let groups): try drained(groups, false)
    case .rebalance: try rebalanced()
    }
  }

  private func joined(_ requests: [JoinRequest]) throws(Refusal) -> Configuration? {
    guard !requests.isEmpty else { throw Refusal("join names no group: name at least one") }
    var next = current
    for request in requests {
      let group = request.group
      guard group != .none else {
        throw Refusal("group 0 cannot join: it means no group; number groups from 1")
      }
      if let weight = request.weight { try check(weight) }
      if next.groups[group] != nil {
        let weight = next.share(of: group).weight
        guard let asked = request.weight, asked != weight else { continue }
        let word = current.groups[group] == nil ? "joins twice, once" : "is a member"
        throw Refusal(
          "group \(group) \(word) with weight \(weight):"
            + " change it with 'weight \(group) \(asked)'")
      }
      next.groups[group] = try joining(request)
      next.setShare(GroupShare(weight: request.weight ?? 1), of: group)
    }
    let added = next.groupIDs.filter { current.groups[$0] == nil }
    guard !added.isEmpty else { return nil }
    guard next.canOwnShards else {
      throw Refusal(
        "no group could own shards: they all have weight 0 or are drained; join with a weight"
          + " above 0")
    }
    return try placed(next, .join(added))
  }

  /// What a group that joins has registered.
  private func joining(_ request: JoinRequest) throws(Refusal) -> GroupRecord {
    let group = request.group
    guard let record = registered(group) else {
      throw Refusal(
        "group \(group) has not registered: start its replicas with this controller's"
          + " addresses, wait until one leads, then join again")
    }
    if let seed = request.seeds.first(where: { seed in
      !record.replicas.contains { $0.peer == seed }
    }) {
      let known = record.replicas.map(\.peer).joined(separator: ", ")
      throw Refusal(
        "\(seed) is not an address of group \(group), which registered \(known):"
          + " join with these")
    }
    return record
  }

  private func left(_ groups: [GroupID], force: Bool) throws(Refusal) -> Configuration? {
    guard !groups.isEmpty else { throw Refusal("leave names no group: name at least one") }
    var next = current
    for group in groups {
      try checkMember(group)
      next.groups[group] = nil
      next.setShare(GroupShare(), of: group)
    }
    guard force || !next.groups.isEmpty else {
      throw Refusal(
        "no group would be left to own the \(current.shards.count) shards: join another group"
          + " first, or force it: the data then stays where it is, unserved, until a group joins")
    }
    if !force { try checkOwners(next) }
    return try placed(next, .leave(Set(groups).sorted(), forced: force))
  }

  private func moved(_ shard: ShardID, to group: GroupID) throws(Refusal) -> Configuration? {
    guard shard.index < current.shards.count else {
      throw Refusal("there is no shard \(shard): shards are 0 to \(current.shards.count - 1)")
    }
    guard current.groups[group] != nil else {
      throw Refusal("group \(group) is not a member: let it join before shards move to it")
    }
    guard current.owner(of: shard) != group else { return nil }
    let share = current.share(of: group)
    guard !share.isDrained else {
      throw Refusal("group \(group) is drained: undrain it before shards move to it")
    }
    guard share.weight > 0 else {
      throw Refusal(
        "group \(group) has weight 0 and owns nothing: give it a weight before shards move to it")
    }
    var owners = current.shards.map(\.owner)
    owners[shard.index] = group
    return following(current, owners, .move(shard, to: group))
  }

  private func weighted(_ group: GroupID, _ weight: UInt32) throws(Refusal) -> Configuration? {
    try checkMember(group)
    try check(weight)
    var share = current.share(of: group)
    guard share.weight != weight else { return nil }
    share.weight = weight
    var next = current
    next.setShare(share, of: group)
    try checkOwners(next)
    return try placed(next, .weight(group, weight))
  }

  private func following(_ policy: PlacementPolicy) throws(Refusal) -> Configuration? {
    guard policy != current.policy else { return nil }
    var next = current
    next.policy = policy
    return try placed(next, .policy(policy))
  }

  private func drained(_ groups: [GroupID], _ isDrained: Bool) throws(Refusal) -> Configuration? {
    let word = isDrained ? "drain" : "undrain"
    guard !groups.isEmpty else { throw Refusal("\(word) names no group: name at least one") }
    var next = current
    var changed: Set<GroupID> = []
    for group in groups {
      try checkMember(group)
      var share = next.share(of: group)
      guard share.isDrained != isDrained else { continue }
      share.isDrained = isDrained
      next.setShare(share, of: group)
      changed.insert(group)
    }
    guard !changed.isEmpty else { return nil }
    try checkOwners(next)
    return try placed(next, isDrained ? .drain(changed.sorted()) : .undrain(changed.sorted()))
  }

  private func rebalanced() throws(Refusal) -> Configuration? {
    let next = try placed(current, .rebalance)
    return next.shards == current.shards ? nil : next
  }

  private func checkMember(_ group: GroupID) throws(Refusal) {
    guard current.groups[group] == nil else { return }
    let names = current.groupIDs.map(\.description).joined(separator: ", ")
    throw Refusal(
      "group \(group) is not a member: "
        + (names.isEmpty ? "there are none" : "the members are \(names)"))
  }

  private func check(_ weight: UInt32) throws(Refusal) {
    guard weight > Limits.groupWeightMax else { return }
    throw Refusal(
      "weight \(weight) is too much: from 0 to \(Limits.groupWeightMax) are possible, and only"
        + " their proportions matter")
  }

  /// Refuses to take the shards from the last groups that can own them.
  private func checkOwners(_ next: Configuration) throws(Refusal) {
    guard current.canOwnShards, !next.canOwnShards else { return }
    throw Refusal(
      "no group would be left to own the \(current.shards.count) shards: all members would be"
        + " drained or have weight 0; join or undrain another group first, or give one a weight")
  }

  /// The configuration after `next`'s members, shares and policy, with every shard placed anew.
  private func placed(
    _ next: Configuration, _ cause: ConfigurationCause
  ) throws(Refusal) -> Configuration {
    let groups = next.groupIDs.map { group in
      let weight = next.share(of: group).effectiveWeight
      return Placement.Group(
        group.rawValue, weight: next.policy == .balanced ? min(weight, 1) : weight)
    }
    let owners: [UInt32]
    switch next.policy {
    case .balanced, .weighted:
      owners = Placement.weighted(current: current.shards.map(\.owner.rawValue), groups: groups)
    case .consistentHash:
      let total = groups.reduce(0) { $0 + $1.weight }
      guard total <= Limits.ringWeightMax else {
        throw Refusal(
          "the weights come to \(total) in all, and a ring has room for \(Limits.ringWeightMax):"
            + " give smaller weights in the same proportion")
      }
      owners = Placement.consistentHash(shards: current.shards.count, groups: groups)
    }
    return following(next, owners.map { GroupID($0) }, cause)
  }

  /// The next configuration. Groups that left stay known while a shard names them as its source.
  private func following(
    _ members: Configuration, _ owners: [GroupID], _ cause: ConfigurationCause
  ) -> Configuration {
    var next = members
    next.number = current.number.next
    next.cause = cause
    next.madeAt = 0
    next.shards = zip(current.shards, owners).map { $0.handedOver(to: $1, in: next.number) }
    next.departed = [:]
    for shard in next.shards where shard.source != .none && next.groups[shard.source] == nil {
      next.departed[shard.source] = current.record(of: shard.source)
    }
    return next
  }
}

extension Configuration {
  /// Whether there is a group that shards can be placed on.
  fileprivate var canOwnShards: Bool { groupIDs.contains { share(of: $0).effectiveWeight > 0 } }
}
