import Basics
import Fuzzing
import Journal
import Raft
import ShardKVServer
import ShardMap

/// Damages folders and reads them. What is read must be bounded by what is there, must have been
/// written once, and must be the same after the repairs; a refusal says why.
struct FolderFuzzer: InputPlayer {
  static var program: StaticString { "file-fuzz" }
  static var summary: String { "gives damaged files to what reads data folders" }

  let seed: UInt64
  private let lives: [Life]
  private var counts = [Int](repeating: 0, count: FolderFuzzer.names.count)
  private var worstShare = 0.0

  init(seed: UInt64) {
    self.seed = seed
    var random = SeededGenerator(seed: seed ^ 0x666F_6C64_6572)
    lives = (0..<Self.lifeCount).map { number in
      do throws(Finding) {
        return try Life(&random)
      } catch {
        fatalError("invariant broken: life \(number) of seed \(seed): \(error)")
      }
    }
  }

  private static let lifeCount = 64

  /// A folder, and whether its checksums were made right again.
  private func input(_ random: inout SeededGenerator) -> (life: Life, folder: FolderBytes, Bool) {
    let life = random.element(of: lives)
    var folder = life.folder
    if random.chance(0.02) { return (life, folder, false) }
    Damage.apply(to: &folder, &random)
    let isSealed = random.chance(0.5)
    if isSealed {
      for name in folder.names {
        var bytes = folder[name] ?? []
        Seals.renew(&bytes)
        folder[name] = bytes
      }
    }
    return (life, folder, isSealed)
  }

  mutating func play(_ number: Int) throws(Finding) {
    var random = Self.generator(seed: seed, number: number)
    let (life, folder, isSealed) = input(&random)
    if random.chance(0.3) { try inspect(folder) }
    let before = MemoryGauge.shared?.allocatedBytes ?? 0
    let found: Recovery
    do throws(RecoveryError) {
      found = try Journal.recover(folder.reader, settings: Life.settings)
    } catch {
      count(error)
      guard !error.description.isEmpty else {
        throw Finding(description: "a refusal without words")
      }
      return
    }
    let zeros = Self.zeros(found.repairs)
    try measure(before, folder, zeros)
    if !isSealed {
      for entry in found.state.entries where !life.entries.contains(entry) {
        throw Finding(description: "entry \(entry.id) was never written")
      }
    }
    try readSnapshot(found, folder)
    count(found)
    if random.chance(0.1) { try start(found, folder) }
    if zeros > FolderBytes.fileBytesMax {
      counts[12] += 1
    } else {
      try goOn(found, folder)
    }
  }

  /// Whoever looks at a folder finds what recovery finds; every snapshot and record can be shown.
  private mutating func inspect(_ folder: FolderBytes) throws(Finding) {
    let before = MemoryGauge.shared?.allocatedBytes ?? 0
    guard let report = try? JournalReport(folder.reader, settings: Life.settings) else {
      counts[17] += 1
      return
    }
    try measure(before, folder, 0)
    switch report.outlook {
    case .refused:
      guard !report.findings.isEmpty || !report.unreadable.isEmpty else {
        throw Finding(description: "a folder is refused in which nothing is wrong")
      }
    case .starts(let start):
      let isCut = start.notes.contains { $0.contains("neither votes nor counts") }
      let isOrdered = report.others.contains { $0.kind == .discard }
      guard !isCut || isOrdered || !report.findings.isEmpty else {
        throw Finding(description: "a log is cut in which nothing is wrong")
      }
    }
    counts[report.findings.isEmpty ? 15 : 16] += 1
    for segment in report.segments {
      let file = FolderReader.File(name: segment.name, size: segment.size)
      guard segment.problem == nil, var records = try? RecordStream(folder.reader, file) else {
        continue
      }
      var entries = 0
      while let record = try? records.next() {
        if record.type == "entry", record.offset < segment.usedBytes { entries += 1 }
      }
      guard entries == segment.entries else {
        throw Finding(description: "\(segment.name) has \(segment.entries) entries, not \(entries)")
      }
    }
    for snapshot in report.snapshots where snapshot.problem == nil {
      let isRestored = (try? SnapshotContents(snapshot, folder.reader)) != nil
      counts[isRestored ? 18 : 19] += 1
    }
  }

  /// A node may begin from what was recovered, or refuses the state in its snapshot.
  private mutating func start(_ found: Recovery, _ folder: FolderBytes) throws(Finding) {
    var now = Moment(monotonic: 1 << 40, wall: 1 << 40)
    do throws(NodeRecoveryError) {
      if found.identity.group == .none {
        var node = try Node<ControllerService>(
          recovery: found, folder: folder.reader, settings: NodeSettings(), seed: seed, now: now)
        turn(&node, &now)
      } else {
        var node = try Node<ShardGroupService>(
          recovery: found, folder: folder.reader, settings: NodeSettings(), seed: seed, now: now)
        turn(&node, &now)
      }
      counts[13] += 1
    } catch {
      counts[14] += 1
      guard !error.description.isEmpty else {
        throw Finding(description: "a refusal without words")
      }
    }
  }

  /// Long enough to stand for election.
  private func turn<Service: NodeService>(_ node: inout Node<Service>, _ now: inout Moment) {
    for _ in 0..<3 {
      now.monotonic += 1_000 * nanosecondsPerMillisecond
      _ = node.turn(now, [])
    }
  }

  /// Repairs, and reads again; then writes, and reads again.
  private func goOn(_ found: Recovery, _ folder: FolderBytes) throws(Finding) {
    // No writer counts so far.
    guard found.state.trust.doubts < 1 << 62 else { return }
    var repaired = folder
    try repaired.perform(found.repairs + found.syncs)
    var again = try recovered(repaired, "after its repairs")
    guard isSame(again.state, found.state) else {
      throw Finding(
        description:
          "after its repairs it is another: \(text(again.state)), not \(text(found.state))")
    }
    // As Raft does: of a log that ends behind the snapshot the next entry follows the log.
    let last = again.state.entries.last?.id ?? again.state.snapshot?.last ?? .zero
    let highest = max(last.term, again.state.hardState.term)
    // No writer comes so far.
    guard max(highest.rawValue, again.journal.last.index.rawValue) < 1 << 62 else { return }
    let term = highest.next
    let new = Entry(
      id: EntryID(index: again.journal.last.index.next, term: term), kind: .command, stamp: 1,
      payload: [1, 2, 3])
    again.journal.append(hardState: HardState(term: term), entries: [new])
    let (writes, syncs) = again.journal.flush()
    try repaired.perform(writes + syncs)
    let more = try recovered(repaired, "after its next entry")
    guard more.state.entries.last == new, more.state.hardState.term == term else {
      throw Finding(description: "the next entry is lost: \(text(more.state)), wrote \(new.id)")
    }
  }

  private func recovered(_ folder: FolderBytes, _ when: String) throws(Finding) -> Recovery {
    do throws(RecoveryError) {
      return try Journal.recover(folder.reader, settings: Life.settings)
    } catch {
      throw Finding(description: "\(when) it is refused: \(error)")
    }
  }

  private func isSame(_ one: RestoredState, _ other: RestoredState) -> Bool {
    one.entries == other.entries && one.hardState == other.hardState
      && one.snapshot == other.snapshot && one.trust == other.trust
  }

  private func text(_ state: RestoredState) -> String {
    "\(state.entries.map(\.id)), \(state.hardState), snapshot "
      + (state.snapshot.map { "\($0.last)" } ?? "none") + ", \(state.trust)"
  }

  private func readSnapshot(_ found: Recovery, _ folder: FolderBytes) throws(Finding) {
    guard let snapshot = found.snapshot else { return }
    for section in 0..<snapshot.sectionCount {
      guard let place = found.journal.readSection(section, of: snapshot.metadata.last) else {
        throw Finding(description: "section \(section) of the snapshot has no place")
      }
      guard let bytes = try? folder.reader.read(place),
        (try? Journal.decodeSection(bytes)) != nil
      else { throw Finding(description: "section \(section) was checked and cannot be read") }
    }
  }

  /// How far the repairs make a file longer: a header may tell of more than the disk has.
  private static func zeros(_ repairs: [FileEffect]) -> Int {
    repairs.reduce(0) { end, effect in
      guard case .write(_, let offset, let bytes) = effect else { return end }
      return max(end, Int(clamping: offset) + bytes.count)
    }
  }

  /// What recovery keeps is made of what it read, but for zeros to be written.
  private mutating func measure(
    _ before: Int, _ folder: FolderBytes, _ zeros: Int
  ) throws(Finding) {
    guard let gauge = MemoryGauge.shared else { return }
    let allocated = gauge.allocatedBytes - before
    let isLonger = zeros > folder.byteCount
    if !isLonger {
      worstShare = max(worstShare, Double(allocated) / Double(max(1_024, folder.byteCount)))
    }
    let most = Self.allocatedBytesMax + (isLonger ? Self.zerosBytesMax : 0)
    guard allocated <= most + Self.allocatedShareMax * folder.byteCount else {
      throw Finding(description: "\(allocated) bytes are allocated for \(folder.byteCount)")
    }
  }

  private static let allocatedBytesMax = 8_192
  private static let allocatedShareMax = 8
  /// A piece of zeros that is written again and again, the last, and the orders to do so.
  private static let zerosBytesMax = 768 << 10

  // What came of it.

  private static let names = [
    "read", "with repairs", "in doubt of the last batch", "damaged", "with a snapshot",
    "refused: not initialised", "refused: initialisation interrupted", "refused: damaged",
    "refused: another's", "refused: newer format", "refused: older format",
    "refused: unreadable", "to be made long", "began", "refused: a snapshot's state",
    "looked at: nothing wrong", "looked at: something wrong", "looked at: no replica",
    "looked at: a state", "looked at: no state in a snapshot",
  ]

  private mutating func count(_ found: Recovery) {
    counts[0] += 1
    if !found.repairs.isEmpty { counts[1] += 1 }
    switch found.state.trust.cause {
    case .tornTail: counts[2] += 1
    case .damage: counts[3] += 1
    case nil: break
    }
    if found.snapshot != nil { counts[4] += 1 }
  }

  private mutating func count(_ error: RecoveryError) {
    switch error {
    case .notInitialised: counts[5] += 1
    case .initialisationInterrupted: counts[6] += 1
    case .corrupt: counts[7] += 1
    case .foreign: counts[8] += 1
    case .newerFormat: counts[9] += 1
    case .olderFormat: counts[10] += 1
    case .unreadable: counts[11] += 1
    }
  }

  var ends: [(name: String, count: Int)] { Array(zip(Self.names, counts)) }

  var remarks: [String] {
    let hundredths = Int(worstShare * 100)
    return MemoryGauge.shared == nil
      ? []
      : ["at most \(hundredths / 100).\(hundredths % 100 / 10) bytes allocated for a byte read"]
  }

  func text(of number: Int) -> String {
    var random = Self.generator(seed: seed, number: number)
    let (life, folder, isSealed) = input(&random)
    var lines = ["a folder of \(folder.byteCount) bytes\(isSealed ? ", sealed anew" : "")"]
    for name in Set(folder.names).union(life.folder.names).sorted() {
      guard let bytes = folder[name] else {
        lines.append("  \(name) is gone")
        continue
      }
      let old = life.folder[name] ?? []
      let places = (0..<min(bytes.count, old.count)).filter { bytes[$0] != old[$0] }
      lines.append(
        "  \(name): \(bytes.count) bytes, before \(old.count), changed at \(places.prefix(20))")
    }
    return lines.joined(separator: "\n")
  }
}
