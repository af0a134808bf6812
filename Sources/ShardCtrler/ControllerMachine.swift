import Basics
import Sessions
import ShardMap

/// The controller's state machine: numbered configurations, one for each change that an operator
/// asks for.
///
/// The leader decides: ``plan(_:_:)`` computes the whole next configuration, which goes into the
/// log as data. ``apply(stamp:payload:)`` only checks that it still fits and stores it, so that
/// replicas of different versions cannot place shards differently.
package struct ControllerMachine: Sendable {
  /// The newest configuration, with the addresses that the groups registered last.
  package private(set) var current: Configuration
  /// The replicated clock, in milliseconds since 1970: the greatest stamp applied.
  package private(set) var clock: UInt64 = 0
  private(set) var sessions = SessionTable()
  private(set) var directory = GroupDirectory()
  private(set) var history: ConfigurationHistory

  /// Holds configuration 0.
  package init(layout: ShardLayout) {
    current = Configuration(layout: layout)
    history = ConfigurationHistory(layout: layout)
  }

  /// Takes what a snapshot holds; ``Restorer`` has checked it.
  init(
    clock: UInt64, sessions: SessionTable, directory: GroupDirectory,
    history: ConfigurationHistory, newest: Configuration
  ) {
    self.clock = clock
    self.sessions = sessions
    self.directory = directory
    self.history = history
    current = newest
    current = withAddresses(newest)
  }

  /// Applies a committed command. Bytes that are no command change nothing, on every replica alike.
  package mutating func apply(stamp: UInt64, payload: [UInt8]) -> Output {
    advanceClock(to: stamp)
    let command: Command
    do { command = try Self.decode(payload) } catch {
      return .refused("the command \(error)")
    }
    switch command {
    case .register(let group, let record):
      if let reason = refusal(register: group, record) { return .refused(reason) }
      if isNews(group, record) { register(group, record) }
      return .done(current.number)
    case .change(let id, let next):
      return once(id) { machine in
        guard let complete = machine.checked(next) else { return nil }
        machine.store(complete)
        return complete.number
      }
    case .unchanged(let id, let number):
      return once(id) { machine in machine.current.number == number ? number : nil }
    }
  }

  /// Moves the replicated clock on for an entry that is no command.
  package mutating func advanceClock(to stamp: UInt64) { clock = max(clock, stamp) }

  /// A configuration by its number. `nil`, or a number not reached yet, asks for the newest; one
  /// older than all that are kept (at least ``configurationsKept``) is answered with the oldest
  /// kept. Groups have the addresses that they registered last.
  package func configuration(_ number: ConfigNumber?) -> Configuration {
    guard let number, number < current.number else { return current }
    guard let old = history.configuration(max(number, history.oldest)) else {
      fatalError("configuration \(number) is missing between \(history.oldest) and the newest")
    }
    return withAddresses(old)
  }

  /// At least so many of the latest configurations can be asked for.
  package static let configurationsKept = ConfigurationHistory.kept

  /// A session for control commands that can be used from now on.
  package func issueSession(nonce: UInt64) -> SessionID {
    sessions.issue(nonce: nonce, clock: clock)
  }

  /// What a group of this number last registered, a member or not.
  package func registered(_ group: GroupID) -> GroupRecord? { directory.newest(group) }

  /// How many groups have registered, members or not.
  package var registeredCount: Int { directory.newestCount }

  /// Equal on replicas that applied the same commands.
  package func stateHash() -> UInt64 {
    var hash = StableHash(continuing: history.digest)
    var writer = ByteWriter()
    writer.varint(clock)
    writer.configuration(current)
    sessions.encode(into: &writer)
    for known in directory.known { writer.known(known) }
    hash.add(writer.bytes)
    return hash.value
  }

  /// Flips a bit of the newest configuration, as bad memory does; false if there is no such bit.
  /// For tests: nothing else changes a state like that.
  package mutating func flipBit(_ bit: Int) -> Bool {
    guard 0..<UInt64.bitWidth ~= bit else { return false }
    current.madeAt ^= 1 << UInt64(bit)
    return true
  }

  func verdict(for id: WriteID) -> SessionVerdict { sessions.verdict(for: id) }

  /// Whether registering tells more than what is known.
  func isNews(_ group: GroupID, _ record: GroupRecord) -> Bool {
    guard let known = directory.newest(group), known.identity == record.identity else {
      return true
    }
    return record.membershipIndex > known.membershipIndex
  }

  /// Does a command that was not done before. `nil` from it means that it does not fit any more; it
  /// is not recorded then, so that the leader may propose it again.
  private mutating func once(
    _ id: WriteID, _ change: (inout ControllerMachine) -> ConfigNumber?
  ) -> Output {
    switch sessions.admit(id, clock: clock) {
    case .expired: return .expired
    case .repeated(let number): return .done(ConfigNumber(number))
    case .new:
      guard let number = change(&self) else { return .stale }
      sessions.record(id, answer: number.rawValue, clock: clock)
      return .done(number)
    }
  }

  /// The configuration with the latest addresses, or `nil` unless it follows the newest one and
  /// names only groups that are here.
  private func checked(_ next: Configuration) -> Configuration? {
    guard next.number == current.number.next, next.layout == current.layout else { return nil }
    guard
      next.groups.allSatisfy({ directory.newest($0)?.identity == $1.identity }),
      next.departed.keys.allSatisfy({ next.groups[$0] == nil }), directory.hasAll(next.departed)
    else { return nil }
    for assignment in next.shards {
      guard assignment.owner == .none || next.groups[assignment.owner] != nil,
        assignment.source == .none || next.record(of: assignment.source) != nil,
        assignment.since <= next.number, assignment.left <= next.number
      else { return nil }
    }
    var complete = withAddresses(next)
    complete.madeAt = max(clock, current.madeAt)
    return complete
  }

  private mutating func store(_ next: Configuration) {
    history.append(next, after: current)
    current = next
    directory.name(current.groups, in: current.number)
    directory.name(current.departed, in: current.number)
    directory.forget(before: history.oldest)
  }

  private mutating func register(_ group: GroupID, _ record: GroupRecord) {
    directory.register(group, record)
    current = withAddresses(current)
  }

  /// The directory keeps every incarnation that a kept configuration names.
  private func withAddresses(_ configuration: Configuration) -> Configuration {
    var result = configuration
    result.groups = withAddresses(configuration.groups)
    result.departed = withAddresses(configuration.departed)
    return result
  }

  private func withAddresses(_ records: [GroupID: GroupRecord]) -> [GroupID: GroupRecord] {
    var result = records
    for group in records.keys.sorted() {
      guard let identity = records[group]?.identity else { continue }
      if let latest = directory.record(group, identity) { result[group] = latest }
    }
    return result
  }
}
