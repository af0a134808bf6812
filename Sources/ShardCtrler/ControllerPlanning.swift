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

/// What a command would do.
package enum ControlPreview: Hashable, Sendable {
  /// It would make this configuration, whose time is not known yet.
  case change(Configuration)
  case unchanged
  /// Not possible: the reason and what to do, for people.
  case refused(String)
}

extension ControllerMachine {
  /// Decides a command by the newest configuration. If the proposal turns out
  /// ``Output/stale``, decide again.
  /// - Parameter expected: unless this is the number of the newest configuration the command is
  ///   refused. What is proposed holds by that number alone, so nothing is changed when another
  ///   change comes first.
  package func plan(
    _ id: WriteID, _ command: ControlCommand, expected: ConfigNumber? = nil
  ) -> ControlPlan {
    switch verdict(for: id) {
    case .repeated(let number): return .answered(ConfigNumber(number))
    case .expired: return .expired
    case .new: break
    }
    if let expected, expected != current.number {
      return .refused(
        "configuration \(current.number) is the newest, not \(expected): it was changed meanwhile."
          + " Look at it, and ask again if that is still wanted")
    }
    switch preview(command) {
    case .change(let next): return .propose(.change(id, next))
    case .unchanged: return .propose(.unchanged(id, current.number))
    case .refused(let reason): return .refused(reason)
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
}
