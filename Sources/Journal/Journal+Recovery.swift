import Raft
import ShardMap

extension Journal {
  /// Bytes that recovery set aside are kept in at most this many files.
  private static let brokenFilesMax = 8

  /// Reads a folder that ``format(_:settings:)`` made, whatever a crash left of it, and checks
  /// every byte. What was synced is found again, or the folder is refused.
  package static func recover(
    _ reader: FolderReader, settings: JournalSettings
  ) throws(RecoveryError) -> Recovery {
    let folder = try FolderFiles(reader)
    let identity = try readIdentity(folder)
    let owner = SegmentHeader.Owner(identity)
    let snapshots = try SnapshotRecovery(folder, owner: owner)
    let found = try LogRecovery(folder, owner: owner)
    var repairs = found.repairs
    var notes = found.notes

    let snapshot = try chooseSnapshot(snapshots, found)
    for damage in snapshots.damaged {
      repairs.append(.rename(damage.name, to: damage.name + FileNames.brokenSuffix))
      notes.append(
        "\(damage.name) is damaged at byte \(damage.offset): \(damage.reason); went on from "
          + (snapshot.map { "the snapshot at \($0.metadata.last)" } ?? "the log alone"))
    }
    let kept = Array(snapshots.valid.prefix(2).reversed())
    repairs += snapshots.valid.dropFirst(2).map { .remove(FileNames.snapshot($0.metadata.last)) }
    repairs += found.stale.map { .remove($0) }
    repairs += leftovers(folder, adding: repairs)
    if !repairs.isEmpty { repairs.append(.syncFolder) }

    var log = found.log
    var journal = Journal(
      settings: settings, owner: owner, segments: found.segments,
      buffer: RecordBuffer(salt: found.salt, chain: found.chain),
      last: EntryID(index: log.lastIndex, term: log.lastTerm), flushedLast: log.lastIndex,
      resetIndex: log.baseIndex, hardState: log.hardState)
    journal.snapshots = kept
    journal.writtenBytes = log.bytesAfterMarker
    if let last = snapshot?.metadata.last, !isInside(last, log) {
      // A received snapshot became durable, and the crash came before the log was reset to it.
      notes.append("the snapshot at \(last) replaced a log that ended at \(log.lastIndex)")
      journal.resetLog(to: last)
      log.reset(to: last)
    }
    return Recovery(
      identity: identity, journal: journal, repairs: repairs,
      syncs: found.segments.map { .sync($0.name) }
        + kept.map { .sync(FileNames.snapshot($0.metadata.last)) } + [.syncFolder],
      state: RestoredState(
        hardState: log.hardState, snapshot: snapshot?.metadata, entries: log.entries),
      snapshot: snapshot?.stored, notes: notes)
  }

  private static func readIdentity(_ folder: FolderFiles) throws(RecoveryError) -> ReplicaIdentity {
    guard let size = folder.size(FileNames.identity) else { throw try withoutIdentity(folder) }
    guard size <= UInt64(Envelope.prefixBytes + Envelope.bodyBytesMax) else {
      throw .corrupt(
        file: FileNames.identity, offset: 0, index: nil, reason: "the file is too large")
    }
    let bytes = try folder.read(FileNames.identity, at: 0, count: Int(size))
    do {
      return try IdentityFile.decode(bytes)
    } catch {
      throw RecoveryError(error, FileNames.identity)
    }
  }

  /// Which error a folder without an identity is.
  private static func withoutIdentity(
    _ folder: FolderFiles
  ) throws(RecoveryError) -> RecoveryError {
    let ours = folder.files.filter {
      FileNames.segmentID($0.name) != nil || FileNames.snapshotID($0.name) != nil
        || $0.name == FileNames.identityTemporary
    }
    guard !ours.isEmpty else { return .notInitialised }
    for file in ours where file.name != FileNames.identityTemporary {
      guard file.name == FileNames.segment(1), try LogRecovery.isBlank(folder, file) else {
        return .corrupt(
          file: FileNames.identity, offset: 0, index: nil,
          reason: "the file is missing, and \(file.name) holds data")
      }
    }
    return .initialisationInterrupted
  }

  /// The newest whole snapshot from which the log goes on; `nil` if the log is complete from its
  /// first entry.
  private static func chooseSnapshot(
    _ snapshots: SnapshotRecovery, _ found: LogRecovery
  ) throws(RecoveryError) -> SnapshotFile? {
    let base = found.log.baseIndex
    if let usable = snapshots.valid.first, usable.metadata.last.index >= base { return usable }
    if base == .zero, found.stale.isEmpty { return nil }
    if let damage = snapshots.damaged.first {
      throw .corrupt(
        file: damage.name, offset: damage.offset, index: damage.id.index,
        reason: "\(damage.reason), and the log begins after index \(base)")
    }
    let first = found.segments.first.map { FileNames.segment($0.id) } ?? FileNames.segment(1)
    throw .corrupt(
      file: first, offset: 0, index: base.next,
      reason: "the log before this segment is missing, and no snapshot reaches index \(base)")
  }

  /// True if the log holds what the snapshot ends with, so that its later entries still count.
  private static func isInside(_ last: EntryID, _ log: RecoveredLog) -> Bool {
    if last.index == log.baseIndex { return log.baseTerm == nil || log.baseTerm == last.term }
    return log.term(at: last.index) == last.term
  }

  /// Unfinished files, and bytes set aside long ago or about to be set aside again.
  private static func leftovers(
    _ folder: FolderFiles, adding repairs: [FileEffect]
  ) -> [FileEffect] {
    let names = folder.files.map(\.name)
    let temporary = names.filter {
      $0 == FileNames.identityTemporary
        || ($0.hasPrefix("snap-") && $0.hasSuffix(FileNames.temporarySuffix))
    }
    let broken = names.filter {
      $0.hasSuffix(FileNames.brokenSuffix) && !repairs.contains(.create($0))
    }
    let excess = max(0, broken.count - brokenFilesMax)
    return (temporary + broken.prefix(excess)).map { .remove($0) }
  }
}
