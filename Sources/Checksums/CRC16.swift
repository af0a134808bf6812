/// CRC-16/XMODEM, by which Redis Cluster maps keys to slots (Redis Cluster specification,
/// appendix A); 0x31C3 for "123456789".
package enum CRC16 {
  /// The checksum of a part of `bytes`; the range is clamped to what is there.
  package static func xmodem(_ bytes: [UInt8], in range: Range<Int>) -> UInt16 {
    var state: UInt16 = 0
    for index in range.clamped(to: 0..<bytes.count) {
      state = (state << 8) ^ table[Int((state >> 8) ^ UInt16(bytes[index]))]
    }
    return state
  }

  package static func xmodem(_ bytes: [UInt8]) -> UInt16 { xmodem(bytes, in: 0..<bytes.count) }

  /// The polynomial 0x1021, one entry for each byte.
  private static let table: [UInt16] = (0..<256).map { index in
    (0..<8).reduce(UInt16(index) << 8) { state, _ in
      state & 0x8000 == 0 ? state << 1 : (state << 1) ^ 0x1021
    }
  }
}
