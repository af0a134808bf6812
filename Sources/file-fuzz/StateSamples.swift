import Basics
import RESP
import Raft
import RedisCommands
import Sessions
import ShardCtrler
import ShardKV
import ShardKVServer
import ShardMap

/// Bytes of each kind that machines write into logs and snapshots and send each other, as a small
/// cluster made them.
struct StateSamples {
  static let layout: ShardLayout = {
    guard let layout = ShardLayout(mapping: .firstByte, shardCount: 4) else {
      fatalError("invariant broken: 4 shards are a layout")
    }
    return layout
  }()
  /// So small that a few keys fill several sections.
  static let limits: MachineLimits = {
    var limits = MachineLimits()
    limits.pieceBytesMin = 256
    limits.sectionBytesMax = 600
    return limits
  }()

  private(set) var controller = ControllerMachine(layout: layout)
  /// Groups 1 and 2; the second waits for a shard of the first.
  private(set) var groups: [ShardGroupMachine] = (1...2).map {
    ShardGroupMachine(
      group: GroupID(UInt32($0)), identity: identity($0), layout: layout, limits: limits)
  }
  private(set) var controllerEntries: [[UInt8]] = []
  private(set) var groupEntries: [[UInt8]] = []
  /// What group 2 may install now.
  private(set) var chunk: [UInt8] = []
  private(set) var controllerSections: [[[UInt8]]] = []
  private(set) var groupSections: [[[UInt8]]] = []
  private var index: UInt64 = 0
  private let session = SessionID(issued: 1_000, nonce: 7)

  init() {
    for group in 1...3 as ClosedRange<UInt64> { register(group) }
    run(.join([JoinRequest(group: GroupID(1), seeds: ["1:0"])]))
    adopt()
    fill()
    run(.join([JoinRequest(group: GroupID(2), seeds: ["2:0"])]))
    adopt()
    run(.policy(.weighted))
    run(.weight(GroupID(2), 3))
    run(.drain([GroupID(1)]))
    takeSections()
    pull()
    takeSections()
  }

  static func identity(_ group: Int) -> GroupIdentity {
    GroupIdentity(rawValue: UInt64(group) * 11)
  }

  private static func record(_ group: UInt64) -> GroupRecord {
    GroupRecord(
      identity: identity(Int(group)), membershipIndex: 1,
      replicas: (0..<3).map {
        ReplicaAddress(id: ReplicaID(rawValue: group * 100 + $0), peer: "\(group):\($0)")
      })
  }

  private mutating func register(_ group: UInt64) {
    let plan = controller.planRegistration(GroupID(UInt32(group)), Self.record(group))
    if case .propose(let command) = plan { apply(command) }
  }

  private mutating func run(_ command: ControlCommand) {
    let number = UInt64(controllerEntries.count)
    let id = WriteID(session: session, sequence: number, firstUnanswered: max(2, number) - 1)
    if case .propose(let proposal) = controller.plan(id, command) { apply(proposal) }
  }

  private mutating func apply(_ command: ControllerMachine.Command) {
    controllerEntries.append(ControllerMachine.encode(command))
    _ = controller.apply(
      stamp: 1_000 + UInt64(controllerEntries.count),
      payload: controllerEntries[controllerEntries.count - 1])
  }

  private mutating func adopt() {
    let command = ShardGroupMachine.encode(.adopt(controller.current))
    for group in groups.indices { apply(command, to: group) }
  }

  private mutating func apply(_ entry: [UInt8], to group: Int) {
    index += 1
    groupEntries.append(entry)
    _ = groups[group].apply(index: index, stamp: 2_000 + index, payload: entry)
  }

  /// Keys with and without deadlines, one longer than a piece, writes with sessions.
  private mutating func fill() {
    let long = [UInt8](repeating: 118, count: 700)
    let operations: [WriteOperation] = [
      .put(value: long), .append(value: [1, 2]), .delete, .put(value: []),
      .compareAndSet(expected: nil, value: [7]), .compareAndSet(expected: [7], value: [8]),
    ]
    for (number, operation) in operations.enumerated() {
      let id = WriteID(
        session: SessionID(issued: 1_000 + UInt64(number % 2), nonce: 9),
        sequence: UInt64(number), firstUnanswered: UInt64(number / 2))
      let key = [UInt8(48 + number % 3), 97]
      apply(ShardGroupMachine.encode(.write(id, key: key, operation)), to: 0)
    }
    let commands = Self.commands
    apply(ShardGroupMachine.encode(.commands(commands)), to: 0)
    let watched = [
      Transaction.Watched(key: [48, 98], version: 3), Transaction.Watched(key: [48], version: nil),
    ]
    let transaction = Transaction(watched: watched, commands: Array(commands.prefix(2)))
    apply(ShardGroupMachine.encode(.transaction(transaction)), to: 0)
  }

  static let commands: [KeyedCommand] = [
    "SET 0b x PX 100000", "INCR 0n", "SET 1c y", "APPEND 0b z", "MGET 0a 0b", "GETRANGE 0b 0 1",
    "EXPIRE 1c 900", "SETEX 2d 30 v",
  ].compactMap { line in
    KeyedCommand(
      logged: line.split(separator: " ").map { Array($0.utf8) }, limit: Limits.valueBytesMax)
  }

  /// Lets group 2 pull what it waits for, but for the end of the last shard.
  private mutating func pull() {
    for duty in groups[1].duties() {
      guard case .pull(let shard, let left, _, _, let cursor) = duty,
        case .chunk(let bytes) = groups[0].shardChunk(
          shard, left: left, cursor: cursor, bytesMax: 1)
      else { continue }
      chunk = ShardGroupMachine.encode(.installChunk(shard, left: left, bytes: bytes))
      if shard.index % 2 == 0 { apply(chunk, to: 1) }
    }
    groupEntries.append(chunk)
    groupEntries.append(ShardGroupMachine.encode(.deleteShard(ShardID(1), left: ConfigNumber(2))))
    groupEntries.append(
      ShardGroupMachine.encode(.confirmDeleted(ShardID(0), left: ConfigNumber(2))))
    groupEntries.append(ShardGroupMachine.encode(.flush(0..<4)))
  }

  private mutating func takeSections() {
    groupSections += groups.map(Self.sections)
    controllerSections.append(Self.sections(controller))
  }

  static func sections(_ machine: ShardGroupMachine) -> [[UInt8]] {
    var capture = machine.capture()
    var sections: [[UInt8]] = []
    while let section = capture.nextSection() { sections.append(section) }
    return sections
  }

  static func sections(_ machine: ControllerMachine) -> [[UInt8]] {
    var capture = machine.capture()
    var sections: [[UInt8]] = []
    while let section = capture.nextSection() { sections.append(section) }
    return sections
  }

  static let memberships: [[UInt8]] = {
    let replicas = (1...5).map { ReplicaID(rawValue: UInt64($0) << 32) }
    let addresses = replicas.map { ReplicaAddress(id: $0, peer: "h:\($0.rawValue)", redis: "h:1") }
    return [
      Membership(first: addresses, isJoiner: false),
      Membership(
        voters: Array(replicas[..<3]), outgoing: Array(replicas[1..<4]), learners: [replicas[4]],
        contexts: [replicas[4]: [1, 2, 3]]),
      Membership(voters: []),
    ].map { $0.encoded() }
  }()

  static let works: [[UInt8]] = {
    let question = { (topic: KeyspaceQuestion.Topic) in
      RemoteWork.keyspace(KeyspaceQuestion(topic: topic, shards: 1..<4))
    }
    return [
      .commands(commands), .transaction(Transaction(watched: [], commands: commands)),
      .versions([[], [0, 255], [48]]), question(.count), question(.matching([42])),
      question(.scan(after: [7], looks: 10, pattern: [42, 97])), question(.anyKey),
      question(.flush),
    ].map { (work: RemoteWork) in work.encoded() }
  }()

  static let results: [[UInt8]] = {
    let replies: [Reply] = [
      .ok, .null, .error("ERR no"), .integer(-9), .bulk("text"), .double(1.5), .boolean(true),
      .array([.bulk("a"), .array([.null])]), .map([.init(.bulk("k"), .integer(1))]),
      .set([.integer(2)]), .bigNumber(Array("123".utf8)),
    ]
    let outcomes = replies.map { CommandOutcome.reply($0) } + [.wrongGroup, .notReady, .later]
    return [
      .commands(outcomes), .transaction(.result(.applied(replies))),
      .transaction(.result(.changed)), .transaction(.result(.failed(CommandError("ERR why")))),
      .versions([nil, 3, 1 << 40]), .count(9), .keys(nil), .keys([[], [1]]),
      .scanned([[5]], next: ShardGroupMachine.ScanPlace(shard: 3, after: [9])), .flushed,
      .elsewhere,
    ].map { (result: RemoteResult) in result.encoded() }
  }()
}
