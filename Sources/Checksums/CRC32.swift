/// CRC-32/ISO-HDLC, as zlib, PNG (ISO 15948 annex D) and nginx use it; 0xCBF43926 for "123456789".
package enum CRC32 {
  /// The checksum of `bytes`, or of what came before and `bytes` if `previous` is its checksum.
  package static func checksum(_ bytes: [UInt8], continuing previous: UInt32 = 0) -> UInt32 {
    bytes.withUnsafeBytes { checksum($0, continuing: previous) }
  }

  /// Eight bytes at a time (Kounavis and Berry 2008), the rest one by one.
  package static func checksum(
    _ bytes: UnsafeRawBufferPointer, continuing previous: UInt32 = 0
  ) -> UInt32 {
    var state = ~previous
    tables.withUnsafeBufferPointer { tables in
      var offset = 0
      while bytes.count - offset >= 8 {
        let word = UInt64(
          littleEndian: bytes.loadUnaligned(fromByteOffset: offset, as: UInt64.self))
        var rest = word ^ UInt64(state)
        state = 0
        for slice in stride(from: 7 * 256, through: 0, by: -256) {
          state ^= tables[slice + Int(rest & 0xFF)]
          rest >>= 8
        }
        offset += 8
      }
      for byte in bytes[offset...] {
        state = tables[Int(UInt8(truncatingIfNeeded: state) ^ byte)] ^ (state >> 8)
      }
    }
    return ~state
  }

  /// The same of the four bytes of a number, the lowest first.
  package static func checksum(little number: UInt32, continuing previous: UInt32) -> UInt32 {
    var state = ~previous ^ number
    tables.withUnsafeBufferPointer { tables in
      for _ in 0..<4 {
        state = tables[Int(UInt8(truncatingIfNeeded: state))] ^ (state >> 8)
      }
    }
    return ~state
  }

  /// The reflected polynomial 0xEDB88320: 256 entries for a byte, then for one that is followed by
  /// one zero, and so on up to seven.
  private static let tables: [UInt32] = {
    var result: [UInt32] = (0..<256).map { index in
      (0..<8).reduce(UInt32(index)) { state, _ in
        state & 1 == 1 ? (state >> 1) ^ 0xEDB8_8320 : state >> 1
      }
    }
    for index in 256..<8 * 256 {
      let state = result[index - 256]
      result.append(result[Int(state & 0xFF)] ^ (state >> 8))
    }
    return result
  }()
}
