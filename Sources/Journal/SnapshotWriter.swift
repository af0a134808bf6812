import Basics
import Raft

/// Writes the file of one snapshot, own or received: a value of its own, so that it can be used
/// beside the journal that it comes from. Until its last effect is done the folder has nothing but
/// a temporary file, which recovery removes.
package struct SnapshotWriter: Hashable, Sendable {
  private var file: SnapshotFile
  private let name: String
  private let temporaryName: String
  private let header: [UInt8]
  private var sectionsChecksum: UInt32 = 0
  /// ``Journal/bytesSinceSnapshot`` counts from here once the snapshot is durable.
  private let writtenBytes: UInt64
  /// A planted bug leaves the syncs out.
  private let isSynced: Bool

  init(
    _ metadata: SnapshotMetadata, owner: SegmentHeader.Owner, writtenBytes: UInt64, isSynced: Bool
  ) {
    name = FileNames.snapshot(metadata.last)
    temporaryName = name + FileNames.temporarySuffix
    header = SnapshotFormat.header(metadata, owner: owner)
    file = SnapshotFile(metadata: metadata, sections: [], size: UInt64(header.count))
    self.writtenBytes = writtenBytes
    self.isSynced = isSynced
  }

  package var metadata: SnapshotMetadata { file.metadata }

  /// Makes the temporary file. Nothing is to be removed if this fails.
  package func create() -> FileEffect { .create(temporaryName) }

  /// The first bytes of the file.
  package func begin() -> [FileEffect] { [.write(temporaryName, offset: 0, bytes: header)] }

  /// Adds the next section, with a sync of its own: so no sync is long, and none of the journal's
  /// has to wait for what piled up here.
  package mutating func add(_ content: [UInt8]) -> [FileEffect] {
    let header = SnapshotFormat.sectionHeader(file.sections.count, content)
    let start = file.size
    let contentStart = start + UInt64(header.bytes.count)
    file.size = contentStart + UInt64(content.count)
    file.sections.append(start..<file.size)
    sectionsChecksum = SnapshotFormat.combine(sectionsChecksum, header.checksum)
    return [
      .write(temporaryName, offset: start, bytes: header.bytes),
      .write(temporaryName, offset: contentStart, bytes: content),
    ] + sync
  }

  /// Ends the file. When all is done the snapshot is durable under its name, and
  /// ``Journal/snapshotIsDurable(_:retainLogFrom:)`` is due.
  package mutating func finish() -> [FileEffect] {
    let start = file.size
    file.size += UInt64(SnapshotFormat.footerBytes)
    let footer = SnapshotFormat.footer(
      sectionCount: file.sections.count, size: file.size, sectionsChecksum: sectionsChecksum)
    return [.write(temporaryName, offset: start, bytes: footer)] + sync
      + [.rename(temporaryName, to: name), .syncFolder]
  }

  /// Removes the temporary file.
  package func abandon() -> FileEffect { .remove(temporaryName) }

  /// What was written, once ``finish()`` is done.
  package var written: WrittenSnapshot { WrittenSnapshot(file: file, writtenBytes: writtenBytes) }

  private var sync: [FileEffect] { isSynced ? [.sync(temporaryName)] : [] }
}

/// A snapshot that is durable under its name, and that its journal does not know of yet.
package struct WrittenSnapshot: Hashable, Sendable {
  let file: SnapshotFile
  /// ``Journal/writtenBytes`` as far as it holds what was written.
  let writtenBytes: UInt64

  package var metadata: SnapshotMetadata { file.metadata }
  /// Of its file.
  package var name: String { FileNames.snapshot(file.metadata.last) }
}
