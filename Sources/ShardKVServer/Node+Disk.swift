import Basics
import Journal
import Raft
import Wire

extension Node {
  /// The ordered sync is done: acknowledgements may leave, and Raft may count this replica.
  mutating func synced(_ number: UInt64) {
    let flight = disk.land(number)
    counters.syncs += 1
    if let last = flight.last { raft.persisted(last) }
    for message in flight.messages { send(message) }
    if flight.finishesSnapshot { snapshotFinished() }
  }

  /// Writes the batch of this turn and orders its sync.
  mutating func flushJournal() {
    for message in disk.takeUnbound() { send(message) }
    var end: (writes: [FileEffect], syncs: [FileEffect])?
    if disk.flight == nil, snapshotHasAllSections { end = disk.journal.finishSnapshot() }
    if end != nil { snapshotHasAllSections = false }
    disk.flush(finishing: end, into: &effects)
  }

  /// There is more to do without waiting for anything.
  var wantsTurn: Bool {
    if disk.flight?.finishesSnapshot == true { return false }
    return capture != nil || !disk.received.isEmpty || !newReads.isEmpty || wantsRedisTurn
      || (snapshotHasAllSections && disk.flight == nil)
  }

  // Own snapshots and received ones are written alike: a turn adds sections, a later turn's sync
  // makes the whole durable.

  mutating func writeSnapshot() {
    writeReceived()
    switch disk.writing {
    case .received(let metadata):
      // Its leader is gone and the log went past it: there will be no more sections.
      guard metadata.last.index <= applied, !snapshotHasAllSections, disk.flight == nil else {
        return
      }
      effects.rarePaths.insert(.receivedSnapshotAbandoned)
      effects.files += disk.journal.abandonSnapshot()
      restorer = nil
      disk.writing = .none
    case .own: break
    case .none:
      guard wantsSnapshot, let metadata = raft.metadata(at: applied) else { return }
      effects.files += disk.journal.beginSnapshot(metadata)
      capture = service.capture()
      disk.writing = .own(metadata)
    }
    for _ in 0..<settings.sectionsPerTurn {
      guard capture != nil else { return }
      if let section = capture?.nextSection() {
        effects.files += disk.journal.addSection(section)
      } else {
        capture = nil
        snapshotHasAllSections = true
      }
    }
  }

  private var wantsSnapshot: Bool {
    let bytes = disk.journal.bytesSinceSnapshot
    guard bytes >= settings.snapshotBytes else { return false }
    let growth = UInt64(Double(disk.journal.snapshotBytes / 2) * settings.snapshotFactor)
    return bytes >= growth && applied > raft.snapshot.index
      && disk.flight?.finishesSnapshot != true
  }

  /// The file of the snapshot is durable under its name.
  private mutating func snapshotFinished() {
    switch disk.writing {
    case .none: fatalError("invariant broken: a snapshot that nobody wrote is durable")
    case .own(let metadata):
      disk.writing = .none
      raft.compact(upTo: metadata)
      effects.files += disk.journal.snapshotIsDurable(retainLogFrom: raft.firstIndex)
      counters.snapshotsMade += 1
    case .received(let metadata):
      disk.writing = .none
      install(metadata)
    }
  }

  /// Replaces the state by a snapshot that the leader sent, in this order:
  ///
  /// 1. its file is durable under its name (this is called then);
  /// 2. the state machine is replaced, and the journal's log is reset to begin after it;
  /// 3. Raft is told, and acknowledges it: that message waits for the sync of the reset.
  ///
  /// A crash before 3 leaves a snapshot ahead of the log, which recovery takes for the whole.
  private mutating func install(_ metadata: SnapshotMetadata) {
    guard let machine = restored else { return }
    restored = nil
    guard raft.lacks(metadata.last) else {
      // The log caught up meanwhile: the file is a snapshot like any other.
      effects.rarePaths.insert(.snapshotOvertaken)
      effects.files += disk.journal.snapshotIsDurable(retainLogFrom: raft.firstIndex)
      raft.snapshotRestored(metadata)
      return
    }
    service.machine = machine
    applied = metadata.last.index
    abandonLeadership()
    disk.resetLog(to: metadata.last)
    effects.files += disk.journal.snapshotIsDurable(retainLogFrom: metadata.last.index.next)
    raft.snapshotRestored(metadata)
    counters.snapshotsReceived += 1
    effects.rarePaths.insert(.snapshotInstalled)
    effects.events.append(NodeEvent(.info, "restored the leader's snapshot at \(metadata.last)"))
  }

  /// Takes the leader's sections, unless the end of another snapshot is being synced.
  private mutating func writeReceived() {
    guard disk.flight?.finishesSnapshot != true, !snapshotHasAllSections || isWritingOwn else {
      return
    }
    let chunks = disk.received
    disk.received = []
    for chunk in chunks { write(chunk) }
  }

  private var isWritingOwn: Bool {
    if case .own = disk.writing { return true }
    return false
  }

  private mutating func write(_ chunk: SnapshotChunk) {
    if chunk.section == 0 {
      switch disk.writing {
      case .none: break
      case .own: effects.rarePaths.insert(.ownSnapshotAbandoned)
      case .received: effects.rarePaths.insert(.receivedSnapshotRestarted)
      }
      effects.files += disk.journal.beginSnapshot(chunk.metadata)
      capture = nil
      snapshotHasAllSections = false
      disk.writing = .received(chunk.metadata)
      restored = nil
      restorer = service.makeRestorer()
    }
    guard case .received(let metadata) = disk.writing,
      metadata.last == chunk.metadata.last || settings.bugs.contains(.sectionsMixed)
    else { return }
    do {
      try restorer?.consume(chunk.bytes)
      if chunk.isLast {
        restored = try restorer?.finish()
        restorer = nil
      }
    } catch {
      stop("section \(chunk.section) of the snapshot that the leader sent \(error)")
      return
    }
    effects.files += disk.journal.addSection(chunk.bytes)
    if chunk.isLast { snapshotHasAllSections = true }
  }

  // Sections for followers.

  mutating func orderSection(_ wanted: WantedSection) {
    guard let read = disk.journal.readSection(wanted.section, of: wanted.snapshot) else {
      effects.rarePaths.insert(.sectionGone)
      effects.events.append(
        NodeEvent(.warning, "section \(wanted.section) of snapshot \(wanted.snapshot) is gone"))
      return
    }
    let isOrdered = disk.ordered[read] != nil
    disk.ordered[read, default: []].append(wanted)
    if !isOrdered { effects.reads.append(read) }
  }

  mutating func sectionRead(_ read: FileRead, _ bytes: [UInt8]) {
    guard let wanted = disk.ordered.removeValue(forKey: read), let first = wanted.first else {
      return
    }
    let content: [UInt8]
    do {
      content = try Journal.decodeSection(bytes)
    } catch {
      stop("\(read.name) at byte \(read.offset) \(error): its disk returned damaged data")
      return
    }
    guard let stored = disk.journal.newestSnapshot, stored.metadata.last == first.snapshot else {
      effects.rarePaths.insert(.sectionOfOldSnapshot)
      return
    }
    effects.rarePaths.insert(.sectionSent)
    let chunk = SnapshotChunk(
      metadata: stored.metadata, section: first.section, bytes: content,
      isLast: first.section + 1 == stored.sectionCount, round: 0)
    for want in wanted { raft.sendSection(chunk, to: want.to) }
  }

  mutating func stop(_ reason: String) {
    effects.stop = .failed(reason)
    effects.events.append(NodeEvent(.error, reason))
  }
}
