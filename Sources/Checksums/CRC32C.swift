import CChecksums

/// CRC-32C (Castagnoli), as iSCSI (RFC 3720 §12.1) and ext4 use it; 0xE3069283 for "123456789".
package enum CRC32C {
  /// The checksum of `bytes`, or of what came before and `bytes` if `previous` is its checksum.
  package static func checksum(_ bytes: [UInt8], continuing previous: UInt32 = 0) -> UInt32 {
    bytes.withUnsafeBytes { checksum($0, continuing: previous) }
  }

  /// The checksum of a part of `bytes`; the range is clamped to what is there.
  package static func checksum(
    _ bytes: [UInt8], in range: Range<Int>, continuing previous: UInt32 = 0
  ) -> UInt32 {
    let part = range.clamped(to: 0..<bytes.count)
    return bytes.withUnsafeBytes {
      checksum(UnsafeRawBufferPointer(rebasing: $0[part]), continuing: previous)
    }
  }

  package static func checksum(
    _ bytes: UnsafeRawBufferPointer, continuing previous: UInt32 = 0
  ) -> UInt32 {
    guard let start = bytes.bindMemory(to: UInt8.self).baseAddress else { return previous }
    if isFast { return ~shardkv_crc32c(~previous, start, bytes.count) }
    return portableChecksum(bytes, continuing: previous)
  }

  /// The same by table, one byte at a time, for processors without the instruction.
  package static func portableChecksum(
    _ bytes: UnsafeRawBufferPointer, continuing previous: UInt32
  ) -> UInt32 {
    var state = ~previous
    for byte in bytes { state = table[Int(UInt8(truncatingIfNeeded: state) ^ byte)] ^ (state >> 8) }
    return ~state
  }

  private static let isFast = shardkv_crc32c_is_fast() != 0

  /// The reflected polynomial 0x82F63B78, one entry for each byte.
  private static let table: [UInt32] = (0..<256).map { index in
    (0..<8).reduce(UInt32(index)) { state, _ in
      state & 1 == 1 ? (state >> 1) ^ 0x82F6_3B78 : state >> 1
    }
  }
}
