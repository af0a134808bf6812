import Basics
import Raft

/// The snapshots of a folder, all of whose bytes were checked.
struct SnapshotRecovery {
  struct Damage {
    var name: String
    var id: EntryID
    var offset: UInt64
    var reason: String
  }

  /// Whole ones, newest first.
  var valid: [SnapshotFile] = []
  /// Those that cannot be used, newest first.
  var damaged: [Damage] = []
  /// Whole ones that are given up.
  var discarded: [String] = []

  init(_ folder: FolderFiles, owner: SegmentHeader.Owner) throws(RecoveryError) {
    for file in folder.files.reversed() {
      guard let id = FileNames.snapshotID(file.name) else { continue }
      let start = try folder.readEnvelope(file, .snapshot)
      let header: (owner: SegmentHeader.Owner, metadata: SnapshotMetadata)
      do {
        header = try SnapshotFormat.decodeHeader(start)
      } catch {
        guard case .damaged(let reason) = error else { throw RecoveryError(error, file.name) }
        damaged.append(Damage(name: file.name, id: id, offset: 0, reason: reason))
        continue
      }
      guard header.owner == owner else { throw .foreign(file: file.name) }
      var found = SnapshotFile(metadata: header.metadata, sections: [], size: UInt64(start.count))
      let reason =
        header.metadata.last == id
        ? try Self.readSections(folder, file, &found) : "the header names another entry"
      if let reason {
        damaged.append(Damage(name: file.name, id: id, offset: found.size, reason: reason))
      } else {
        valid.append(found)
      }
    }
  }

  /// Gives up all of them.
  mutating func discard() {
    discarded += valid.map { FileNames.snapshot($0.metadata.last) }
    valid = []
  }

  /// Reads everything after the header; what is wrong at `found.size`, or `nil`.
  private static func readSections(
    _ folder: FolderFiles, _ file: FolderReader.File, _ found: inout SnapshotFile
  ) throws(RecoveryError) -> String? {
    var checksum: UInt32 = 0
    while true {
      let offset = found.size
      guard offset < file.size else { return "the footer is missing" }
      let start = try folder.read(file.name, at: offset, count: SnapshotFormat.sectionHeaderBytes)
      var reader = ByteReader(start)
      guard let magic = try? reader.u32("magic") else { return "a section is cut short" }
      if magic == SnapshotFormat.footerMagic {
        let size = offset + UInt64(SnapshotFormat.footerBytes)
        let footer = SnapshotFormat.footer(
          sectionCount: found.sections.count, size: size, sectionsChecksum: checksum)
        guard size == file.size,
          try folder.read(file.name, at: offset, count: footer.count) == footer
        else { return "the footer does not match" }
        found.size = size
        return nil
      }
      guard (try? reader.u32("number")) != nil, let length = try? reader.u32("length") else {
        return "a section is cut short"
      }
      let count = UInt64(SnapshotFormat.sectionHeaderBytes) + UInt64(length)
      guard count <= file.size - offset else { return "a section is longer than the file" }
      let bytes = try folder.read(file.name, at: offset, count: Int(count))
      do {
        let section = try SnapshotFormat.decodeSection(bytes)
        guard section.number == found.sections.count else { return "a section is out of order" }
        checksum = SnapshotFormat.combine(checksum, section.checksum)
      } catch {
        return "a section \(error)"
      }
      found.sections.append(offset..<offset + count)
      found.size = offset + count
    }
  }
}
