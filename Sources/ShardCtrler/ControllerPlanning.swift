import Balancing
import Basics
import Sessions
import ShardMap

/// What the controller's leader does with a command.
package enum ControlPlan: Hashable, Sendable {
  case propose(ControllerMachine.Command)
  /// Done before; the configuration that was the newest then.
  case answered(ConfigNumber)
  /// Not possible: the reason and what to do, for people. Nothing is remembered of it. It is judged
  /// by the state of this replica: confirm leadership before answering.
  case refused(String)
  /// Whether the command was applied before is no longer known.
  case expired
}

/// What the controller's leader does when a group registers.
package enum RegistrationPlan: Hashable, Sendable {
  case propose(ControllerMachine.Command)
  /// Known already.
  case unchanged
  /// Not possible: the reason and what to do, for people.
  case refused(String)
}

/// Why a command is not possible, for people.
private struct Refusal: Error {
  var reason: String
  init(_ reason: String) { self.reason = reason }
}

extension ControllerMachine {
  /// Decides a command by the newest configuration. If the proposal turns out
  /// ``Output/stale``, decide again.
  package func plan(_ id: WriteID, _ command: ControlCommand) -> ControlPlan {
    switch verdict(for: id) {
    case .repeated(let number): return .answered(ConfigNumber(number))
    case .expired: return .expired
    case .new: break
    }
    do {
      guard let next = try next(command) else { return .propose(.unchanged(id, current.number)) }
      return .propose(.change(id, next))
    } catch {
      return .refused(error.reason)
    }
  }

  /// Decides what a group's leader says of its group.
  package func planRegistration(_ group: GroupID, _ record: GroupRecord) -> RegistrationPlan {
    if let reason = refusal(register: group, record) { return .refused(reason) }
    return isNews(group, record) ? .propose(.register(group, record)) : .unchanged
  }

  /// Why a registration is not possible; `nil` if it is.
  func refusal(register group: GroupID, _ record: GroupRecord) -> String? {
    let addresses = record.replicas.flatMap { [$0.peer, $0.redis, $0.http] }
    if group == .none { return "group 0 is the controller itself: number groups from 1" }
    if record.replicas.isEmpty || record.replicas.count > Limits.replicasPerGroupMax {
      return "group \(group) registers \(record.replicas.count) replicas:"
        + " from 1 to \(Limits.replicasPerGroupMax) are possible"
    }
    if Set(record.replicas.map(\.id)).count < record.replicas.count {
      return "group \(group) registers two replicas with one id: check its members"
    }
    if addresses.contains(where: { $0.utf8.count > Limits.addressBytesMax }) {
      return "group \(group) registers an address of more than \(Limits.addressBytesMax) bytes:"
        + " use a shorter host name"
    }
    if let named = current.record(of: group), named.identity != record.identity {
      let role = current.groups[group] != nil ? "is a member" : "still has data of shards it left"
      return "group \(group) is another group: \(named.identity) \(role), and \(record.identity)"
        + " asks to be it. Give the new group a number that is not in use"
    }
    if registered(group) == nil, registeredCount >= Limits.groupsMax {
      return "\(Limits.groupsMax) groups are known already, the most that are possible"
    }
    return nil
  }

  /// The configuration after a command; `nil` if it changes nothing.
  private func next(_ command: ControlCommand) throws(Refusal) -> Configuration? {
    switch command {
    case .join(let requests): return try joined(requests)
    case .leave(let groups, let force): return try left(groups, force: force)
    case .move(let shard, let group): return try moved(shard, to: group)
    }
  }

  private func joined(_ requests: [JoinRequest]) throws(Refusal) -> Configuration? {
    guard !requests.isEmpty else { throw Refusal("join names no group: name at least one") }
    var members = current.groups
    for request in requests {
      let group = request.group
      guard group != .none else {
        throw Refusal("group 0 cannot join: it means no group; number groups from 1")
      }
      guard current.groups[group] == nil else { continue }
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
      members[group] = record
    }
    return members.count == current.groups.count ? nil : balanced(over: members)
  }

  private func left(_ groups: [GroupID], force: Bool) throws(Refusal) -> Configuration? {
    guard !groups.isEmpty else { throw Refusal("leave names no group: name at least one") }
    var members = current.groups
    for group in groups {
      guard current.groups[group] != nil else {
        let names = current.groupIDs.map(\.description).joined(separator: ", ")
        throw Refusal(
          "group \(group) is not a member: "
            + (names.isEmpty ? "there are none" : "the members are \(names)"))
      }
      members[group] = nil
    }
    guard force || !members.isEmpty else {
      throw Refusal(
        "no group would be left to own the \(current.shards.count) shards: join another group"
          + " first, or force it: the data then stays where it is, unserved, until a group joins")
    }
    return balanced(over: members)
  }

  private func moved(_ shard: ShardID, to group: GroupID) throws(Refusal) -> Configuration? {
    guard shard.index < current.shards.count else {
      throw Refusal("there is no shard \(shard): shards are 0 to \(current.shards.count - 1)")
    }
    guard current.groups[group] != nil else {
      throw Refusal("group \(group) is not a member: let it join before shards move to it")
    }
    guard current.owner(of: shard) != group else { return nil }
    var owners = current.shards.map(\.owner)
    owners[shard.index] = group
    return following(members: current.groups, owners: owners)
  }

  private func balanced(over members: [GroupID: GroupRecord]) -> Configuration {
    let owners = Placement.balanced(
      current: current.shards.map(\.owner.rawValue), groups: members.keys.sorted().map(\.rawValue))
    return following(members: members, owners: owners.map { GroupID($0) })
  }

  /// The next configuration. Groups that left stay known while a shard names them as its source.
  private func following(members: [GroupID: GroupRecord], owners: [GroupID]) -> Configuration {
    let number = current.number.next
    let shards = zip(current.shards, owners).map { $0.handedOver(to: $1, in: number) }
    var departed: [GroupID: GroupRecord] = [:]
    for shard in shards where shard.source != .none && members[shard.source] == nil {
      departed[shard.source] = current.record(of: shard.source)
    }
    return Configuration(
      number: number, layout: current.layout, shards: shards, groups: members, departed: departed)
  }
}
