import Basics
import Raft

extension Journal {
  /// The newest snapshot that is durable.
  package var newestSnapshot: StoredSnapshot? { snapshots.last?.stored }

  /// Bytes of the newest snapshot's file; 0 without one.
  package var newestSnapshotBytes: UInt64 { snapshots.last?.size ?? 0 }

  /// Begins a snapshot, own or received, of what was appended so far but for the last `unapplied`
  /// bytes.
  package func snapshotWriter(
    _ metadata: SnapshotMetadata, unapplied: Int = 0
  ) -> SnapshotWriter {
    let behind = min(UInt64(max(0, unapplied)), bytesSinceSnapshot)
    return SnapshotWriter(
      metadata, owner: owner, writtenBytes: writtenBytes + UInt64(buffer.count) - behind,
      isSynced: !settings.bugs.contains(.snapshotRenamedUnsynced))
  }

  /// A snapshot's file is durable under its name: buffers a marker, and forgets what is not needed
  /// any more: all but the two newest snapshots, and segments whose entries are all below
  /// `retainLogFrom` and not needed to go on from the older snapshot should the newer be damaged.
  /// The files go when the marker is durable, with a later ``flush()`` or ``takeRemovals()``.
  package mutating func snapshotIsDurable(
    _ written: WrittenSnapshot, retainLogFrom: LogIndex
  ) {
    let newest = written.file
    let id = newest.metadata.last
    snapshots.removeAll { $0.metadata.last == id }
    snapshots.append(newest)
    snapshots.sort { $0.metadata.last.index < $1.metadata.last.index }
    writtenBytesAtSnapshot = written.writtenBytes
    beginBatch()
    buffer.append(
      RecordHeader(type: .snapshotMarker, index: id.index.rawValue, term: id.term.rawValue),
      body: [])
    keepSnapshots(2, retainLogFrom: retainLogFrom)
  }

  /// Forgets all snapshots but the newest, and the log that only they need, or that goes back
  /// further than both the newest and `retainLogFrom`.
  ///
  /// - Returns: false if there was no more than one.
  package mutating func dropOlderSnapshots(retainLogFrom: LogIndex) -> Bool {
    let areMore = snapshots.count > 1
    keepSnapshots(1, retainLogFrom: retainLogFrom)
    return areMore
  }

  private mutating func keepSnapshots(_ count: Int, retainLogFrom: LogIndex) {
    while snapshots.count > count {
      let old = snapshots.removeFirst()
      waitingRemovals.append(.remove(FileNames.snapshot(old.metadata.last)))
    }
    guard let newest = snapshots.last?.metadata.last.index else { return }
    var keepFrom = min(retainLogFrom, newest.next)
    let older = snapshots.count > 1 ? snapshots[0].metadata.last.index : .zero
    if count > 1, older >= resetIndex { keepFrom = min(keepFrom, older.next) }
    while segments.count > 1, segments[1].lastBefore < keepFrom {
      retire(segments.removeFirst())
    }
  }

  /// The removals of files that nothing durable needs any more, to be done at any time by whoever
  /// has it, so that nobody waits for them. Only while no sync of the journal is under way.
  package mutating func takeRemovals() -> [FileEffect] {
    func isRemoval(_ effect: FileEffect) -> Bool {
      if case .remove = effect { true } else { false }
    }
    let taken = removals.filter(isRemoval)
    removals.removeAll(where: isRemoval)
    return taken
  }

  /// Where a section of a kept snapshot stands; `nil` if there is no such section any more. What is
  /// read goes through ``decodeSection(_:)``.
  package func readSection(_ number: Int, of snapshot: EntryID) -> FileRead? {
    guard let file = snapshots.last(where: { $0.metadata.last == snapshot }),
      file.sections.indices.contains(number)
    else { return nil }
    let place = file.sections[number]
    return FileRead(
      name: FileNames.snapshot(snapshot), offset: place.lowerBound,
      count: Int(place.upperBound - place.lowerBound))
  }

  /// The content of a section from the bytes that ``readSection(_:of:)`` named.
  ///
  /// - Throws: when its checksum or its form is wrong: the disk changed it.
  package static func decodeSection(_ fileBytes: consuming [UInt8]) throws(ByteError) -> [UInt8] {
    try SnapshotFormat.decodeSection(consume fileBytes)
  }
}
