import Basics
import Checksums
import Raft

/// A snapshot that is whole and durable.
package struct StoredSnapshot: Hashable, Sendable {
  package var metadata: SnapshotMetadata
  package var sectionCount: Int

  package init(metadata: SnapshotMetadata, sectionCount: Int) {
    self.metadata = metadata
    self.sectionCount = sectionCount
  }
}

/// Where the sections of a snapshot stand in its file.
struct SnapshotFile: Hashable, Sendable {
  var metadata: SnapshotMetadata
  /// With the section headers.
  var sections: [Range<UInt64>]
  var size: UInt64

  var stored: StoredSnapshot {
    StoredSnapshot(metadata: metadata, sectionCount: sections.count)
  }
}

/// The bytes of a snapshot's file: an ``Envelope`` with the metadata, sections, a footer.
enum SnapshotFormat {
  static let sectionHeaderBytes = 16
  /// More than any section has, which must fit into a frame between nodes.
  static let sectionBytesMax = 16 << 20
  static let sectionMagic: UInt32 = 0x43_53_4B_53
  static let footerBytes = 24
  static let footerMagic: UInt32 = 0x46_53_4B_53

  static func header(_ metadata: SnapshotMetadata, owner: SegmentHeader.Owner) -> [UInt8] {
    var writer = ByteWriter()
    owner.write(to: &writer)
    writer.u64(metadata.last.index.rawValue)
    writer.u64(metadata.last.term.rawValue)
    writer.u64(metadata.stamp)
    writer.u64(metadata.membershipIndex.rawValue)
    writer.blob(metadata.membership.encoded())
    return Envelope.encode(.snapshot, writer.bytes)
  }

  static func decodeHeader(
    _ bytes: [UInt8]
  ) throws(Envelope.Problem) -> (owner: SegmentHeader.Owner, metadata: SnapshotMetadata) {
    let (body, _) = try Envelope.decode(bytes, .snapshot)
    do {
      return try decodeBody(body)
    } catch {
      throw .damaged("\(error)")
    }
  }

  private static func decodeBody(
    _ body: [UInt8]
  ) throws(ByteError) -> (owner: SegmentHeader.Owner, metadata: SnapshotMetadata) {
    var reader = ByteReader(body)
    let owner = try SegmentHeader.Owner(from: &reader)
    let last = EntryID(
      index: LogIndex(try reader.u64("index")), term: Term(try reader.u64("term")))
    let stamp = try reader.u64("stamp")
    let membershipIndex = LogIndex(try reader.u64("membership index"))
    let membership = try Membership(encoded: reader.blob("membership"))
    try reader.finish("snapshot header")
    return (
      owner,
      SnapshotMetadata(
        last: last, stamp: stamp, membership: membership, membershipIndex: membershipIndex)
    )
  }

  /// What stands before the content of a section: magic, number, length, checksum of these three
  /// and the content.
  static func sectionHeader(
    _ number: Int, _ content: [UInt8]
  ) -> (bytes: [UInt8], checksum: UInt32) {
    var writer = ByteWriter(reserving: sectionHeaderBytes)
    writer.u32(sectionMagic)
    writer.u32(UInt32(number))
    writer.u32(UInt32(content.count))
    let start = CRC32C.checksum(writer.bytes)
    let checksum = CRC32C.checksum(content, continuing: start)
    writer.u32(checksum)
    return (writer.bytes, checksum)
  }

  /// The number and the checksum of a whole section.
  static func checkSection(
    _ bytes: [UInt8]
  ) throws(ByteError) -> (number: Int, checksum: UInt32) {
    var reader = ByteReader(bytes)
    guard try reader.u32("section magic") == sectionMagic else {
      throw .malformed(field: "section magic", offset: 0)
    }
    let number = Int(try reader.u32("section number"))
    let count = Int(try reader.u32("section length"))
    let stored = try reader.u32("section checksum")
    try reader.skip(count, "section")
    try reader.finish("section")
    let start = CRC32C.checksum(bytes, in: 0..<12)
    let content = sectionHeaderBytes..<bytes.count
    guard CRC32C.checksum(bytes, in: content, continuing: start) == stored else {
      throw .malformed(field: "section checksum", offset: 12)
    }
    return (number, stored)
  }

  /// The content of a section, in the memory of what was read.
  static func decodeSection(_ bytes: consuming [UInt8]) throws(ByteError) -> [UInt8] {
    _ = try checkSection(bytes)
    bytes.removeFirst(sectionHeaderBytes)
    return bytes
  }

  /// Magic, number of sections, length of the file, checksum of all sections' checksums, checksum
  /// of this footer.
  static func footer(sectionCount: Int, size: UInt64, sectionsChecksum: UInt32) -> [UInt8] {
    var writer = ByteWriter(reserving: footerBytes)
    writer.u32(footerMagic)
    writer.u32(UInt32(sectionCount))
    writer.u64(size)
    writer.u32(sectionsChecksum)
    writer.u32(CRC32C.checksum(writer.bytes))
    return writer.bytes
  }

  /// The checksum of all sections so far with one more.
  static func combine(_ sections: UInt32, _ section: UInt32) -> UInt32 {
    var writer = ByteWriter(reserving: 4)
    writer.u32(section)
    return CRC32C.checksum(writer.bytes, continuing: sections)
  }
}
