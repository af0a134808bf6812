import Raft
import ShardMap

extension Journal {
  /// Bytes that recovery set aside are kept in at most this many files.
  private static let brokenFilesMax = 8

  /// Reads a folder that ``format(_:settings:)`` made, whatever a crash or its disk left of it, and
  /// checks every byte. Where something is missing that may have been acknowledged the log ends
  /// before it, and ``RestoredState/trust`` says so; a replica that is its whole group is refused
  /// then, because nobody could give it back.
  package static func recover(
    _ reader: FolderReader, settings: JournalSettings
  ) throws(RecoveryError) -> Recovery {
    let folder = try FolderFiles(reader)
    let (identity, identityRepairs, identityNote) = try readIdentity(folder)
    let owner = SegmentHeader.Owner(identity)
    var snapshots = try SnapshotRecovery(folder, owner: owner)
    let covered = snapshots.valid.first?.metadata.last.index ?? .zero
    var found = try LogRecovery(folder, owner: owner, covered: covered)
    let isDiscarded = folder.size(FileNames.discard) != nil
    if isDiscarded { try discard(&snapshots, &found, identity) }
    let snapshot = chooseSnapshot(snapshots, &found)
    noteLoss(snapshots, snapshot, &found)
    if let cut = found.cut, cut.cause == .damage, !isDiscarded {
      try refuseIfAlone(identity, snapshot, found, cut)
    }

    var log = found.log
    var journal = Journal(
      settings: settings, owner: owner, segments: found.segments,
      buffer: RecordBuffer(salt: found.salt, chain: found.chain),
      last: EntryID(index: log.lastIndex, term: log.lastTerm), flushedLast: log.lastIndex,
      resetIndex: log.baseIndex, hardState: log.hardState, trust: log.trust)
    journal.snapshots = Array(snapshots.valid.prefix(2).reversed())
    var repairs = identityRepairs + found.repairs
    var notes = [identityNote].compactMap(\.self) + found.notes
    journal.spares = spares(folder, settings, &repairs)
    journal.lastSpareMade = folder.files.compactMap { FileNames.spareMade($0.name) }.max() ?? 0
    if let cut = found.cut {
      let newest = folder.files.compactMap { FileNames.segmentNumber($0.name) }.max() ?? 0
      journal.trust.doubts = max(found.doubtsSeen, log.trust.doubts)
      repairs += journal.beginInDoubt(cut.cause, termSeen: found.termSeen, segment: newest + 1)
      log.hardState = journal.hardState
      notes.append(note(cut, journal))
    }
    repairs += found.superfluous.map { .remove($0) }
    repairs += found.dead.map { .rename($0, to: $0 + FileNames.brokenSuffix) }
    repairs += setAside(snapshots, snapshot, &notes)
    repairs += leftovers(folder, adding: repairs)
    if !repairs.isEmpty { repairs.append(.syncFolder) }
    if isDiscarded { repairs += endDiscard }

    // Before anything is appended: what is appended may be for a segment that is yet to be made.
    let syncs =
      [found.cut == nil ? found.lastBatch : nil].compactMap(\.self)
      + journal.segments.map { .sync($0.name) }
      + journal.snapshots.map { .sync(FileNames.snapshot($0.metadata.last)) } + [.syncFolder]
    if let last = snapshot?.metadata.last, !isInside(last, log) {
      // A received snapshot became durable, and the crash came before the log was reset to it; or
      // it has more than what is left of the log.
      notes.append("the snapshot at \(last) replaced a log that ended at \(log.lastIndex)")
      journal.resetLog(to: last)
      log.reset(to: last)
    }
    journal.writtenBytes = log.bytes(after: snapshot?.metadata.last.index ?? .zero)
    return Recovery(
      identity: identity, journal: journal, repairs: repairs,
      syncs: syncs,
      state: RestoredState(
        hardState: log.hardState, snapshot: snapshot?.metadata, entries: log.entries,
        trust: journal.trust),
      snapshot: snapshot?.stored, isDiscarded: isDiscarded, notes: notes)
  }

  /// Gives up log and snapshots, as was ordered. The new segment is the first of the repairs: when
  /// it has its name, what stands before it does not count any more.
  private static func discard(
    _ snapshots: inout SnapshotRecovery, _ found: inout LogRecovery, _ identity: ReplicaIdentity
  ) throws(RecoveryError) {
    if !found.isGivenUp {
      try refuseIfAlone(identity, snapshots.valid.first, found, LogRecovery.discarded)
      found.giveUp(for: LogRecovery.discarded, after: .zero)
    }
    snapshots.discard()
  }

  private static func note(_ cut: LogRecovery.Cut, _ journal: Journal) -> String {
    if cut == LogRecovery.discarded {
      return "\(cut.reason): its log and snapshots were set aside, and it neither votes nor counts "
        + "until its group has given it everything anew (doubt \(journal.trust.doubts))"
    }
    let what =
      cut.cause == .tornTail
      ? "a crash tore the last write, or it was damaged since"
      : "acknowledged data is damaged or missing"
    return "\(cut.file), byte \(cut.offset), log index \(journal.last.index.next): \(cut.reason). "
      + "So \(what): this replica neither votes nor counts until its group has given it what it "
      + "may lack (doubt \(journal.trust.doubts))"
  }

  /// Nobody could give back what a replica lost that is its whole group.
  private static func refuseIfAlone(
    _ identity: ReplicaIdentity, _ snapshot: SnapshotFile?, _ found: LogRecovery,
    _ cut: LogRecovery.Cut
  ) throws(RecoveryError) {
    var membership = snapshot?.metadata.membership
    for entry in found.log.entries where entry.kind == .membership {
      if let change = try? Membership(encoded: entry.payload) { membership = change }
    }
    let voters =
      membership?.voters ?? (identity.isJoiner ? [] : identity.members.map(\.id))
    guard voters == [identity.replica] else { return }
    throw .corrupt(
      file: cut.file, offset: cut.offset, index: found.log.lastIndex.next, reason: cut.reason)
  }

  /// The spare segments; those that are not as they were made go.
  private static func spares(
    _ folder: FolderFiles, _ settings: JournalSettings, _ repairs: inout [FileEffect]
  ) -> [String] {
    var spares: [String] = []
    for file in folder.files where FileNames.spareNumber(file.name) != nil {
      if isFit(size: Int(clamping: file.size), settings), spares.count < sparesMax {
        spares.append(file.name)
      } else {
        repairs.append(.remove(file.name))
      }
    }
    return spares
  }

  private static func setAside(
    _ snapshots: SnapshotRecovery, _ used: SnapshotFile?, _ notes: inout [String]
  ) -> [FileEffect] {
    var repairs: [FileEffect] = snapshots.valid.dropFirst(2).map {
      .remove(FileNames.snapshot($0.metadata.last))
    }
    repairs += snapshots.discarded.map { .rename($0, to: $0 + FileNames.brokenSuffix) }
    for damage in snapshots.damaged {
      repairs.append(.rename(damage.name, to: damage.name + FileNames.brokenSuffix))
      notes.append(
        "\(damage.name) is damaged at byte \(damage.offset): \(damage.reason); went on from "
          + (used.map { "the snapshot at \($0.metadata.last)" } ?? "the log alone"))
    }
    return repairs
  }

  /// The identity, from its copy if the disk damaged the file, and what makes both whole again.
  private static func readIdentity(
    _ folder: FolderFiles
  ) throws(RecoveryError) -> (identity: ReplicaIdentity, repairs: [FileEffect], note: String?) {
    guard folder.size(FileNames.identity) != nil else { throw try withoutIdentity(folder) }
    let temporary: [FileEffect] =
      folder.size(FileNames.identityTemporary) == nil ? [] : [.remove(FileNames.identityTemporary)]
    let other = Result { () throws(RecoveryError) in
      try readIdentity(folder, FileNames.identityCopy)
    }
    do throws(RecoveryError) {
      let identity = try readIdentity(folder, FileNames.identity)
      switch other {
      case .success(identity): return (identity, temporary, nil)
      case .failure(.corrupt):
        let bytes = IdentityFile.encode(identity)
        return (
          identity, temporary + writeIdentity(bytes, to: FileNames.identityCopy),
          "\(FileNames.identityCopy) was damaged or missing: written again"
        )
      case .failure(let error): throw error
      case .success: throw .foreign(file: FileNames.identityCopy)
      }
    } catch {
      guard case .corrupt(_, _, _, let reason) = error, case .success(let identity) = other else {
        throw error
      }
      let bytes = IdentityFile.encode(identity)
      return (
        identity, temporary + writeIdentity(bytes, to: FileNames.identity),
        "\(FileNames.identity) was damaged (\(reason)): written again from its copy"
      )
    }
  }

  static func readIdentity(
    _ folder: FolderFiles, _ name: String
  ) throws(RecoveryError) -> ReplicaIdentity {
    guard let size = folder.size(name) else {
      throw .corrupt(file: name, offset: 0, index: nil, reason: "the file is missing")
    }
    guard size <= UInt64(Envelope.prefixBytes + Envelope.bodyBytesMax) else {
      throw .corrupt(file: name, offset: 0, index: nil, reason: "the file is too large")
    }
    do {
      return try IdentityFile.decode(folder.read(name, at: 0, count: Int(size)))
    } catch let error as RecoveryError {
      throw error
    } catch let problem as Envelope.Problem {
      throw RecoveryError(problem, name)
    } catch {
      throw .unreadable(file: name, reason: "\(error)")
    }
  }

  /// Which error a folder without an identity is.
  private static func withoutIdentity(
    _ folder: FolderFiles
  ) throws(RecoveryError) -> RecoveryError {
    let ours = folder.files.filter {
      FileNames.segmentNumber($0.name) != nil || FileNames.snapshotID($0.name) != nil
        || $0.name == FileNames.identityTemporary || $0.name == FileNames.identityCopy
    }
    guard !ours.isEmpty else { return .notInitialised }
    for file in ours
    where !file.name.hasSuffix(FileNames.temporarySuffix) && file.name != FileNames.identityCopy {
      guard file.name == FileNames.segment(1), try LogRecovery.isBlank(folder, file) else {
        return .corrupt(
          file: FileNames.identity, offset: 0, index: nil,
          reason: "the file is missing, and \(file.name) holds data")
      }
    }
    return .initialisationInterrupted
  }

  /// The newest whole snapshot; `nil` if there is none. If the log does not go on from it, and not
  /// from the first entry either, it is given up.
  static func chooseSnapshot(
    _ snapshots: SnapshotRecovery, _ found: inout LogRecovery
  ) -> SnapshotFile? {
    let newest = snapshots.valid.first
    let base = found.log.baseIndex
    if base == .zero { return newest }
    if let newest, newest.metadata.last.index >= base { return newest }
    var cut = LogRecovery.Cut(
      cause: .damage, file: found.segments.first?.name ?? FileNames.segment(1), offset: 0,
      reason: "the log before this segment is missing, and no snapshot reaches index \(base)")
    if let damage = snapshots.damaged.first {
      cut = LogRecovery.Cut(
        cause: .damage, file: damage.name, offset: damage.offset,
        reason: "\(damage.reason), and the log begins after index \(base)")
    }
    found.giveUp(for: cut, after: newest?.metadata.last ?? .zero)
    return newest
  }

  /// A snapshot that a leader sent counts from the first start after it became durable, whether or
  /// not the log was reset to it. If it is damaged by the next one, the log ends where it always
  /// did, and yet acknowledged data is missing.
  private static func noteLoss(
    _ snapshots: SnapshotRecovery, _ used: SnapshotFile?, _ found: inout LogRecovery
  ) {
    guard let damage = snapshots.damaged.first,
      damage.id.index > max(found.log.lastIndex, used?.metadata.last.index ?? .zero)
    else { return }
    found.end(
      for: LogRecovery.Cut(
        cause: .damage, file: damage.name, offset: damage.offset,
        reason: "\(damage.reason), and the log ends at index \(found.log.lastIndex)"),
      termSeen: damage.id.term)
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
      $0.hasSuffix(FileNames.temporarySuffix)
        && ($0.hasPrefix("snap-") || $0.hasPrefix("wal-") || $0.hasPrefix("spare-"))
    }
    let broken = names.filter { $0.hasSuffix(FileNames.brokenSuffix) }
    let excess = max(0, broken.count - brokenFilesMax)
    return (temporary + broken.prefix(excess)).map { .remove($0) }
  }
}
