import Checksums
import Raft

/// What a record of a segment says.
enum RecordType: UInt8 {
  /// `term` and `vote`; no body.
  case hardState = 1
  /// One entry; the body is its payload. An index not after the last cuts the log there first.
  case entry = 2
  /// A received snapshot that ends at `index` and `term` replaced the whole log.
  case logReset = 3
  /// The snapshot that ends at `index` and `term` is durable.
  case snapshotMarker = 4
  /// The segment is full; the segment `index` follows.
  case seal = 5
  /// Ends a batch: what was written by one write and made durable by one sync.
  case commit = 6
  /// The log ends here. It follows each batch without being part of it, and the next batch
  /// overwrites it: where it is missing, something was written.
  case end = 7
  /// How often the log was in doubt, and whether it still is (see ``Trust``).
  case trust = 8
}

/// The 48 bytes before a record's body; see docs/STORAGE.md for the layout.
struct RecordHeader: Hashable {
  static let size = 48
  static let magic: UInt32 = 0x52_56_4B_53

  var type: RecordType
  /// An entry's kind; 1 in a hard state that has a vote.
  var kind: UInt8 = 0
  var length: UInt32 = 0
  /// Checksum of the header before; the segment header's for the first.
  var chain: UInt32 = 0
  var index: UInt64 = 0
  var term: UInt64 = 0
  /// An entry's stamp, or a hard state's vote.
  var stamp: UInt64 = 0
  var bodyChecksum: UInt32 = 0
  var checksum: UInt32 = 0

  init(type: RecordType, kind: UInt8 = 0, index: UInt64 = 0, term: UInt64 = 0, stamp: UInt64 = 0) {
    self.type = type
    self.kind = kind
    self.index = index
    self.term = term
    self.stamp = stamp
  }

  /// The header at `offset`; `nil` if there is none that a writer of this segment made.
  init?(_ bytes: UnsafeRawBufferPointer, at offset: Int, salt: UInt32) {
    guard offset >= 0, offset <= bytes.count - Self.size else { return nil }
    let header = UnsafeRawBufferPointer(rebasing: bytes[offset..<offset + Self.size])
    guard Self.u32(header, 0) == Self.magic,
      let type = RecordType(rawValue: header[4]), header[6] == 0, header[7] == 0
    else { return nil }
    checksum = Self.u32(header, 44)
    let covered = UnsafeRawBufferPointer(rebasing: header[..<44])
    guard CRC32C.checksum(covered, continuing: salt) == checksum else { return nil }
    self.type = type
    kind = header[5]
    length = Self.u32(header, 8)
    chain = Self.u32(header, 12)
    index = Self.u64(header, 16)
    term = Self.u64(header, 24)
    guard max(index, term) <= FileNames.numberMax else { return nil }
    stamp = Self.u64(header, 32)
    bodyChecksum = Self.u32(header, 40)
  }

  /// Writes the header over the first bytes of `target` and sets its checksum.
  mutating func write(to target: UnsafeMutableRawBufferPointer, salt: UInt32) {
    target.storeBytes(of: Self.magic.littleEndian, toByteOffset: 0, as: UInt32.self)
    target.storeBytes(of: type.rawValue, toByteOffset: 4, as: UInt8.self)
    target.storeBytes(of: kind, toByteOffset: 5, as: UInt8.self)
    target.storeBytes(of: 0, toByteOffset: 6, as: UInt16.self)
    target.storeBytes(of: length.littleEndian, toByteOffset: 8, as: UInt32.self)
    target.storeBytes(of: chain.littleEndian, toByteOffset: 12, as: UInt32.self)
    target.storeBytes(of: index.littleEndian, toByteOffset: 16, as: UInt64.self)
    target.storeBytes(of: term.littleEndian, toByteOffset: 24, as: UInt64.self)
    target.storeBytes(of: stamp.littleEndian, toByteOffset: 32, as: UInt64.self)
    target.storeBytes(of: bodyChecksum.littleEndian, toByteOffset: 40, as: UInt32.self)
    let covered = UnsafeRawBufferPointer(rebasing: UnsafeRawBufferPointer(target)[..<44])
    checksum = CRC32C.checksum(covered, continuing: salt)
    target.storeBytes(of: checksum.littleEndian, toByteOffset: 44, as: UInt32.self)
  }

  /// Bytes of the whole record: header, body, padding to a multiple of 8.
  static func recordBytes(bodyCount: Int) -> Int { size + (bodyCount + 7) & ~7 }

  static func u32(_ bytes: UnsafeRawBufferPointer, _ offset: Int) -> UInt32 {
    UInt32(littleEndian: bytes.loadUnaligned(fromByteOffset: offset, as: UInt32.self))
  }

  static func u64(_ bytes: UnsafeRawBufferPointer, _ offset: Int) -> UInt64 {
    UInt64(littleEndian: bytes.loadUnaligned(fromByteOffset: offset, as: UInt64.self))
  }
}

/// The body of a commit record: checksum of the batch, and the number of its records.
enum CommitFrame {
  static let bodyBytes = 8
  static let size = RecordHeader.size + bodyBytes
}

extension UnsafeRawBufferPointer {
  /// The part at `range`, counted from 0; it traps outside the buffer.
  subscript(rebasing range: Range<Int>) -> UnsafeRawBufferPointer {
    UnsafeRawBufferPointer(rebasing: self[range])
  }
}
