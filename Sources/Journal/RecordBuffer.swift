import Basics
import Checksums

/// The batch under construction: records one after the other, as they will stand in the segment.
///
/// The storage stays allocated from batch to batch and is only ever written by offset, because this
/// is what every entry of every client goes through.
struct RecordBuffer: Sendable {
  /// Above it the storage is given back after a batch.
  private static let retainedBytes = 1 << 20

  private var storage: [UInt8] = []
  private(set) var count = 0
  /// Continues in the checksum of every header, so that no record is valid in another segment.
  private(set) var salt: UInt32
  /// Checksum of the last header.
  private(set) var chain: UInt32

  init(salt: UInt32, chain: UInt32) {
    self.salt = salt
    self.chain = chain
  }

  var isEmpty: Bool { count == 0 }

  mutating func append(_ header: RecordHeader, body: [UInt8]) {
    guard let length = UInt32(exactly: body.count) else {
      fatalError("a record of \(body.count) bytes cannot be written")
    }
    let size = RecordHeader.recordBytes(bodyCount: body.count)
    reserve(size)
    var header = header
    header.length = length
    header.chain = chain
    let start = count
    let salt = salt
    storage.withUnsafeMutableBytes { all in
      let record = UnsafeMutableRawBufferPointer(rebasing: all[start..<start + size])
      if !body.isEmpty {
        record.storeBytes(of: 0, toByteOffset: size - 8, as: UInt64.self)
        body.withUnsafeBytes { bytes in
          UnsafeMutableRawBufferPointer(rebasing: record[RecordHeader.size...]).copyMemory(
            from: bytes)
          header.bodyChecksum = CRC32C.checksum(bytes, continuing: salt)
        }
      } else {
        header.bodyChecksum = salt
      }
      header.write(to: record, salt: salt)
    }
    chain = header.checksum
    count += size
  }

  /// Ends the batch, which will stand at `offset` of the segment, and gives its bytes.
  mutating func commit(watermark: UInt64, at offset: Int) -> [UInt8] {
    let batchCount = count
    var body = ByteWriter(reserving: CommitFrame.bodyBytes)
    // The commit record's own sectors are never zero, so those before it are all that count.
    let counted = max(0, (offset + batchCount) / Sector.size * Sector.size - offset)
    let zeroSectors = storage.withUnsafeBytes { all in
      Sector.zeroCount(UnsafeRawBufferPointer(rebasing: all[..<counted]), at: offset)
    }
    body.u32(CRC32C.checksum(storage, in: 0..<batchCount, continuing: salt))
    body.u32(UInt32(clamping: zeroSectors))
    body.u64(CommitFrame.end)
    append(
      RecordHeader(type: .commit, index: watermark, term: UInt64(batchCount)), body: body.bytes)
    let batch = Array(storage[..<count])
    count = 0
    if storage.count > Self.retainedBytes { storage = [] }
    return batch
  }

  /// Goes on in another segment.
  mutating func begin(salt: UInt32) {
    invariant(isEmpty, "a segment begins inside a batch")
    self.salt = salt
    chain = salt
  }

  private mutating func reserve(_ size: Int) {
    guard count + size > storage.count else { return }
    let grown = max(4_096, storage.count * 2, count + size)
    storage.append(contentsOf: [UInt8](repeating: 0, count: grown - storage.count))
  }
}
