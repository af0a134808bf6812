import Basics
import Sessions
import ShardMap

/// The state machine of a shard group: its shards with their sessions, and their hand-over.
///
/// Equal sequences of ``apply(index:stamp:payload:)`` give equal machines; nothing else that
/// decides gets in.
package struct ShardGroupMachine: Sendable {
  package let group: GroupID
  package let identity: GroupIdentity
  package let layout: ShardLayout
  let limits: MachineLimits
  let bugs: PlantedBugs

  /// The configuration that this group is in.
  package internal(set) var configuration: Configuration {
    didSet { findOwned() }
  }
  /// For each shard whether ``configuration`` gives it to this group: asked for by every request.
  private var owned: [Bool]
  /// The replicated clock: the greatest stamp applied, in milliseconds since 1970.
  package internal(set) var clock: UInt64 = 0
  /// One for each shard of the layout, by its number.
  var shards: [Shard]
  /// Shards that are Pulling or GCing, ascending: those with a duty.
  var arriving: [ShardID] = []
  /// For each shard the least deadline of its keys, `UInt64.max` without any or if the shard is not
  /// served here: its keys do not expire then.
  private var firstDeadlines: [UInt64]
  /// The least of the deadlines of all keys that are served here, `UInt64.max` without any. The
  /// keys whose deadline it is are there as long as ``clock`` is not past it.
  package private(set) var nextDeadline = UInt64.max
  /// Maps that were given up; see ``takeDiscarded()``.
  var discarded: [ByteMap] = []
  /// The index of the last command applied by this value; not part of the state.
  private var appliedIndex: UInt64 = 0

  package init(
    group: GroupID, identity: GroupIdentity, layout: ShardLayout,
    limits: MachineLimits = MachineLimits(), bugs: PlantedBugs = []
  ) {
    self.group = group
    self.identity = identity
    self.layout = layout
    self.limits = limits
    self.bugs = bugs
    configuration = Configuration(layout: layout)
    shards = Array(repeating: Shard(limits: limits.sessions), count: layout.shardCount)
    owned = Array(repeating: false, count: layout.shardCount)
    firstDeadlines = Array(repeating: .max, count: layout.shardCount)
  }

  /// Applies a committed command. Never throws: what cannot be read is ignored by all replicas
  /// alike.
  package mutating func apply(index: UInt64, stamp: UInt64, payload: [UInt8]) -> Output {
    invariant(index > appliedIndex, "entry \(index) applied after \(appliedIndex)")
    appliedIndex = index
    if !discarded.isEmpty { discarded = [] }
    advanceClock(to: stamp)
    guard let command = try? Self.decode(payload) else { return .done }
    switch command {
    case .write(let id, let key, let operation):
      return applyWrite(id, key: key, operation)
    case .adopt(let configuration): adopt(configuration)
    case .installChunk(let shard, let left, let bytes): install(shard, left: left, chunk: bytes)
    case .deleteShard(let shard, let left): delete(shard, left: left)
    case .confirmDeleted(let shard, let left): confirmDeletion(shard, left: left)
    case .commands(let commands): return .commands(applyCommands(commands))
    case .transaction(let transaction): return .transaction(applyTransaction(transaction))
    case .flush(let range): return .flushed(isWhole: flush(range))
    }
    return .done
  }

  /// For entries that are not commands. Removes keys whose deadline is over, as each command does
  /// before it is carried out, up to ``MachineLimits/expiredPerEntryMax``.
  package mutating func advanceClock(to stamp: UInt64) {
    clock = max(clock, stamp)
    guard nextDeadline < clock else { return }
    var room = limits.expiredPerEntryMax
    for index in shards.indices where room > 0 && firstDeadlines[index] < clock {
      room -= shards[index].keys.removeOverdue(now: clock, max: room)
      firstDeadlines[index] = shards[index].keys.firstDeadline
    }
    nextDeadline = firstDeadlines.min() ?? .max
  }

  /// Must follow each change of a shard's keys.
  mutating func noteDeadline(_ shard: Int) {
    let old = firstDeadlines[shard]
    let new = isServed(shard) ? shards[shard].keys.firstDeadline : .max
    guard old != new else { return }
    firstDeadlines[shard] = new
    nextDeadline = old == nextDeadline ? firstDeadlines.min() ?? .max : min(nextDeadline, new)
  }

  /// Must follow whatever makes shards served here or not.
  mutating func findDeadlines() {
    for index in shards.indices {
      firstDeadlines[index] = isServed(index) ? shards[index].keys.firstDeadline : .max
    }
    nextDeadline = firstDeadlines.min() ?? .max
  }

  /// Hands out the maps that the last command gave up: freeing a large one takes long, and need not
  /// happen where everything waits for it. What is not taken is freed by the next command.
  package mutating func takeDiscarded() -> [ByteMap] {
    defer { discarded = [] }
    return discarded
  }

  /// The shards that this group owns or has something of, ascending.
  package func report() -> [ShardSummary] {
    shards.indices.compactMap { index in
      let shard = ShardID(index)
      let isOwned = owns(shard)
      guard isOwned || shards[index].status != .serving else { return nil }
      return ShardSummary(
        shard: shard, status: shards[index].status, isOwned: isOwned,
        keys: shards[index].keys.map.count, bytes: shards[index].keys.map.bytes)
    }
  }

  /// The configuration gives the shard to this group, and not to another of the same number.
  package func owns(_ shard: ShardID) -> Bool { shard.index < owned.count && owned[shard.index] }

  private mutating func findOwned() {
    for index in owned.indices { owned[index] = isOwner(of: ShardID(index), in: configuration) }
  }

  func isOwner(of shard: ShardID, in configuration: Configuration) -> Bool {
    configuration.owner(of: shard) == group
      && configuration.groups[group]?.identity == identity
  }

  /// Owned, and its data is here.
  package func canServe(_ shard: ShardID) -> Bool {
    guard shard.index < shards.count else { return false }
    return isServed(shard.index)
      || bugs.contains(.servedBeforeData) && awaitsData(shard)
  }

  /// The same of a shard that the layout has, whatever bug is planted.
  func isServed(_ index: Int) -> Bool {
    guard owned[index] else { return false }
    switch shards[index].status {
    case .serving, .gcing: return true
    case .pulling, .bePulling: return false
    }
  }

  /// Owned, and its data is still to come.
  package func awaitsData(_ shard: ShardID) -> Bool {
    shard.index < shards.count && owns(shard) && shards[shard.index].status == .pulling
  }
}
