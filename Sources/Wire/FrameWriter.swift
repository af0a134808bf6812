import Basics
import Checksums

/// Builds one frame after what `bytes` holds already: the header, the JSON document straight into
/// the buffer, and the tail.
struct FrameWriter {
  /// Keys and values longer than this go into the tail, where they need no escapes.
  static let inlineBytesMax = 4 << 10

  private var bytes: [UInt8]
  private let start: Int
  private var needsComma = false
  /// What the document refers to; it follows the document in this order.
  private var tailParts: [[UInt8]] = []
  private var tailCount = 0

  /// Empties `buffer` until ``finish(into:writeTail:)``, so that its bytes have one owner and are
  /// never copied.
  init(
    _ kind: FrameHeader.Kind, takingOver buffer: inout [UInt8], reserving capacity: Int
  ) {
    start = buffer.count
    bytes = []
    swap(&bytes, &buffer)
    // Only a new buffer: reserving exact sizes again and again would copy it each time.
    if start == 0 { bytes.reserveCapacity(capacity + FrameHeader.byteCount) }
    bytes.append(addingCapacity: FrameHeader.byteCount) { header in
      header.append(kind.rawValue)
      header.append(FrameHeader.version)
      for _ in 2..<FrameHeader.byteCount { header.append(0) }
    }
  }

  /// Opens the document with its `type`.
  mutating func open(_ type: StaticString) {
    raw("{\"type\":\"")
    raw(type)
    bytes.append(0x22)
    needsComma = true
  }

  mutating func name(_ name: StaticString) { member(name, room: 0) { _ in } }

  /// A member whose value takes at most `room` bytes, in one step because there are so many.
  @inline(__always)
  private mutating func member(
    _ name: StaticString, room: Int, _ value: (inout OutputSpan<UInt8>) -> Void
  ) {
    let text = UnsafeBufferPointer(start: name.utf8Start, count: name.utf8CodeUnitCount)
    let comma = needsComma
    bytes.append(addingCapacity: text.count + 4 + room) { out in
      if comma { out.append(0x2C) }
      out.append(0x22)
      for byte in text { out.append(byte) }
      out.append(0x22)
      out.append(0x3A)
      value(&out)
    }
    needsComma = true
  }

  mutating func object(_ body: (inout FrameWriter) -> Void) { nested(0x7B, 0x7D, body) }

  mutating func object(_ name: StaticString, _ body: (inout FrameWriter) -> Void) {
    self.name(name)
    nested(0x7B, 0x7D, body)
  }

  /// An array with one value for each element, which `body` writes.
  mutating func array<Elements: Sequence>(
    _ name: StaticString, _ elements: Elements,
    _ body: (inout FrameWriter, Elements.Element) -> Void
  ) {
    self.name(name)
    nested(0x5B, 0x5D) { writer in
      for element in elements {
        if writer.needsComma { writer.bytes.append(0x2C) }
        body(&writer, element)
        writer.needsComma = true
      }
    }
  }

  private mutating func nested(_ open: UInt8, _ close: UInt8, _ body: (inout FrameWriter) -> Void) {
    bytes.append(open)
    needsComma = false
    body(&self)
    bytes.append(close)
    needsComma = true
  }

  private mutating func raw(_ text: StaticString) {
    bytes.append(
      contentsOf: UnsafeBufferPointer(start: text.utf8Start, count: text.utf8CodeUnitCount))
  }

  mutating func number<Number: BinaryInteger>(_ name: StaticString, _ value: Number) {
    self.name(name)
    digits(UInt64(value))
  }

  mutating func number(_ value: UInt32) { digits(UInt64(value)) }

  /// A 64-bit number: as a string, because many languages read JSON numbers as doubles.
  mutating func wide(_ name: StaticString, _ value: UInt64) {
    member(name, room: 22) { out in
      out.append(0x22)
      Self.digits(value, to: &out)
      out.append(0x22)
    }
  }

  mutating func flag(_ name: StaticString, _ value: Bool) {
    self.name(name)
    raw(value ? "true" : "false")
  }

  mutating func constant(_ name: StaticString, _ value: StaticString) {
    self.name(name)
    bytes.append(0x22)
    raw(value)
    bytes.append(0x22)
  }

  mutating func identity(_ name: StaticString, _ value: some RandomIdentity) {
    self.name(name)
    identity(value)
  }

  mutating func identity(_ value: some RandomIdentity) {
    bytes.append(addingCapacity: 18) { out in
      out.append(0x22)
      Self.hexadecimal(value.rawValue, to: &out)
      out.append(0x22)
    }
  }

  mutating func text(_ name: StaticString, _ value: String) {
    self.name(name)
    text(value)
  }

  mutating func text(_ value: String) { string(Array(value.utf8)) }

  /// Two numbers joined to one string, as `issued-nonce`.
  mutating func pair(_ name: StaticString, _ first: UInt64, hexadecimal second: UInt64) {
    member(name, room: 39) { out in
      out.append(0x22)
      Self.digits(first, to: &out)
      out.append(0x2D)
      Self.hexadecimal(second, to: &out)
      out.append(0x22)
    }
  }

  /// A key or value: a string if it is short and UTF-8, in base64 if it is short and not, in the
  /// tail if it is long.
  mutating func content(_ name: StaticString, _ value: [UInt8]) {
    if value.count > Self.inlineBytesMax { return tail(name, value) }
    self.name(name)
    let isPlain = value.withUnsafeBytes {
      UTF8Scan.plainEnd($0, from: 0, to: $0.count) == $0.count
    }
    if isPlain {
      bytes.append(0x22)
      bytes.append(contentsOf: value)
      bytes.append(0x22)
    } else if value.withUnsafeBytes({ UTF8Scan.isValid($0) }) {
      string(value)
    } else {
      raw("{\"b64\":\"")
      Base64.append(value, to: &bytes)
      raw("\"}")
    }
  }

  /// Bytes that stand in the tail; the document says where.
  mutating func tail(_ name: StaticString, _ value: [UInt8]) {
    self.name(name)
    raw("{\"tail\":[")
    digits(UInt64(tailCount))
    bytes.append(0x2C)
    digits(UInt64(value.count))
    raw("]}")
    tailParts.append(value)
    tailCount += value.count
  }

  private mutating func digits(_ value: UInt64) {
    bytes.append(addingCapacity: 20) { Self.digits(value, to: &$0) }
  }

  private static func digits(_ value: UInt64, to out: inout OutputSpan<UInt8>) {
    if value < 10 { return out.append(0x30 | UInt8(truncatingIfNeeded: value)) }
    var rest = value
    var packed: InlineArray<20, UInt8> = .init(repeating: 0)
    var first = 20
    while rest > 0 {
      first -= 1
      let (quotient, digit) = rest.quotientAndRemainder(dividingBy: 10)
      packed[first] = 0x30 | UInt8(truncatingIfNeeded: digit)
      rest = quotient
    }
    for index in first..<20 { out.append(packed[index]) }
  }

  private static func hexadecimal(_ value: UInt64, to out: inout OutputSpan<UInt8>) {
    for shift in stride(from: 60, through: 0, by: -4) {
      let digit = UInt8(truncatingIfNeeded: value >> UInt64(shift)) & 15
      out.append(digit < 10 ? 0x30 + digit : 0x57 + digit)
    }
  }

  /// A string of valid UTF-8 with the escapes that it needs.
  private mutating func string(_ value: [UInt8]) {
    bytes.append(0x22)
    for byte in value {
      switch byte {
      case 0x22, 0x5C:
        bytes.append(0x5C)
        bytes.append(byte)
      case 0x0A: raw("\\n")
      case 0x0D: raw("\\r")
      case 0x09: raw("\\t")
      case 0..<0x20:
        raw(byte < 0x10 ? "\\u000" : "\\u001")
        let digit = byte & 15
        bytes.append(digit < 10 ? 0x30 + digit : 0x57 + digit)
      default: bytes.append(byte)
      }
    }
    bytes.append(0x22)
  }

  /// Ends the document and the frame; `writeTail` appends what else belongs into the tail.
  mutating func finish(
    into buffer: inout [UInt8], writeTail: (inout [UInt8]) -> Void = { _ in }
  ) {
    bytes.append(0x7D)
    let jsonStart = start + FrameHeader.byteCount
    let jsonEnd = bytes.count
    for part in tailParts { bytes.append(contentsOf: part) }
    writeTail(&bytes)
    let jsonCount = jsonEnd - jsonStart
    let tailCount = bytes.count - jsonEnd
    invariant(
      jsonCount <= FrameLimits.conversation.jsonBytesMax
        && tailCount <= FrameLimits.conversation.tailBytesMax,
      "a message of \(jsonCount) bytes of JSON and a tail of \(tailCount) fits no frame")
    store(UInt32(jsonCount), at: start + FrameHeader.jsonLengthOffset)
    store(UInt32(tailCount), at: start + FrameHeader.tailLengthOffset)
    let check = FrameHeader.check(bytes, frameAt: start)
    bytes[start + FrameHeader.checkOffset] = UInt8(truncatingIfNeeded: check)
    bytes[start + FrameHeader.checkOffset + 1] = UInt8(check >> 8)
    let headerSum = CRC32C.checksum(bytes, in: start..<start + FrameHeader.checksumOffset)
    let sum = CRC32C.checksum(bytes, in: jsonStart..<bytes.count, continuing: headerSum)
    store(sum, at: start + FrameHeader.checksumOffset)
    swap(&bytes, &buffer)
  }

  private mutating func store(_ value: UInt32, at offset: Int) {
    for byte in 0..<4 { bytes[offset + byte] = UInt8(truncatingIfNeeded: value >> (8 * byte)) }
  }
}
