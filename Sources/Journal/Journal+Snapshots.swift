import Basics
import Raft

/// A snapshot that is being written, or written and not yet known to be durable.
struct PendingSnapshot: Hashable, Sendable {
  var file: SnapshotFile
  var sectionsChecksum: UInt32 = 0
  var isFinished = false
  /// ``Journal/writtenBytes`` when it was begun.
  var writtenBytes: UInt64

  var name: String { FileNames.snapshot(file.metadata.last) }
  var temporaryName: String { name + FileNames.temporarySuffix }
}

extension Journal {
  /// The newest snapshot that is durable.
  package var newestSnapshot: StoredSnapshot? { snapshots.last?.stored }

  /// Bytes of the newest snapshot's file; 0 without one.
  package var newestSnapshotBytes: UInt64 { snapshots.last?.size ?? 0 }

  /// Begins the file of a snapshot, own or received; one that was being written is abandoned.
  package mutating func beginSnapshot(_ metadata: SnapshotMetadata) -> [FileEffect] {
    var effects = abandonSnapshot()
    let header = SnapshotFormat.header(metadata, owner: owner)
    let new = PendingSnapshot(
      file: SnapshotFile(metadata: metadata, sections: [], size: UInt64(header.count)),
      writtenBytes: writtenBytes + UInt64(buffer.count))
    pending = new
    effects += [.create(new.temporaryName), .write(new.temporaryName, offset: 0, bytes: header)]
    return effects
  }

  /// Adds the next section to the snapshot that was begun.
  package mutating func addSection(_ bytes: [UInt8]) -> [FileEffect] {
    guard let begun = pending, !begun.isFinished else {
      fatalError("invariant broken: a section without a snapshot")
    }
    let section = SnapshotFormat.section(begun.file.sections.count, bytes)
    let start = begun.file.size
    let end = start + UInt64(section.bytes.count)
    pending?.file.sections.append(start..<end)
    pending?.file.size = end
    pending?.sectionsChecksum = SnapshotFormat.combine(begun.sectionsChecksum, section.checksum)
    return [.write(begun.temporaryName, offset: start, bytes: section.bytes)]
  }

  /// Ends the file. After the syncs the snapshot is durable under its name, and
  /// ``snapshotIsDurable(retainLogFrom:)`` is due.
  package mutating func finishSnapshot() -> (writes: [FileEffect], syncs: [FileEffect]) {
    guard let begun = pending, !begun.isFinished else {
      fatalError("invariant broken: the end of a snapshot that was not begun")
    }
    let size = begun.file.size + UInt64(SnapshotFormat.footerBytes)
    let footer = SnapshotFormat.footer(
      sectionCount: begun.file.sections.count, size: size,
      sectionsChecksum: begun.sectionsChecksum)
    pending?.file.size = size
    pending?.isFinished = true
    var syncs: [FileEffect] = [.rename(begun.temporaryName, to: begun.name), .syncFolder]
    if !settings.bugs.contains(.snapshotRenamedUnsynced) {
      syncs.insert(.sync(begun.temporaryName), at: 0)
    }
    return ([.write(begun.temporaryName, offset: begun.file.size, bytes: footer)], syncs)
  }

  /// The finished snapshot's syncs are done: buffers a marker, and forgets what is not needed any
  /// more: all but the two newest snapshots, and segments whose entries are all below
  /// `retainLogFrom` and not needed to go on from the older snapshot should the newer be damaged.
  /// The files go with a later ``flush()``, after the marker is durable.
  package mutating func snapshotIsDurable(retainLogFrom: LogIndex) -> [FileEffect] {
    guard let finished = pending, finished.isFinished else {
      fatalError("invariant broken: a snapshot that was not finished cannot be durable")
    }
    pending = nil
    let newest = finished.file
    let id = newest.metadata.last
    snapshots.removeAll { $0.metadata.last == id }
    snapshots.append(newest)
    snapshots.sort { $0.metadata.last.index < $1.metadata.last.index }
    writtenBytesAtSnapshot = finished.writtenBytes
    beginBatch()
    buffer.append(
      RecordHeader(type: .snapshotMarker, index: id.index.rawValue, term: id.term.rawValue),
      body: [])

    while snapshots.count > 2 {
      let old = snapshots.removeFirst()
      waitingRemovals.append(.remove(FileNames.snapshot(old.metadata.last)))
    }
    var keepFrom = min(retainLogFrom, id.index.next)
    let older = snapshots.count > 1 ? snapshots[0].metadata.last.index : .zero
    if older >= resetIndex { keepFrom = min(keepFrom, older.next) }
    while segments.count > 1, segments[1].lastBefore < keepFrom {
      waitingRemovals.append(.remove(segments[0].name))
      segments.removeFirst()
    }
    return []
  }

  /// Gives up the snapshot that is being written, if there is one.
  package mutating func abandonSnapshot() -> [FileEffect] {
    guard let given = pending else { return [] }
    pending = nil
    if !given.isFinished { return [.remove(given.temporaryName)] }
    let isKept = snapshots.contains { $0.metadata.last == given.file.metadata.last }
    return isKept ? [] : [.remove(given.name)]
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
  package static func decodeSection(_ fileBytes: [UInt8]) throws(ByteError) -> [UInt8] {
    try SnapshotFormat.decodeSection(fileBytes).content
  }
}
