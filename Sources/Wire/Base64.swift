/// Base64 with padding (RFC 4648 §4), for the few keys and values that are not UTF-8.
enum Base64 {
  private static let alphabet: StaticString =
    "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/"
  private static let padding = UInt8(ascii: "=")

  static func append(_ content: [UInt8], to out: inout [UInt8]) {
    let digits = UnsafeBufferPointer(start: alphabet.utf8Start, count: alphabet.utf8CodeUnitCount)
    out.append(addingCapacity: (content.count + 2) / 3 * 4) { out in
      var offset = 0
      while offset < content.count {
        let left = content.count - offset
        let first = UInt32(content[offset]) << 16
        let second = left > 1 ? UInt32(content[offset + 1]) << 8 : 0
        let group = first | second | (left > 2 ? UInt32(content[offset + 2]) : 0)
        out.append(digits[Int(group >> 18)])
        out.append(digits[Int(group >> 12 & 63)])
        out.append(left > 1 ? digits[Int(group >> 6 & 63)] : padding)
        out.append(left > 2 ? digits[Int(group & 63)] : padding)
        offset += 3
      }
    }
  }

  /// `nil` unless `text` is exactly what ``append(_:to:)`` makes of something.
  static func decode(_ text: [UInt8]) -> [UInt8]? {
    guard text.count % 4 == 0 else { return nil }
    var out: [UInt8] = []
    out.reserveCapacity(text.count / 4 * 3)
    for start in stride(from: 0, to: text.count, by: 4) {
      let isLast = start + 4 == text.count
      var group: UInt32 = 0
      var pads = 0
      for byte in text[start..<start + 4] {
        if byte == padding {
          guard isLast else { return nil }
          pads += 1
          group <<= 6
        } else {
          guard pads == 0, let digit = value(of: byte) else { return nil }
          group = group << 6 | digit
        }
      }
      guard pads <= 2, group & (pads == 2 ? 0xFFFF : pads == 1 ? 0xFF : 0) == 0 else { return nil }
      out.append(UInt8(truncatingIfNeeded: group >> 16))
      if pads < 2 { out.append(UInt8(truncatingIfNeeded: group >> 8)) }
      if pads < 1 { out.append(UInt8(truncatingIfNeeded: group)) }
    }
    return out
  }

  private static func value(of byte: UInt8) -> UInt32? {
    switch byte {
    case 0x41...0x5A: UInt32(byte - 0x41)
    case 0x61...0x7A: UInt32(byte - 0x61 + 26)
    case 0x30...0x39: UInt32(byte - 0x30 + 52)
    case 0x2B: 62
    case 0x2F: 63
    default: nil
    }
  }
}
