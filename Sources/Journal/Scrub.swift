import Basics
import Raft

/// A file whose bytes are not as they were written, although they were synced.
package struct FileDamage: Hashable, Sendable {
  package var file: String
  package var offset: UInt64
  package var reason: String
}

/// Reads back what a journal has on its disk and checks every byte of it, so that damage is found
/// while memory still has what was damaged.
///
/// A value that asks for one piece after the other. Files may be removed or become others
/// meanwhile; who gets a finding asks the journal whether it still has the file.
package struct Scrub: Sendable {
  private enum File: Sendable {
    /// A segment and its bytes up to the end of the last durable batch.
    case segment(name: String, used: Int)
    case snapshot(SnapshotFile)
  }

  /// Bytes of a piece of a segment; snapshots are read section by section.
  private static let pieceBytes = 256 << 10

  private var files: [File]
  /// What was read of the first of `files`: all of a segment, nothing of a snapshot.
  private var bytes: [UInt8] = []
  /// The next section of a snapshot: the header is -1.
  private var section = -1
  private var sectionsChecksum: UInt32 = 0

  /// - Parameter segments: their names and the bytes that are durable, with their headers.
  fileprivate init(segments: [(name: String, used: Int)], snapshots: [SnapshotFile]) {
    files = snapshots.map { .snapshot($0) }
    files += segments.map { .segment(name: $0.name, used: $0.used) }
  }

  /// What is to be read next; `nil`: all was.
  package var next: FileRead? {
    switch files.first {
    case nil: nil
    case .segment(let name, let used)?:
      FileRead(
        name: name, offset: UInt64(bytes.count), count: min(used - bytes.count, Self.pieceBytes))
    case .snapshot(let file)?:
      FileRead(
        name: FileNames.snapshot(file.metadata.last), offset: range(of: file).lowerBound,
        count: Int(range(of: file).upperBound - range(of: file).lowerBound))
    }
  }

  private func range(of file: SnapshotFile) -> Range<UInt64> {
    if section < 0 { return 0..<(file.sections.first?.lowerBound ?? footer(of: file)) }
    if section < file.sections.count { return file.sections[section] }
    return footer(of: file)..<file.size
  }

  private func footer(of file: SnapshotFile) -> UInt64 {
    file.size - UInt64(SnapshotFormat.footerBytes)
  }

  /// Takes the bytes of ``next``, `nil` if the file is not there any more; what is wrong with them.
  package mutating func take(_ piece: [UInt8]?) -> FileDamage? {
    guard let read = next, let file = files.first else { return nil }
    guard let piece else {
      nextFile()
      return nil
    }
    let damage = find(in: piece, of: file, at: read)
    if damage != nil || isDone(file) { nextFile() }
    return damage
  }

  /// Whether all of the first file was read.
  private func isDone(_ file: File) -> Bool {
    switch file {
    case .segment(_, let used): bytes.count >= used
    case .snapshot(let snapshot): section > snapshot.sections.count
    }
  }

  private mutating func nextFile() {
    files.removeFirst()
    bytes = []
    section = -1
    sectionsChecksum = 0
  }

  private mutating func find(
    in piece: [UInt8], of file: File, at read: FileRead
  ) -> FileDamage? {
    guard piece.count == read.count else {
      return FileDamage(
        file: read.name, offset: read.offset + UInt64(piece.count), reason: "the file ends there")
    }
    switch file {
    case .segment(_, let used):
      bytes += piece
      guard bytes.count >= used else { return nil }
      return Self.check(segment: bytes).map {
        FileDamage(file: read.name, offset: $0.offset, reason: $0.reason)
      }
    case .snapshot(let snapshot):
      return check(piece, of: snapshot).map {
        FileDamage(file: read.name, offset: read.offset, reason: $0)
      }
    }
  }

  private static func check(segment bytes: [UInt8]) -> (offset: UInt64, reason: String)? {
    let start = Array(bytes.prefix(SegmentHeader.size))
    guard let (header, salt) = try? SegmentHeader.decode(start) else {
      return (0, "the header is damaged")
    }
    return bytes.withUnsafeBytes { all in
      var log = RecoveredLog(header)
      log.keepsPayloads = false
      let end = SegmentScan(bytes: all, salt: salt).walk(&log)
      if let bad = end.bad { return (UInt64(bad.offset), bad.reason) }
      return end.offset == all.count ? nil : (UInt64(end.offset), "no valid record")
    }
  }

  private mutating func check(_ piece: [UInt8], of file: SnapshotFile) -> String? {
    let number = section
    section += 1
    if number < 0 {
      guard let header = try? SnapshotFormat.decodeHeader(piece), header.metadata == file.metadata
      else { return "the header is damaged" }
      return nil
    }
    guard number < file.sections.count else {
      let footer = SnapshotFormat.footer(
        sectionCount: file.sections.count, size: file.size, sectionsChecksum: sectionsChecksum)
      return piece == footer ? nil : "the footer does not match"
    }
    do {
      let found = try SnapshotFormat.checkSection(piece)
      guard found.number == number else { return "a section is out of order" }
      sectionsChecksum = SnapshotFormat.combine(sectionsChecksum, found.checksum)
      return nil
    } catch {
      return "a section \(error)"
    }
  }
}

extension Journal {
  /// Reads back all that is durable; `nil`: not now, because a segment is about to be sealed. Only
  /// while no sync is under way.
  package func scrub() -> Scrub? {
    guard rotation.isEmpty else { return nil }
    return Scrub(segments: segments.map { ($0.name, $0.used) }, snapshots: snapshots)
  }

  /// Whether recovery would look into a file of that name.
  package func needs(file name: String) -> Bool {
    segments.contains { $0.name == name }
      || snapshots.contains { FileNames.snapshot($0.metadata.last) == name }
  }

  /// Whether it is the snapshot that a newer one is there for.
  package func isOlderSnapshot(file name: String) -> Bool {
    snapshots.dropLast().contains { FileNames.snapshot($0.metadata.last) == name }
  }

  /// Goes on in a new segment with the next batch, so that the present one can go.
  package mutating func leaveSegment() { leavesSegment = true }
}
