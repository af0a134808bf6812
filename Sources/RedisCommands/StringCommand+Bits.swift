import RESP

extension StringCommand {
  /// Bit 0 is the highest of the first byte; there are zeros behind the value.
  static func bit(_ offset: Int64, _ current: StoredString?) -> Int64 {
    guard let bytes = current?.bytes, offset >> 3 < bytes.count else { return 0 }
    return Int64(bytes[Int(offset >> 3)] >> (7 - UInt8(offset & 7)) & 1)
  }

  /// Lengthens the value to the bit with zeros, whatever the bit is.
  static func setBit(_ offset: Int64, _ isOn: Bool, _ current: StoredString?) -> KeyOutcome {
    let old = bit(offset, current)
    var value = current ?? StoredString([])
    let index = Int(offset >> 3)
    if value.bytes.count <= index {
      value.bytes += repeatElement(0, count: index + 1 - value.bytes.count)
    }
    let mask: UInt8 = 0x80 >> UInt8(offset & 7)
    value.bytes[index] = isOn ? value.bytes[index] | mask : value.bytes[index] & ~mask
    return KeyOutcome(.integer(old), value == current ? .none : .put(value))
  }

  static func bitCount(_ range: BitRange, _ current: StoredString?) throws(CommandError) -> Int64 {
    guard let bytes = current?.bytes else { return 0 }
    switch range {
    case .refused(let error): throw error
    case .empty: return 0
    case .whole: return count(bytes[...])
    case .part(let start, let end, let isBits):
      let total = Int64(bytes.count) * (isBits ? 8 : 1)
      let first = max(0, start < 0 ? start + total : start)
      let last = min(max(0, end < 0 ? end + total : end), total - 1)
      guard first <= last else { return 0 }
      guard isBits else { return count(bytes[Int(first)...Int(last)]) }
      let firstByte = Int(first >> 3)
      let lastByte = Int(last >> 3)
      // What stands before and behind the part in its first and last byte does not count.
      let before = bytes[firstByte] & ~(0xFF >> UInt8(first & 7))
      let behind = bytes[lastByte] & (0x7F >> UInt8(last & 7))
      return count(bytes[firstByte...lastByte]) - Int64(before.nonzeroBitCount)
        - Int64(behind.nonzeroBitCount)
    }
  }

  private static func count(_ bytes: ArraySlice<UInt8>) -> Int64 {
    bytes.reduce(0) { $0 + Int64($1.nonzeroBitCount) }
  }
}
