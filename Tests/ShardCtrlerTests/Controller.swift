import Basics
import Sessions
import ShardCtrler
import ShardMap
import Testing

/// A controller as its leader drives it: registers, plans, applies. Every command is applied to a
/// second replica too, which must come to the same state.
struct Controller {
  private(set) var machine: ControllerMachine
  private(set) var replica: ControllerMachine
  private var sequence: UInt64 = 0
  private let session: SessionID
  private(set) var stamp: UInt64 = 1_000

  init(shardCount: Int = 10) throws {
    let layout = try #require(ShardLayout(mapping: .firstByte, shardCount: shardCount))
    machine = ControllerMachine(layout: layout)
    replica = machine
    _ = machine.apply(stamp: stamp, payload: [])
    _ = replica.apply(stamp: stamp, payload: [])
    session = machine.issueSession(nonce: 1)
  }

  /// The same client against another state of the controller.
  func restored(as machine: ControllerMachine) -> Controller {
    var copy = self
    copy.machine = machine
    copy.replica = machine
    return copy
  }

  static func record(_ group: UInt32, identity: UInt64? = nil, index: UInt64 = 1) -> GroupRecord {
    GroupRecord(
      identity: GroupIdentity(rawValue: identity ?? UInt64(group) * 11), membershipIndex: index,
      replicas: (0..<3).map { place in
        ReplicaAddress(
          id: ReplicaID(rawValue: UInt64(group) * 100 + place), peer: "\(group)-\(place):\(index)")
      })
  }

  @discardableResult
  mutating func register(_ groups: UInt32..., identity: UInt64? = nil, index: UInt64 = 1)
    -> RegistrationPlan
  {
    var last = RegistrationPlan.unchanged
    for group in groups {
      last = machine.planRegistration(
        GroupID(group), Self.record(group, identity: identity, index: index))
      if case .propose(let command) = last { apply(command) }
    }
    return last
  }

  @discardableResult
  mutating func apply(_ command: ControllerMachine.Command) -> ControllerMachine.Output {
    stamp += 1
    let payload = ControllerMachine.encode(command)
    let output = machine.apply(stamp: stamp, payload: payload)
    #expect(replica.apply(stamp: stamp, payload: payload) == output)
    #expect(machine.stateHash() == replica.stateHash())
    return output
  }

  /// A new write of the one client, all before it answered.
  mutating func nextID() -> WriteID {
    sequence += 1
    return WriteID(session: session, sequence: sequence, firstUnanswered: sequence)
  }

  /// Plans and applies a command.
  @discardableResult
  mutating func run(_ command: ControlCommand) -> ControllerMachine.Output {
    let id = nextID()
    switch machine.plan(id, command) {
    case .propose(let proposal): return apply(proposal)
    case .answered(let number): return .done(number)
    case .refused(let reason): return .refused(reason)
    case .expired: return .expired
    }
  }

  @discardableResult
  mutating func join(_ groups: UInt32...) -> ControllerMachine.Output {
    for group in groups { register(group) }
    return run(.join(groups.map { JoinRequest(group: GroupID($0), seeds: ["\($0)-0:1"]) }))
  }

  @discardableResult
  mutating func leave(_ groups: UInt32..., force: Bool = false) -> ControllerMachine.Output {
    run(.leave(groups.map { GroupID($0) }, force: force))
  }

  @discardableResult
  mutating func move(_ shard: Int, to group: UInt32) -> ControllerMachine.Output {
    run(.move(ShardID(shard), to: GroupID(group)))
  }

  /// The owners of all shards by their number.
  var owners: [UInt32] { machine.current.shards.map(\.owner.rawValue) }

  /// Exactly these groups; every shard on one of them; counts that differ by at most one.
  func check(_ groups: UInt32..., source: SourceLocation = #_sourceLocation) {
    check(groups: groups, source: source)
  }

  func check(groups: [UInt32], source: SourceLocation = #_sourceLocation) {
    #expect(machine.current.groupIDs.map(\.rawValue) == groups.sorted(), sourceLocation: source)
    let counts = groups.map { group in owners.count { $0 == group } }
    #expect(
      groups.isEmpty || counts.reduce(0, +) == owners.count, "\(owners)", sourceLocation: source)
    #expect(
      (counts.max() ?? 0) - (counts.min() ?? 0) <= 1, "\(owners)", sourceLocation: source)
  }
}

/// The reason of a refusal, or an empty text.
func reason(_ output: ControllerMachine.Output) -> String {
  if case .refused(let reason) = output { reason } else { "" }
}
