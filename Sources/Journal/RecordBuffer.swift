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
  private var records = 0
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
    records += 1
  }

  /// Ends the batch and gives its bytes, the end mark behind it included.
  ///
  /// - Parameter watermark: the last index of the log before the batch, durable by then.
  mutating func commit(watermark: UInt64) -> [UInt8] {
    let batchCount = count
    var body = ByteWriter(reserving: CommitFrame.bodyBytes)
    body.u32(CRC32C.checksum(storage, in: 0..<batchCount, continuing: salt))
    body.u32(UInt32(clamping: records))
    append(
      RecordHeader(type: .commit, index: watermark, term: UInt64(batchCount)), body: body.bytes)
    let end = count
    let last = chain
    append(RecordHeader(type: .end, term: UInt64(end)), body: [])
    let batch = Array(storage[..<count])
    chain = last
    count = 0
    records = 0
    if storage.count > Self.retainedBytes { storage = [] }
    return batch
  }

  /// What stands behind the header of a segment without batches.
  static func endMark(salt: UInt32) -> [UInt8] {
    var buffer = RecordBuffer(salt: salt, chain: salt)
    buffer.append(RecordHeader(type: .end), body: [])
    return Array(buffer.storage[..<buffer.count])
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
