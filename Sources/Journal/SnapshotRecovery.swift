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
      let scan = try SnapshotScan(folder, file)
      if let problem = scan.problem {
        damaged.append(
          Damage(name: file.name, id: id, offset: problem.offset, reason: problem.reason))
        if scan.found == nil { continue }
      }
      guard scan.owner == owner else { throw .foreign(file: file.name) }
      if let found = scan.found, scan.problem == nil { valid.append(found) }
    }
  }

  /// Gives up all of them.
  mutating func discard() {
    discarded += valid.map { FileNames.snapshot($0.metadata.last) }
    valid = []
  }
}

/// One file of a snapshot, read from its first byte to its last.
struct SnapshotScan {
  /// What its header says; `nil` if that is damaged.
  private(set) var owner: SegmentHeader.Owner?
  /// With the sections before the first that is damaged.
  private(set) var found: SnapshotFile?
  /// The first bytes that are not as they were written.
  private(set) var problem: (offset: UInt64, reason: String)?

  /// Throws if the file cannot be read, or is of another version.
  init(_ folder: FolderFiles, _ file: FolderReader.File) throws(RecoveryError) {
    let start = try folder.readEnvelope(file, .snapshot)
    let header: (owner: SegmentHeader.Owner, metadata: SnapshotMetadata)
    do {
      header = try SnapshotFormat.decodeHeader(start)
    } catch {
      guard case .damaged(let reason) = error else { throw RecoveryError(error, file.name) }
      problem = (0, reason)
      return
    }
    owner = header.owner
    var found = SnapshotFile(metadata: header.metadata, sections: [], size: UInt64(start.count))
    let reason: String?
    if let id = FileNames.snapshotID(file.name), header.metadata.last != id {
      reason = "the header names another entry"
    } else {
      reason = try Self.readSections(folder, file, &found)
    }
    problem = reason.map { (found.size, $0) }
    self.found = found
  }

  /// Reads everything after the header; what is wrong at `found.size`, or `nil`.
  private static func readSections(
    _ folder: FolderFiles, _ file: FolderReader.File, _ found: inout SnapshotFile
  ) throws(RecoveryError) -> String? {
    var checksum: UInt32 = 0
    var bytes: [UInt8] = []
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
      guard count <= SnapshotFormat.sectionBytesMax else { return "no section is so long" }
      try folder.read(file.name, at: offset, count: Int(count), into: &bytes)
      do {
        let section = try SnapshotFormat.checkSection(bytes)
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
