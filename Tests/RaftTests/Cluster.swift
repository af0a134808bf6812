import Basics
import Raft

struct Failed: Error, CustomStringConvertible {
  var description: String
}

/// A whole group in simulated time: replicas with disks that lose what was not synced, a network as
/// in the labs, and a service that applies numbers and snapshots after every ten.
final class Cluster {
  struct Node {
    var raft: RaftNode?
    /// Grows with each start, so that what was meant for an earlier life is told apart.
    var life = 0
    var isConnected = true
    var disk = Disk()
    /// The entries of the journal as last handed out, synced or not.
    var journal: [Entry] = []
    var applied = LogIndex.zero
    /// How many numbers were applied, and a hash over them in order.
    var count = 0
    var hash: UInt64 = 0
    var arriving: [[UInt8]] = []
    /// Snapshots of a leader that replaced its state.
    var installs = 0
    /// Milliseconds that its wall clock is off.
    var skew: Int64 = 0
    /// How fast its monotonic clock runs, and with it its ticks.
    var clockPercent: UInt64 = 100
    /// A stopped process: what came meanwhile.
    var isPaused = false
    var pending: [Event] = []
  }

  struct Link: Hashable {
    var from: Int
    var to: Int

    init(_ from: Int, _ to: Int) {
      self.from = from
      self.to = to
    }
  }

  let ids: [ReplicaID]
  /// The first voters; whoever comes later begins without any membership.
  let voters: Int
  var nodes: [Node]
  var queue = EventQueue()
  /// Microseconds.
  var now: UInt64 = 0
  var generator: SeededGenerator
  var settings: RaftSettings
  var isReliable = true
  var isLongReordering = false
  /// Links that lose everything, each in one direction.
  var brokenLinks: Set<Link> = []
  var snapshotEvery: Int?
  var syncMicroseconds = 300
  /// Replicas whose syncs do not end.
  var stalledDisks: Set<Int> = []
  /// One tick in so many is checked to be as idle as it was said to be; 0: none.
  var idleCheckInterval = 0
  var ticksSeen = 0
  var idleTicksSeen = 0

  // What was observed.
  var requests = 0
  var bytes = 0
  var failure: String?
  /// By index: the entry that the first replica applied there.
  var truth: [UInt64: Entry] = [:]
  /// The numbers applied, in order, and the hash after each.
  var values: [UInt64] = []
  var hashes: [UInt64] = [0]
  var leaderOfTerm: [UInt64: ReplicaID] = [:]
  var reads: [(node: Int, outcome: ReadOutcome)] = []
  /// By context: what was applied anywhere when the read began, which it must see.
  var readFloors: [UInt64: LogIndex] = [:]

  /// - Parameter joiners: replicas that are not in the first membership.
  init(
    _ count: Int, joiners: Int = 0, seed: UInt64, snapshotEvery: Int? = nil,
    bugs: PlantedBugs = [], settings: RaftSettings = RaftSettings()
  ) {
    self.settings = settings
    voters = count
    let count = count + joiners
    ids = (1...count).map { ReplicaID(rawValue: UInt64($0)) }
    nodes = Array(repeating: Node(), count: count)
    generator = SeededGenerator(seed: seed)
    self.snapshotEvery = snapshotEvery
    self.settings.bugs = bugs
    self.settings.retainedEntries = snapshotEvery == nil ? settings.retainedEntries : 0
    for node in 0..<count { start(node) }
  }

  var everyone: Range<Int> { 0..<nodes.count }

  // Lives of nodes.

  func start(_ number: Int) {
    let disk = nodes[number].disk
    nodes[number].life += 1
    nodes[number].raft = RaftNode(
      id: ids[number], settings: settings,
      membership: Membership(voters: number < voters ? Array(ids[..<voters]) : []),
      restored: disk.restored, seed: generator.next())
    nodes[number].journal = disk.entries
    nodes[number].applied = .zero
    nodes[number].count = 0
    nodes[number].hash = 0
    nodes[number].arriving = []
    nodes[number].isPaused = false
    nodes[number].pending = []
    if let snapshot = disk.snapshot { restore(number, from: snapshot) }
    let phase = UInt64(generator.next(in: 1...10_000))
    queue.add(.tick(node: number, life: nodes[number].life), at: now + phase)
  }

  func crash(_ number: Int) {
    nodes[number].raft = nil
    nodes[number].isConnected = false
    nodes[number].disk.batches = []
  }

  func connect(_ number: Int) { nodes[number].isConnected = true }
  func cut(_ number: Int) { nodes[number].isConnected = false }

  func restart(_ number: Int) {
    crash(number)
    start(number)
    connect(number)
  }

  // Time.

  func run(milliseconds: Int) {
    let end = now + UInt64(milliseconds) * 1000
    while let time = queue.nextTime, time <= end {
      now = time
      handle(queue.removeFirst())
    }
    now = end
  }

  /// Runs until the condition holds, looking every 20 ms.
  func run(upToMilliseconds limit: Int, until condition: () throws -> Bool) rethrows -> Bool {
    let end = now + UInt64(limit) * 1000
    while now < end {
      if try condition() { return true }
      run(milliseconds: 20)
    }
    return try condition()
  }

  func handle(_ event: Event) {
    if hold(event) { return }
    switch event {
    case .deliver(let message):
      let to = number(of: message.to)
      guard nodes[to].isConnected, nodes[number(of: message.from)].isConnected else { return }
      turn(to) { $0.step(message) }
    case .tick(let number, let life):
      guard nodes[number].life == life, nodes[number].raft != nil else { return }
      queue.add(event, at: now + tickMicroseconds(number))
      turn(number) { raft in
        checkIdleTick(of: raft)
        raft.tick()
      }
    case .synced(let number, let life):
      guard nodes[number].life == life, nodes[number].raft != nil else { return }
      if stalledDisks.contains(number) {
        queue.add(event, at: now + 10_000)
      } else {
        synced(number)
      }
    }
  }

  /// One turn of a node: `input`, then everything that it makes of it.
  func turn(_ number: Int, _ input: (inout RaftNode) -> Void) {
    let wall = Int64(1_700_000_000_000) + Int64(now / 1000) + nodes[number].skew
    guard var raft = nodes[number].raft.take() else { return }
    let monotonic = now * 10 * nodes[number].clockPercent
    raft.setTime(Moment(monotonic: monotonic, wall: UInt64(wall)))
    input(&raft)
    nodes[number].raft = raft
    while nodes[number].raft?.hasReady == true, let ready = nodes[number].raft?.takeReady() {
      carryOut(ready, on: number)
    }
  }

  private func carryOut(_ ready: Ready, on number: Int) {
    var changes: [Disk.Change] = []
    if ready.hardState != nil || !ready.entries.isEmpty || ready.trust != nil {
      changes.append(.append(ready.hardState, ready.entries, ready.trust))
      if let first = ready.entries.first {
        while let last = nodes[number].journal.last, last.index >= first.index {
          nodes[number].journal.removeLast()
        }
        nodes[number].journal.append(contentsOf: ready.entries)
      }
    }
    for message in ready.messages { send(message) }
    for entry in ready.committed {
      if let snapshot = apply(entry, on: number) { changes.append(.save(snapshot)) }
    }
    for chunk in ready.receivedSections {
      if chunk.section == 0 { nodes[number].arriving = [] }
      nodes[number].arriving.append(chunk.bytes)
      if chunk.isLast {
        changes.append(
          .install(Disk.Snapshot(metadata: chunk.metadata, sections: nodes[number].arriving)))
      }
    }
    write(changes, then: ready.messagesAfterSync, on: number)
    for outcome in ready.reads { note(outcome, on: number) }
    for wanted in ready.wantedSections {
      guard let snapshot = nodes[number].disk.snapshot, snapshot.metadata.last == wanted.snapshot,
        snapshot.sections.indices.contains(wanted.section)
      else { continue }
      let chunk = SnapshotChunk(
        metadata: snapshot.metadata, section: wanted.section,
        bytes: snapshot.sections[wanted.section],
        isLast: wanted.section == snapshot.sections.count - 1, round: 0)
      nodes[number].raft?.sendSection(chunk, to: wanted.to)
    }
  }

  // The disk.

  private func write(_ changes: [Disk.Change], then messages: [Message], on number: Int) {
    if changes.isEmpty {
      if nodes[number].disk.batches.isEmpty {
        for message in messages { send(message) }
      } else {
        let last = nodes[number].disk.batches.count - 1
        nodes[number].disk.batches[last].messages += messages
      }
      return
    }
    nodes[number].disk.batches.append(Disk.Batch(changes: changes, messages: messages))
    if nodes[number].disk.batches.count == 1 { scheduleSync(number) }
  }

  private func scheduleSync(_ number: Int) {
    queue.add(
      .synced(node: number, life: nodes[number].life), at: now + UInt64(syncMicroseconds))
  }

  private func synced(_ number: Int) {
    let batch = nodes[number].disk.batches.removeFirst()
    if !nodes[number].disk.batches.isEmpty { scheduleSync(number) }
    for message in batch.messages { send(message) }
    nodes[number].disk.beginBatch()
    for change in batch.changes {
      nodes[number].disk.carryOut(change)
      switch change {
      case .append(_, let entries, _):
        if let last = entries.last?.id { turn(number) { $0.persisted(last) } }
      case .save(let snapshot):
        let index = snapshot.metadata.last.index
        nodes[number].journal.removeAll { $0.index <= index }
        turn(number) { $0.compact(upTo: snapshot.metadata) }
      case .install(let snapshot):
        nodes[number].journal = []
        nodes[number].installs += 1
        restore(number, from: snapshot)
        turn(number) { $0.snapshotRestored(snapshot.metadata) }
      }
    }
  }

  // The service.

  /// - Returns: a snapshot to save, if it is time for one.
  private func apply(_ entry: Entry, on number: Int) -> Disk.Snapshot? {
    if entry.index != nodes[number].applied.next {
      fail("node \(number) applies \(entry.id) after \(nodes[number].applied)")
    }
    let index = entry.index.rawValue
    if let known = truth[index] {
      if known != entry { fail("node \(number) applies \(entry) where \(known) was applied") }
    } else {
      truth[index] = entry
      if entry.kind == .command {
        values.append(Self.value(entry.payload))
        hashes.append(Self.mix(hashes[hashes.count - 1], Self.value(entry.payload)))
      }
    }
    nodes[number].applied = entry.index
    guard entry.kind == .command else { return nil }
    nodes[number].count += 1
    nodes[number].hash = Self.mix(nodes[number].hash, Self.value(entry.payload))
    guard let snapshotEvery, nodes[number].count % snapshotEvery == 0,
      let metadata = nodes[number].raft?.metadata(at: entry.index)
    else { return nil }
    var count = ByteWriter()
    count.u64(UInt64(nodes[number].count))
    var hash = ByteWriter()
    hash.u64(nodes[number].hash)
    return Disk.Snapshot(metadata: metadata, sections: [count.bytes, hash.bytes])
  }

  private func restore(_ number: Int, from snapshot: Disk.Snapshot) {
    let count = Int(Self.value(snapshot.sections[0]))
    if snapshot.metadata.last.index < nodes[number].applied {
      fail("node \(number) is set back to \(snapshot.metadata.last)")
    }
    nodes[number].applied = snapshot.metadata.last.index
    nodes[number].count = count
    nodes[number].hash = Self.value(snapshot.sections[1])
    if count >= hashes.count || hashes[count] != nodes[number].hash {
      fail("node \(number) restores a state that never was")
    }
  }

  static func value(_ payload: [UInt8]) -> UInt64 {
    var reader = ByteReader(payload)
    return (try? reader.u64("value")) ?? 0
  }

  static func mix(_ hash: UInt64, _ value: UInt64) -> UInt64 {
    var generator = SeededGenerator(seed: hash ^ (value &* 0x9E37_79B9_7F4A_7C15))
    return generator.next()
  }

  func number(of id: ReplicaID) -> Int { Int(id.rawValue) - 1 }

  func fail(_ text: String) {
    if failure == nil { failure = "at \(now / 1000) ms: \(text)" }
  }
}
