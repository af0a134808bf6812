import Basics
import Clerk
import Journal
import Raft
import Sessions
import ShardKV
import ShardMap
import Wire

extension ShardGroupMachine.Capture: SnapshotCapture {}
extension ShardGroupMachine.Restorer: SnapshotRestorer {}
extension ShardGroupMachine.Pieces: DigestCapture {}

/// A shard group as a node replicates it: its machine, and a leader's errands to the controller and
/// to the groups that shards come from.
package struct ShardGroupService: NodeService {
  package var machine: ShardGroupMachine
  private let identity: ReplicaIdentity
  private let settings: NodeSettings
  /// What was registered, and in which term; a new leader registers again.
  private var registered: (term: Term, record: GroupRecord)?
  /// When to look for a newer configuration, monotonic nanoseconds.
  private var nextPoll: UInt64 = 0
  package var nextErrands: UInt64 { nextPoll }
  /// The next configuration waits for a shard to arrive. Where the group is that has it, only the
  /// configuration in force may tell: the next one need not name that group.
  private var asksForPresent = false
  /// Spreads the looks of many groups, which would else meet after a common pause.
  private var random: SeededGenerator

  package init(identity: ReplicaIdentity, settings: NodeSettings) {
    self.identity = identity
    self.settings = settings
    random = SeededGenerator(seed: identity.replica.rawValue)
    machine = ShardGroupMachine(
      group: identity.group, identity: identity.groupIdentity, layout: identity.layout,
      limits: settings.shardGroup, bugs: settings.bugs)
  }

  package mutating func apply(_ entry: Entry) -> Applied {
    let output = machine.apply(
      index: entry.index.rawValue, stamp: entry.stamp, payload: entry.payload)
    switch output {
    case .write(let answer): return .reply(.written(answer))
    case .expired: return .reply(.refused(.sessionExpired))
    case .tooLarge: return .reply(.refused(Self.tooLarge))
    case .wrongGroup: return .reply(wrongGroup(entry))
    case .commands(let outcomes): return .redis(.commands(outcomes))
    case .transaction(let outcome): return .redis(.transaction(outcome))
    case .flushed(let isWhole): return .redis(isWhole ? .flushed : .elsewhere)
    case .done: return .reply(.done(machine.configuration.number))
    }
  }

  private static let tooLarge = Refusal.invalid(
    "the value would be larger than \(Limits.valueBytesMax) bytes, or the key than "
      + "\(Limits.keyBytesMax): nothing was changed")

  /// Who has the shard instead, as far as this group knows: it spares the client the controller.
  private func wrongGroup(_ shard: ShardID) -> Reply.Body {
    let configuration = machine.configuration
    let group = configuration.owner(of: shard)
    let owner = configuration.groups[group].map {
      ShardOwner(group: group, since: configuration.shards[shard.index].since, record: $0)
    }
    return .refused(.wrongGroup(configuration.number, owner: owner))
  }

  private func wrongGroup(_ key: [UInt8]) -> Reply.Body {
    wrongGroup(identity.layout.shard(of: key))
  }

  private func wrongGroup(_ entry: Entry) -> Reply.Body {
    guard case .write(_, let key, _)? = try? ShardGroupMachine.decode(entry.payload) else {
      return .refused(.wrongGroup(machine.configuration.number))
    }
    return wrongGroup(key)
  }

  package mutating func advanceClock(to stamp: UInt64) { machine.advanceClock(to: stamp) }

  package func admit(_ body: Request.Body, nonce: UInt64) -> Admission {
    switch body {
    case .get, .getAnywhere: .read
    case .write(let id, let key, let operation): admit(id, key, operation)
    case .openSession(let shard?):
      if let session = machine.issueSession(shard: shard, nonce: nonce) {
        .reply(.session(session))
      } else {
        .reply(wrongGroup(shard))
      }
    case .deleteShard(let shard, let left):
      switch machine.deletion(shard, left: left) {
      case .alreadyDone: .reply(.done(machine.configuration.number))
      case .notReady: .reply(.refused(.notReady))
      case .propose: .propose(ShardGroupMachine.encode(.deleteShard(shard, left: left)))
      }
    case .redis(let shard, let bytes): admit(bytes, at: shard)
    default:
      .reply(
        .refused(
          .invalid("this is shard group \(identity.group): ask a controller for that")))
    }
  }

  /// Work for a Redis client of another node, which took this group for the owner of `shard`.
  private func admit(_ bytes: [UInt8], at shard: ShardID) -> Admission {
    guard let work = try? RemoteWork(encoded: bytes) else {
      return .reply(.refused(.invalid("these bytes are no work for a Redis client")))
    }
    guard machine.canServe(shard) else {
      return .reply(machine.awaitsData(shard) ? .refused(.notReady) : wrongGroup(shard))
    }
    return work.isWrite ? .propose(work.entry) : .read
  }

  private func admit(_ id: WriteID, _ key: [UInt8], _ operation: WriteOperation) -> Admission {
    switch machine.refusal(write: id, key: key, operation: operation) {
    case .wrongGroup: .reply(wrongGroup(key))
    case .notReady: .reply(.refused(.notReady))
    case .expired: .reply(.refused(.sessionExpired))
    case .tooLarge: .reply(.refused(Self.tooLarge))
    case .answered(let answer): .reply(.written(answer))
    case nil: .propose(ShardGroupMachine.encode(.write(id, key: key, operation)))
    }
  }

  package func read(_ body: Request.Body) -> Reply.Body {
    let key: [UInt8]
    switch body {
    case .get(let wanted), .getAnywhere(let wanted): key = wanted
    default: return .refused(.invalid("not a read"))
    }
    switch machine.read(key: key) {
    case .value(let value, let version): return .value(value, version: version)
    case .noKey: return .noKey
    case .wrongGroup: return wrongGroup(key)
    case .notReady: return .refused(.notReady)
    }
  }

  package func answerAnywhere(_ body: Request.Body) -> Reply.Body? {
    guard case .shardData(let shard, let left, let cursor) = body else { return nil }
    let chunk = machine.shardChunk(
      shard, left: left, cursor: cursor, bytesMax: settings.shardChunkBytes)
    switch chunk {
    case .chunk(let bytes): return .shardChunk(bytes)
    case .notReady: return .refused(.notReady)
    case .gone:
      return .refused(.invalid("shard \(shard) is not handed over since configuration \(left)"))
    }
  }

  package mutating func errands(_ leader: LeaderContext) -> [Errand] {
    var errands: [Errand] = []
    func add(_ key: Errand.Key, _ operation: ClerkOperation) {
      errands.append(Errand(key: key, operation: operation, term: leader.term))
    }
    if let record = leader.record,
      registered?.term != leader.term || registered?.record != record
    {
      add(.registration, .register(identity.group, record))
    }
    if leader.now.monotonic >= nextPoll {
      let poll = Int(settings.pollMilliseconds * nanosecondsPerMillisecond)
      nextPoll = leader.now.monotonic + UInt64(random.next(in: poll * 3 / 4...poll * 5 / 4))
      let present = machine.configuration.number
      add(.configuration, .query(asksForPresent ? present : machine.wantedConfiguration))
    }
    for duty in machine.duties() {
      switch duty {
      case .pull(let shard, let left, let group, let record, let cursor):
        add(
          .pull(shard, left: left),
          .toGroup(group, record, .shardData(shard, left: left, cursor: cursor)))
      case .requestDeletion(let shard, let left, let group, let record):
        add(
          .deletion(shard, left: left),
          .toGroup(group, record, .deleteShard(shard, left: left)))
      }
    }
    return errands
  }

  package mutating func finished(_ errand: Errand, _ outcome: ClerkOutcome) -> [[UInt8]] {
    guard case .reply(let reply) = outcome else { return [] }
    switch (errand.key, reply) {
    case (.registration, .done):
      if case .register(_, let record) = errand.operation {
        registered = (errand.term, record)
      }
    case (.configuration, .configuration(let configuration, _)):
      guard machine.canAdopt(configuration) else {
        asksForPresent = configuration.number > machine.configuration.number
        break
      }
      // More may follow: look again without waiting.
      nextPoll = 0
      return [ShardGroupMachine.encode(.adopt(configuration))]
    case (.pull(let shard, let left), .shardChunk(let bytes)):
      return [ShardGroupMachine.encode(.installChunk(shard, left: left, bytes: bytes))]
    case (.deletion(let shard, let left), .done):
      return [ShardGroupMachine.encode(.confirmDeleted(shard, left: left))]
    default: break
    }
    return []
  }

  package mutating func takeDiscarded() -> [any Sendable] { machine.takeDiscarded() }

  package func capture() -> ShardGroupMachine.Capture { machine.capture() }

  package func makeRestorer() -> ShardGroupMachine.Restorer {
    ShardGroupMachine.Restorer(
      group: identity.group, identity: identity.groupIdentity, layout: identity.layout,
      limits: settings.shardGroup, bugs: settings.bugs)
  }

  package func pieces() -> ShardGroupMachine.Pieces { machine.pieces() }

  package mutating func flipBit(_ bit: Int, ofValueOf key: [UInt8]) -> Bool {
    machine.flipBit(bit, ofValueOf: key)
  }

  package static var piecesFormat: Int { ShardGroupMachine.piecesFormat }

  package static func name(ofPart part: Int) -> String {
    part == 0 ? "its configuration" : "shard \(part - 1)"
  }

  package var clock: UInt64 { machine.clock }

  package func stateHash() -> UInt64 { machine.stateHash() }

  package func withKeys<Result>(_ body: (ShardGroupMachine) -> Result) -> Result? {
    body(machine)
  }

  package var configurationNumber: ConfigNumber { machine.configuration.number }

  package func shardReports() -> [NodeStatus.ShardReport] {
    machine.report().map {
      NodeStatus.ShardReport(
        shard: $0.shard, status: $0.status, isOwned: $0.isOwned, keys: $0.keys, bytes: $0.bytes)
    }
  }
}
