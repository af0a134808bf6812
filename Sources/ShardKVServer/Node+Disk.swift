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
  }

  /// Writes the batch of this turn and orders its sync.
  mutating func flushJournal() {
    for message in disk.takeUnbound() { send(message) }
    disk.flush(into: &effects)
    guard let spare = disk.journal.wantedSpare, !disk.isMakingSpare,
      now.monotonic >= disk.nextSpareAt
    else { return }
    disk.isMakingSpare = true
    effects.background.append(
      .perform(.spare(spare), Journal.makeSpare(spare, settings.journal)))
  }

  private mutating func spareMade(_ name: String, isDone: Bool) {
    disk.isMakingSpare = false
    if isDone {
      disk.journal.add(spare: name)
    } else {
      disk.nextSpareAt =
        now.monotonic + settings.snapshotRetryMilliseconds.lowerBound * nanosecondsPerMillisecond
    }
  }

  /// There is more to do without waiting for anything.
  var wantsTurn: Bool {
    !newReads.isEmpty || wantsRedisTurn || raft.hasReady || !entriesToFree.isEmpty
  }

  /// What was ordered beside the journal came to something.
  mutating func backgroundDone(_ result: BackgroundResult) {
    switch result {
    case .written(let written): ownSnapshotWritten(written)
    case .received(let written, let machine):
      disk.endWriting()
      disk.failures = 0
      install(written, machine)
    case .sectionTaken:
      disk.sectionsWaiting -= min(disk.sectionsWaiting, 1)
      if let reply = disk.heldReply, disk.sectionsWaiting < settings.receivedSectionsMax {
        disk.heldReply = nil
        send(reply)
      }
    case .noRoom(let id): snapshotWithoutRoom(id)
    case .damaged(let damage): found(damage)
    case .scrubbed: scrubbed()
    case .digested(let digest): digested(digest)
    case .unreadable(_, let section, let reason):
      stop("section \(section) of the snapshot that the leader sent \(reason)")
    case .read(let read, let bytes): sectionRead(read, bytes)
    // Files that are not removed now are found at the next start.
    case .performed(.removals, _): break
    case .performed(.spare(let name), let isDone): spareMade(name, isDone: isDone)
    }
  }

  // Own snapshots: the state is captured, and the background does the rest.

  mutating func writeSnapshot() {
    passSectionsOn()
    askForSnapshotAgain()
    disk.quiet.note(bytes: disk.journal.bytesSinceSnapshot, at: now.monotonic)
    switch disk.writing {
    case .received(let metadata, let isComplete):
      // Its leader is gone and the log went past it: there will be no more sections.
      guard metadata.last.index <= applied, !isComplete else { break }
      effects.rarePaths.insert(.receivedSnapshotAbandoned)
      effects.background.append(.abandon)
      disk.endWriting()
    case .own: break
    case .none:
      guard repairsDamage() || wantsSnapshot, let metadata = raft.metadata(at: applied) else {
        break
      }
      dropOlderSnapshot(expecting: disk.journal.newestSnapshotBytes)
      effects.background.append(
        .write(
          disk.journal.snapshotWriter(metadata, unapplied: raft.bytes(after: applied)),
          service.capture()))
      disk.writing = .own(metadata)
    }
    scrub()
    if disk.flight == nil, disk.journal.needsFlush { dropOlderSnapshot(expecting: 0) }
  }

  private var wantsSnapshot: Bool {
    now.monotonic >= disk.retryAt
      && (isSnapshotWorthIt() || now.monotonic >= quietDeadline)
  }

  /// There is enough in the log after the last snapshot; with more parts, so much less is enough.
  /// Nearly all of it must have been applied: after a start with a long log a snapshot of the first
  /// entries would let go of next to nothing.
  private func isSnapshotWorthIt(bytesPart: UInt64 = 1, factorPart: Double = 1) -> Bool {
    let bytes = disk.journal.bytesSinceSnapshot
    let factor = settings.snapshotFactor / factorPart
    return bytes >= settings.snapshotBytes / bytesPart
      && Double(bytes) >= Double(disk.journal.newestSnapshotBytes) * factor
      && applied > raft.snapshot.index
      && raft.lastIndex.rawValue - applied.rawValue
        <= (applied.rawValue - raft.snapshot.index.rawValue) / 8
  }

  /// When a snapshot is begun because it is quiet, monotonic nanoseconds; never if there is too
  /// little in the log for one.
  var quietDeadline: UInt64 {
    guard case .none = disk.writing, isSnapshotWorthIt(bytesPart: 16, factorPart: 10) else {
      return .max
    }
    let end = disk.quiet.since + settings.quietMilliseconds * nanosecondsPerMillisecond
    return max(end, disk.retryAt)
  }

  /// Keeps one snapshot instead of two where the folder grows too large for both.
  private mutating func dropOlderSnapshot(expecting coming: UInt64) {
    let newest = disk.journal.newestSnapshotBytes
    guard disk.journal.snapshotBytes > newest, disk.damaged.isEmpty else { return }
    let bytes = disk.journal.snapshotBytes + disk.journal.journalFileBytes + coming
    guard bytes > settings.snapshotBytes.multipliedClamped(by: settings.folderBytesFactor),
      Double(bytes) > Double(newest) * settings.folderFactor,
      disk.journal.dropOlderSnapshots(retainLogFrom: raft.firstIndex)
    else { return }
    effects.rarePaths.insert(.olderSnapshotDropped)
  }

  /// It may have been given up meanwhile for a leader's, but too late.
  private mutating func ownSnapshotWritten(_ written: WrittenSnapshot) {
    if case .own(let metadata) = disk.writing, metadata.last == written.metadata.last {
      disk.writing = .none
    }
    disk.failures = 0
    letGo(of: raft.compact(upTo: written.metadata))
    disk.journal.snapshotIsDurable(written, retainLogFrom: raft.firstIndex)
    replaceDamaged(by: written)
    counters.snapshotsMade += 1
  }

  private mutating func letGo(of entries: [Entry]) {
    if entriesToFree.isEmpty { entriesToFree = entries } else { entriesToFree += entries }
  }

  /// Entries are freed by the thread that made them, since the allocator has a lock, and not more
  /// in a turn than may be applied in one, which takes longer.
  mutating func freeEntries() {
    var bytes = 0
    while bytes < settings.appliedBytesMax, let last = entriesToFree.popLast() {
      bytes += last.weight
    }
    if bytes > 0, entriesToFree.isEmpty { entriesToFree = [] }
  }

  /// The disk is full: nothing is lost, and there may be room later.
  private mutating func snapshotWithoutRoom(_ id: EntryID) {
    let pauses = settings.snapshotRetryMilliseconds
    let pause = min(pauses.upperBound, pauses.lowerBound << UInt64(min(disk.failures, 16)))
    let again = now.monotonic + pause * nanosecondsPerMillisecond
    switch disk.writing {
    case .own(let metadata) where metadata.last == id: disk.retryAt = again
    case .received(let metadata, _) where metadata.last == id: disk.receiveAgainAt = again
    default: return
    }
    disk.endWriting()
    disk.failures += 1
    _ = disk.journal.dropOlderSnapshots(retainLogFrom: raft.firstIndex)
    counters.snapshotsWithoutRoom += 1
    effects.rarePaths.insert(.snapshotWithoutRoom)
    effects.events.append(
      NodeEvent(
        .warning,
        "the disk is full: the snapshot at \(id) was given up, and is tried again in "
          + "\(pause) ms; free room on the disk of the data folder"))
  }

  mutating func stop(_ reason: String) {
    effects.stop = .failed(reason)
    effects.events.append(NodeEvent(.error, reason))
  }
}

/// Snapshots that a leader sends.
extension Node {
  /// Hands the sections on to be written and restored.
  private mutating func passSectionsOn() {
    let chunks = disk.received
    disk.received = []
    for chunk in chunks { passOn(chunk) }
  }

  private mutating func passOn(_ chunk: SnapshotChunk) {
    if chunk.section == 0 {
      switch disk.writing {
      case .none: break
      case .own: effects.rarePaths.insert(.ownSnapshotAbandoned)
      case .received: effects.rarePaths.insert(.receivedSnapshotRestarted)
      }
      effects.background.append(
        .receive(disk.journal.snapshotWriter(chunk.metadata), service.makeRestorer()))
      disk.endWriting()
      disk.writing = .received(chunk.metadata, isComplete: false)
      disk.receiveAgainAt = nil
    }
    guard case .received(let metadata, _) = disk.writing,
      metadata.last == chunk.metadata.last || settings.bugs.contains(.sectionsMixed)
    else { return }
    effects.background.append(.section(chunk.bytes, isLast: chunk.isLast))
    disk.sectionsWaiting += 1
    if chunk.isLast { disk.writing = .received(metadata, isComplete: true) }
  }

  /// True if a message to a leader is kept back: it asks for a section, and too many wait.
  mutating func holds(_ message: Message) -> Bool {
    guard case .snapshotReply = message.body,
      disk.sectionsWaiting + disk.received.count >= settings.receivedSectionsMax
    else { return false }
    effects.rarePaths.insert(.sectionRepliesHeld)
    disk.heldReply = message
    return true
  }

  /// After a snapshot of the leader found no room.
  private mutating func askForSnapshotAgain() {
    guard let time = disk.receiveAgainAt, now.monotonic >= time else { return }
    disk.receiveAgainAt = nil
    raft.snapshotLost()
  }

  /// Replaces the state by a snapshot that the leader sent, in this order:
  ///
  /// 1. its file is durable under its name (this is called then);
  /// 2. the state machine is replaced, and the journal's log is reset to begin after it;
  /// 3. Raft is told, and acknowledges it: that message waits for the sync of the reset.
  ///
  /// A crash before 3 leaves a snapshot ahead of the log, which recovery takes for the whole.
  private mutating func install(_ written: WrittenSnapshot, _ restored: any Sendable) {
    let metadata = written.metadata
    guard var machine = restored as? Service.Machine else {
      fatalError("invariant broken: a snapshot was restored to another kind of state")
    }
    guard raft.lacks(metadata.last) else {
      // The log caught up meanwhile: the file is a snapshot like any other.
      effects.rarePaths.insert(.snapshotOvertaken)
      disk.journal.snapshotIsDurable(written, retainLogFrom: raft.firstIndex)
      raft.snapshotRestored(metadata)
      effects.background.append(.discard(machine))
      return
    }
    swap(&service.machine, &machine)
    effects.background.append(.discard(machine))
    comparison.forgetOwn()
    applied = metadata.last.index
    abandonLeadership()
    disk.resetLog(to: metadata.last)
    disk.journal.snapshotIsDurable(written, retainLogFrom: metadata.last.index.next)
    letGo(of: raft.snapshotRestored(metadata))
    counters.snapshotsReceived += 1
    effects.rarePaths.insert(.snapshotInstalled)
    effects.events.append(NodeEvent(.info, "restored the leader's snapshot at \(metadata.last)"))
  }
}

/// Sections for followers.
extension Node {
  mutating func orderSection(_ wanted: WantedSection) {
    guard let read = disk.journal.readSection(wanted.section, of: wanted.snapshot) else {
      effects.rarePaths.insert(.sectionGone)
      effects.events.append(
        NodeEvent(.warning, "section \(wanted.section) of snapshot \(wanted.snapshot) is gone"))
      return
    }
    let isOrdered = disk.ordered[read] != nil
    disk.ordered[read, default: []].append(wanted)
    if !isOrdered { effects.background.append(.read(read)) }
  }

  private mutating func sectionRead(_ read: FileRead, _ bytes: [UInt8]) {
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
}
