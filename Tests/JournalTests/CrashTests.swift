import Basics
import Journal
import Raft
import Simulation
import Testing

/// What a journal should hold: kept by plain means beside the real one.
private struct Model {
  var hardState = HardState()
  var base = EntryID.zero
  var entries: [Entry] = []

  var last: EntryID { entries.last?.id ?? base }

  mutating func append(_ new: [Entry]) {
    guard let first = new.first else { return }
    entries.removeAll { $0.index >= first.index }
    entries += new
  }

  func term(at index: LogIndex) -> Term? {
    index == base.index ? base.term : entries.first { $0.index == index }?.term
  }

  /// The entries after a snapshot that is there whatever the log says.
  func entries(after snapshot: EntryID) -> [Entry] {
    term(at: snapshot.index) == snapshot.term ? entries.filter { $0.index > snapshot.index } : []
  }
}

/// A random life of a journal with crashes; batches are all or nothing, and what was synced stays.
/// What is flushed is one batch, unless it reaches into a new segment.
private struct Life {
  var generator: SeededGenerator
  var disk: SimulatedDisk
  var journal: Journal
  /// What is durable, and what was written or buffered since.
  var synced = Model()
  var written = Model()
  /// What was written and buffered since, record by record.
  var partial: [Model] = []
  var snapshot = EntryID.zero
  var pendingSnapshot: EntryID?
  var writtenSnapshot: WrittenSnapshot?
  var crashes = 0
  var doubts: UInt64 = 0
  var term: UInt64 = 1

  init(seed: UInt64) throws {
    generator = SeededGenerator(seed: seed)
    disk = try SimulatedDisk.formatted()
    journal = try disk.recovered().journal
  }

  mutating func step() throws {
    switch generator.next(in: 0..<12) {
    case 0..<6: appendSome()
    case 6: cutSome()
    case 7:
      term += 1
      written.hardState = HardState(
        term: Term(term),
        vote: generator.chance(0.5) ? ReplicaID(rawValue: generator.next() | 1) : nil)
      journal.append(hardState: written.hardState, entries: [])
      partial.append(written)
    case 8: if try takeOwnSnapshot() { return }
    case 10: journal.append(hardState: nil, entries: [], trust: Trust(doubts: doubts))
    case 9: if generator.chance(0.3), try receiveSnapshot() { return }
    default: break
    }
    if generator.chance(0.6) { try flush() }
  }

  private mutating func appendSome() {
    let first = written.last.index.rawValue + 1
    let count = UInt64(generator.next(in: 1...4))
    let entries = (first..<first + count).map { randomEntry($0) }
    journal.append(hardState: nil, entries: entries)
    for entry in entries {
      written.append([entry])
      partial.append(written)
    }
  }

  private mutating func cutSome() {
    let above = written.entries.filter { $0.index > snapshot.index }
    guard !above.isEmpty else { return }
    term += 1
    let entries = [randomEntry(above[generator.next(in: 0..<above.count)].index.rawValue)]
    journal.append(hardState: nil, entries: entries)
    written.append(entries)
    partial.append(written)
  }

  private mutating func randomEntry(_ index: UInt64) -> Entry {
    var new = entry(
      index, term: term, bytes: generator.next(in: 0...700),
      seed: generator.chance(0.2) ? 0 : UInt8(generator.next(in: 1...250)))
    if generator.chance(0.1) {
      new.payload = [UInt8](repeating: 0, count: generator.next(in: 0...3_000))
    }
    return new
  }

  private mutating func flush() throws {
    let (writes, syncs) = journal.flush()
    let isSplit = writes.contains {
      if case .rename(_, let name) = $0 { name.hasPrefix("wal-") } else { false }
    }
    if !isSplit { partial = [] }
    if try performOrCrash(writes + syncs) { return }
    synced = written
    partial = []
  }

  /// True if it crashed on the way.
  private mutating func performOrCrash(_ effects: [FileEffect]) throws -> Bool {
    let isCrash = generator.chance(0.08)
    let count = isCrash ? generator.next(in: 0...effects.count) : effects.count
    try disk.perform(Array(effects.prefix(count)))
    if isCrash { try crashAndRecover() }
    return isCrash
  }

  private mutating func writeSnapshot(_ metadata: SnapshotMetadata) throws -> Bool {
    var writer = journal.snapshotWriter(metadata)
    var effects = [writer.create()] + writer.begin()
    for number in 0..<generator.next(in: 0...3) {
      effects += writer.add([UInt8](repeating: UInt8(number), count: 300 * number))
    }
    effects += writer.finish()
    pendingSnapshot = metadata.last
    if try performOrCrash(effects) { return true }
    writtenSnapshot = writer.written
    pendingSnapshot = nil
    snapshot = metadata.last
    return false
  }

  private mutating func takeOwnSnapshot() throws -> Bool {
    let durable = synced.entries.filter {
      $0.index > snapshot.index && written.term(at: $0.index) == $0.term
    }
    guard !durable.isEmpty else { return false }
    let last = durable[generator.next(in: 0..<durable.count)].id
    if try writeSnapshot(snapshotMetadata(last.index.rawValue, term: last.term.rawValue)) {
      return true
    }
    let retained = LogIndex(last.index.rawValue - min(last.index.rawValue - 1, 3))
    noteSnapshot(retainLogFrom: retained)
    return false
  }

  private mutating func noteSnapshot(retainLogFrom: LogIndex) {
    guard let writtenSnapshot else { return }
    journal.snapshotIsDurable(writtenSnapshot, retainLogFrom: retainLogFrom)
    if generator.chance(0.2) { _ = journal.dropOlderSnapshots(retainLogFrom: retainLogFrom) }
  }

  private mutating func receiveSnapshot() throws -> Bool {
    term += 1
    let index = max(snapshot.index, written.last.index).rawValue + UInt64(generator.next(in: 1...9))
    if try writeSnapshot(snapshotMetadata(index, term: term)) { return true }
    noteSnapshot(retainLogFrom: snapshot.index.next)
    journal.resetLog(to: snapshot)
    written.base = snapshot
    written.entries = []
    return false
  }

  private mutating func crashAndRecover() throws {
    crashes += 1
    disk.crash(&generator)
    var recovery = try disk.recovered()
    while generator.chance(0.3) {
      // A crash in the middle of the repairs.
      let count = generator.next(in: 0...recovery.repairs.count)
      try disk.perform(Array(recovery.repairs.prefix(count)))
      disk.crash(&generator)
      recovery = try disk.recovered()
    }
    try disk.perform(recovery.repairs + recovery.syncs)
    let found = recovery.state.snapshot?.last ?? .zero
    #expect(found == snapshot || found == pendingSnapshot)
    let entries = recovery.state.entries.filter { $0.index > found.index }
    let trust = recovery.state.trust
    let candidates = ([synced, written] + partial).filter {
      ($0.hardState == recovery.state.hardState
        || trust.cause != nil && $0.hardState.term < recovery.state.hardState.term)
        && $0.entries(after: found) == entries
    }
    #expect(trust.cause != .damage, "a crash is no damage: \(recovery.notes)")
    #expect(trust.doubts >= doubts)
    doubts = trust.doubts
    #expect(!candidates.isEmpty, "neither what was synced nor what was written")
    snapshot = found
    pendingSnapshot = nil
    journal = recovery.journal
    written = Model(
      hardState: recovery.state.hardState,
      base: recovery.state.entries.isEmpty
        ? found : candidates.first?.base ?? .zero, entries: recovery.state.entries)
    if let first = written.entries.first {
      let before = first.index.previous
      written.base = EntryID(
        index: before, term: candidates.first?.term(at: before) ?? .zero)
    }
    synced = written
    partial = []
  }
}

@Suite struct CrashTests {
  @Test(arguments: 0..<24 as Range<UInt64>)
  func whatWasSyncedSurvivesCrashes(seed: UInt64) throws {
    var life = try Life(seed: seed)
    for _ in 0..<400 { try life.step() }
    #expect(life.crashes > 3)
    #expect(life.disk.fileNames.count < 60)
  }
}
