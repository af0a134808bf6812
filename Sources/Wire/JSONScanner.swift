/// Where one JSON value stands in a frame's bytes.
struct JSONValue {
  enum Kind {
    case string
    /// A number of digits only, so a whole number that is not negative.
    case integer
    /// Any other number.
    case number
    case object, array
    case yes, no, null
  }

  var kind: Kind
  /// A string has an escape in it.
  var isEscaped = false
  /// The bytes of the value; of a string, those between the quotes.
  var start: Int
  var end: Int
}

/// Checks a JSON document (RFC 8259) and finds its values, without copying or allocating anything.
///
/// The bytes are not trusted. Each value is checked to its end before it is looked at: grammar,
/// depth, UTF-8 and escapes, so that what reads the found values later cannot meet anything
/// impossible.
struct JSONScanner {
  /// Containers inside one another; it bounds the recursion.
  static let depthMax = 64
  /// Members of one object that we read.
  static let membersMax = 64

  let bytes: UnsafeRawBufferPointer
  let end: Int
  /// Where the document begins, for the offsets in errors.
  let origin: Int
  var offset: Int

  init(_ bytes: UnsafeRawBufferPointer, from start: Int, to end: Int, origin: Int) {
    self.bytes = bytes
    self.end = min(end, bytes.count)
    self.origin = origin
    offset = max(0, start)
  }

  func bad(_ problem: String) -> WireError { .badJSON(problem: problem, offset: offset - origin) }

  /// The next byte, or 0, which is no part of JSON outside strings.
  @inline(__always)
  var next: UInt8 { offset < end ? bytes[offset] : 0 }

  @inline(__always)
  mutating func skipSpace() {
    while offset < end {
      let byte = bytes[offset]
      guard byte == 0x20 || byte == 0x0A || byte == 0x0D || byte == 0x09 else { return }
      offset += 1
    }
  }

  /// Reads one value and checks all of it. `depth` counts the containers around it.
  mutating func value(depth: Int) throws(WireError) -> JSONValue {
    skipSpace()
    let start = offset
    switch next {
    case 0x22: return try string()
    case 0x7B:
      try skipContainer(closing: 0x7D, isObject: true, depth: depth)
      return JSONValue(kind: .object, start: start, end: offset)
    case 0x5B:
      try skipContainer(closing: 0x5D, isObject: false, depth: depth)
      return JSONValue(kind: .array, start: start, end: offset)
    case 0x30...0x39, 0x2D: return try number()
    case 0x74: return try literal("true", .yes)
    case 0x66: return try literal("false", .no)
    case 0x6E: return try literal("null", .null)
    default: throw bad(offset < end ? "no value begins" : "the document ends")
    }
  }

  private mutating func literal(_ text: StaticString, _ kind: JSONValue.Kind) throws(WireError)
    -> JSONValue
  {
    let start = offset
    let count = text.utf8CodeUnitCount
    guard end - offset >= count, bytes.matches(text, start: offset, end: offset + count) else {
      throw bad("no value begins")
    }
    offset += count
    return JSONValue(kind: kind, start: start, end: offset)
  }

  /// A number by RFC 8259 §6: no plus, no leading zeros, digits on both sides of the point.
  private mutating func number() throws(WireError) -> JSONValue {
    let start = offset
    var kind = JSONValue.Kind.integer
    if next == 0x2D {
      kind = .number
      offset += 1
    }
    if next == 0x30 { offset += 1 } else { try digits() }
    if next == 0x2E {
      kind = .number
      offset += 1
      try digits()
    }
    if next == 0x65 || next == 0x45 {
      kind = .number
      offset += 1
      if next == 0x2B || next == 0x2D { offset += 1 }
      try digits()
    }
    return JSONValue(kind: kind, start: start, end: offset)
  }

  private mutating func digits() throws(WireError) {
    guard 0x30...0x39 ~= next else { throw bad("a number without digits") }
    while 0x30...0x39 ~= next { offset += 1 }
  }

  /// A string; the cursor is on its opening quote.
  @inline(__always)
  mutating func string() throws(WireError) -> JSONValue {
    let start = offset + 1
    offset = UTF8Scan.plainEnd(bytes, from: start, to: end)
    if next == 0x22 {
      offset += 1
      return JSONValue(kind: .string, start: start, end: offset - 1)
    }
    return try hardString(start: start)
  }

  /// The rest of a string that has escapes or more than ASCII.
  private mutating func hardString(start: Int) throws(WireError) -> JSONValue {
    var isEscaped = false
    while offset < end {
      let byte = bytes[offset]
      switch byte {
      case 0x22:
        offset += 1
        return JSONValue(kind: .string, isEscaped: isEscaped, start: start, end: offset - 1)
      case 0x5C:
        isEscaped = true
        try escape()
      case 0..<0x20: throw bad("a control byte in a string")
      case 0x80...:
        let length = UTF8Scan.sequenceLength(bytes, at: offset, end: end)
        guard length > 0 else { throw bad("invalid UTF-8") }
        offset += length
      default: offset = UTF8Scan.plainEnd(bytes, from: offset, to: end)
      }
    }
    throw bad("a string without end")
  }

  private mutating func escape() throws(WireError) {
    offset += 1
    switch next {
    case 0x22, 0x5C, 0x2F, 0x62, 0x66, 0x6E, 0x72, 0x74: offset += 1
    case 0x75:
      let unit = try unicodeEscape()
      if 0xDC00...0xDFFF ~= unit { throw bad("half of a surrogate pair") }
      if 0xD800...0xDBFF ~= unit {
        guard next == 0x5C, offset + 1 < end, bytes[offset + 1] == 0x75 else {
          throw bad("half of a surrogate pair")
        }
        offset += 1
        guard 0xDC00...0xDFFF ~= (try unicodeEscape()) else {
          throw bad("half of a surrogate pair")
        }
      }
    default: throw bad("an unknown escape")
    }
  }

  /// The four digits after `\u`; the cursor is on the `u`.
  private mutating func unicodeEscape() throws(WireError) -> UInt32 {
    offset += 1
    guard end - offset >= 4 else { throw bad("an escape that ends early") }
    var unit: UInt32 = 0
    for _ in 0..<4 {
      guard let digit = hexadecimalDigit(bytes[offset]) else {
        throw bad("an escape without digits")
      }
      unit = unit << 4 | digit
      offset += 1
    }
    return unit
  }

  /// Checks a whole object or array; the cursor is on its opening bracket.
  private mutating func skipContainer(closing: UInt8, isObject: Bool, depth: Int) throws(WireError)
  {
    guard depth < Self.depthMax else { throw bad("more than \(Self.depthMax) levels") }
    offset += 1
    skipSpace()
    if next == closing {
      offset += 1
      return
    }
    while true {
      if isObject { _ = try memberName() }
      _ = try value(depth: depth + 1)
      guard try continues(closing: closing) else { return }
    }
  }

  /// A member's name and the colon after it.
  @inline(__always)
  mutating func memberName() throws(WireError) -> JSONValue {
    skipSpace()
    guard next == 0x22 else { throw bad("no field name") }
    let name = try string()
    skipSpace()
    guard next == 0x3A else { throw bad("no colon after a field name") }
    offset += 1
    return name
  }

  /// Reads the comma or the closing bracket after an element: whether another one follows.
  @inline(__always)
  mutating func continues(closing: UInt8) throws(WireError) -> Bool {
    skipSpace()
    let byte = next
    guard byte == 0x2C || byte == closing else {
      throw bad(offset < end ? "no comma or bracket after a value" : "the document ends")
    }
    offset += 1
    return byte == 0x2C
  }
}

extension UnsafeRawBufferPointer {
  /// Whether the bytes there are exactly `text`.
  @inline(__always)
  func matches(_ text: StaticString, start: Int, end: Int) -> Bool {
    guard end - start == text.utf8CodeUnitCount else { return false }
    let expected = text.utf8Start
    for index in 0..<(end - start) where expected[index] != self[start + index] { return false }
    return true
  }
}

@inline(__always)
func hexadecimalDigit(_ byte: UInt8) -> UInt32? {
  switch byte {
  case 0x30...0x39: UInt32(byte &- 0x30)
  case 0x61...0x66: UInt32(byte &- 0x57)
  case 0x41...0x46: UInt32(byte &- 0x37)
  default: nil
  }
}
