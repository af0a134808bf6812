/// Looks at bytes as UTF-8 (RFC 3629) without making a `String` of them.
enum UTF8Scan {
  /// Where the first byte of `range` stands that cannot go into a JSON string as it is: a quote, a
  /// backslash, a control byte, or one of a sequence beyond ASCII. The end of `range` if there is
  /// none. Eight bytes at a time, because every key and value passes here.
  @inline(__always)
  static func plainEnd(_ bytes: UnsafeRawBufferPointer, from start: Int, to end: Int) -> Int {
    var offset = start
    let ones: UInt64 = 0x0101_0101_0101_0101
    let tops: UInt64 = 0x8080_8080_8080_8080
    while offset &+ 8 <= end {
      let word = UInt64(
        littleEndian: bytes.loadUnaligned(fromByteOffset: offset, as: UInt64.self))
      let quote = word ^ (ones &* 0x22)
      let backslash = word ^ (ones &* 0x5C)
      // The top bit of a byte of `x &- ones & ~x` is set for the lowest zero byte of x. A borrow
      // may set it above that too, but the lowest one is right.
      let special =
        (word &- ones &* 0x20) | ((quote &- ones) & ~quote)
        | ((backslash &- ones) & ~backslash) | word
      let found = special & tops
      if found != 0 { return offset &+ found.trailingZeroBitCount / 8 }
      offset &+= 8
    }
    while offset < end {
      let byte = bytes[offset]
      if byte < 0x20 || byte >= 0x80 || byte == 0x22 || byte == 0x5C { return offset }
      offset &+= 1
    }
    return end
  }

  /// The length of the sequence beyond ASCII at `offset`, or 0 if it is not valid: cut off, longer
  /// than needed, a surrogate or above U+10FFFF.
  static func sequenceLength(_ bytes: UnsafeRawBufferPointer, at offset: Int, end: Int) -> Int {
    let first = bytes[offset]
    let length: Int
    var second: ClosedRange<UInt8> = 0x80...0xBF
    switch first {
    case 0xC2...0xDF: length = 2
    case 0xE0:
      length = 3
      second = 0xA0...0xBF
    case 0xED:
      length = 3
      second = 0x80...0x9F
    case 0xE1...0xEF: length = 3
    case 0xF0:
      length = 4
      second = 0x90...0xBF
    case 0xF1...0xF3: length = 4
    case 0xF4:
      length = 4
      second = 0x80...0x8F
    default: return 0
    }
    guard length <= end - offset, second.contains(bytes[offset + 1]) else { return 0 }
    for next in 2..<max(2, length) where bytes[offset + next] & 0xC0 != 0x80 { return 0 }
    return length
  }

  static func isValid(_ bytes: UnsafeRawBufferPointer) -> Bool {
    var offset = 0
    while offset < bytes.count {
      if bytes[offset] < 0x80 {
        offset += 1
        continue
      }
      let length = sequenceLength(bytes, at: offset, end: bytes.count)
      if length == 0 { return false }
      offset += length
    }
    return true
  }
}
