import Basics
import Fuzzing
import Journal
import Raft

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
    try measure(before, folder)
    if !isSealed {
      for entry in found.state.entries where !life.entries.contains(entry) {
        throw Finding(description: "entry \(entry.id) was never written")
      }
    }
    try readSnapshot(found, folder)
    count(found)
    try goOn(found, folder)
  }

  /// Repairs, and reads again; then writes, and reads again.
  private func goOn(_ found: Recovery, _ folder: FolderBytes) throws(Finding) {
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
    guard highest.rawValue < .max, again.journal.last.index.rawValue < .max - 1 else { return }
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

  /// What recovery keeps is made of what it read.
  private mutating func measure(_ before: Int, _ folder: FolderBytes) throws(Finding) {
    guard let gauge = MemoryGauge.shared else { return }
    let allocated = gauge.allocatedBytes - before
    worstShare = max(worstShare, Double(allocated) / Double(max(1_024, folder.byteCount)))
    guard allocated <= Self.allocatedBytesMax + Self.allocatedShareMax * folder.byteCount else {
      throw Finding(description: "\(allocated) bytes are allocated for \(folder.byteCount)")
    }
  }

  private static let allocatedBytesMax = 8_192
  private static let allocatedShareMax = 8

  // What came of it.

  private static let names = [
    "read", "with repairs", "in doubt of the last batch", "damaged", "with a snapshot",
    "refused: not initialised", "refused: initialisation interrupted", "refused: damaged",
    "refused: another's", "refused: newer format", "refused: older format",
    "refused: unreadable",
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
