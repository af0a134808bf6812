import ShardMap
import Wire

/// Where a shard is by the word of a group that lost it: newer than the clerk's configuration, and
/// forgotten when a whole one as new is there.
struct ShardOverride: Sendable {
  /// The configuration that the group was in.
  var number: ConfigNumber
  var owner: ShardOwner
}

extension Clerk {
  /// The newest configuration in which it is known whose a shard is.
  func knownNumber(of shard: ShardID) -> ConfigNumber? {
    guard let configuration else { return nil }
    return max(configuration.number, overrides[shard]?.number ?? .zero)
  }

  /// The owner of a shard as far as it is known, ``GroupID/none`` for none, and where it is.
  func knownOwner(of shard: ShardID) -> (group: GroupID, record: GroupRecord?)? {
    guard let configuration else { return nil }
    guard let override = overrides[shard], override.number > configuration.number else {
      let group = configuration.owner(of: shard)
      return (group, configuration.groups[group])
    }
    let owner = override.owner
    return (owner.group, newest(owner.record, of: owner.group))
  }

  /// A group does not serve the shard of an operation. If it knows more it says where to go, and
  /// the controller need not be asked; if it knows less it will get there.
  mutating func wrongGroup(
    _ id: OperationID, _ pending: Pending, _ attempt: Attempt, _ number: ConfigNumber,
    _ owner: ShardOwner?
  ) {
    let address = endpoints[attempt.endpoint].address
    let problem = "\(address), in configuration \(number), does not serve the key's shard"
    operations[id]?.lastProblem = problem
    guard let shard = pending.shard, let known = knownNumber(of: shard) else {
      waitForConfiguration(id, problem)
      return
    }
    if number > known || settings.bugs.contains(.redirectsUnbounded),
      let owner, !owner.record.peerAddresses.isEmpty
    {
      overrides[shard] = ShardOverride(number: number, owner: owner)
      return goOn(id, pending)
    }
    if let (group, record) = knownOwner(of: shard), let record,
      attempt.party != .group(group, record.identity)
    {
      // Another operation has learnt better meanwhile.
      return goOn(id, pending)
    }
    if number < known {
      if pending.work.isForAnyReplica { return askAnother(id, attempt) }
      // It may also never get there, if it is cut off and the shard has moved on.
      if pending.pauses % 32 != 31 { return pause(id) }
    }
    waitForConfiguration(id, problem)
  }

  /// Another replica of the group may answer a read of what it has.
  mutating func askAnother(_ id: OperationID, _ attempt: Attempt) {
    operations[id]?.tried.append(endpoints[attempt.endpoint].backend)
    enter(.ready, id)
  }

  /// At once, but groups that name each other must not make it spin.
  private mutating func goOn(_ id: OperationID, _ pending: Pending) {
    guard pending.hops < 3 || settings.bugs.contains(.redirectsUnbounded) else { return pause(id) }
    operations[id]?.hops = pending.hops + 1
    enter(.ready, id)
  }
}
