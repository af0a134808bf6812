import Basics

/// The bytes of one frame while it is read; never outlives the call that reads it.
///
/// A plain pointer, because a reader per byte over an array that each of its parts retains costs
/// more than the reading. All ranges come from the scanner, which does not go beyond its end.
struct FrameBytes {
  private let bytes: UnsafeRawBufferPointer
  let json: Range<Int>
  let tail: Range<Int>

  /// Both ranges are within `bytes`.
  init(_ bytes: UnsafeRawBufferPointer, json: Range<Int>, tail: Range<Int>) {
    invariant(
      json.lowerBound >= 0 && json.upperBound <= bytes.count && tail.lowerBound >= 0
        && tail.upperBound <= bytes.count,
      "a frame of \(json) and \(tail) in \(bytes.count) bytes")
    self.bytes = bytes
    self.json = json
    self.tail = tail
  }

  @inline(__always)
  func scanner(from start: Int, to end: Int) -> JSONScanner {
    JSONScanner(bytes, from: start, to: end, origin: json.lowerBound)
  }

  func byte(_ offset: Int) -> UInt8 { bytes[offset] }

  /// A number of the tail; the caller has seen that its bytes are there.
  @inline(__always)
  func little<Number: FixedWidthInteger>(_ offset: Int, as type: Number.Type) -> Number {
    Number(littleEndian: bytes.loadUnaligned(fromByteOffset: offset, as: type))
  }

  func copy(_ range: Range<Int>) -> [UInt8] {
    [UInt8](UnsafeRawBufferPointer(rebasing: bytes[range]))
  }

  @inline(__always)
  func matches(_ text: StaticString, start: Int, end: Int) -> Bool {
    bytes.matches(text, start: start, end: end)
  }

  @inline(__always)
  func areEqual(_ left: Int, _ right: Int, count: Int) -> Bool {
    for index in 0..<count where bytes[left + index] != bytes[right + index] { return false }
    return true
  }

  /// Digits only, without leading zeros; `nil` also above 2⁶⁴−1.
  @inline(__always)
  func decimal(_ range: Range<Int>) -> UInt64? {
    guard 1...20 ~= range.count, range.count == 1 || bytes[range.lowerBound] != 0x30 else {
      return nil
    }
    var value: UInt64 = 0
    for offset in range {
      let digit = bytes[offset] &- 0x30
      guard digit < 10 else { return nil }
      if range.count < 20 {
        value = value &* 10 &+ UInt64(digit)
      } else {
        let (product, isTooLarge) = value.multipliedReportingOverflow(by: 10)
        let (sum, isOver) = product.addingReportingOverflow(UInt64(digit))
        if isTooLarge || isOver { return nil }
        value = sum
      }
    }
    return value
  }

  /// Hexadecimal digits only, at most 16.
  @inline(__always)
  func hexadecimal(_ range: Range<Int>) -> UInt64? {
    guard 1...16 ~= range.count else { return nil }
    var value: UInt64 = 0
    for offset in range {
      guard let digit = hexadecimalDigit(bytes[offset]) else { return nil }
      value = value << 4 | UInt64(digit)
    }
    return value
  }

  func identity<Identity: RandomIdentity>(_ value: JSONValue) -> Identity? {
    guard value.kind == .string, value.end - value.start == 16,
      let number = hexadecimal(value.start..<value.end), number != 0
    else { return nil }
    return Identity(rawValue: number)
  }

  /// What a string stands for. The scanner has checked it, escapes included.
  @inline(__always)
  func stringBytes(_ value: JSONValue) -> [UInt8] {
    value.isEscaped ? unescaped(value.start..<value.end) : copy(value.start..<value.end)
  }

  private func unescaped(_ range: Range<Int>) -> [UInt8] {
    var out: [UInt8] = []
    out.reserveCapacity(range.count)
    var offset = range.lowerBound
    while offset < range.upperBound {
      let byte = bytes[offset]
      offset += 1
      guard byte == 0x5C, offset < range.upperBound else {
        out.append(byte)
        continue
      }
      let escape = bytes[offset]
      offset += 1
      switch escape {
      case 0x62: out.append(0x08)
      case 0x66: out.append(0x0C)
      case 0x6E: out.append(0x0A)
      case 0x72: out.append(0x0D)
      case 0x74: out.append(0x09)
      case 0x75:
        var scalar = unit(at: offset, end: range.upperBound)
        offset += 4
        if 0xD800...0xDBFF ~= scalar {
          // The scanner saw that `\u` and the other half follow.
          let low = unit(at: offset + 2, end: range.upperBound)
          offset += 6
          scalar = 0x10000 &+ (scalar &- 0xD800) << 10 &+ (low &- 0xDC00)
        }
        if let encoded = Unicode.Scalar(scalar) {
          out.append(contentsOf: UTF8.encode(encoded).map(Array.init) ?? [])
        }
      default: out.append(escape)
      }
    }
    return out
  }

  private func unit(at offset: Int, end: Int) -> UInt32 {
    guard offset >= 0, offset + 4 <= end else { return 0 }
    return UInt32(truncatingIfNeeded: hexadecimal(offset..<offset + 4) ?? 0)
  }
}
