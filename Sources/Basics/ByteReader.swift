/// What is wrong with bytes that were to be read as a record.
package enum ByteError: Error, Hashable, Sendable, CustomStringConvertible {
  /// The record ends before the field does.
  case truncated(field: String, offset: Int)
  /// The field has a value that no writer makes.
  case malformed(field: String, offset: Int)

  package var description: String {
    switch self {
    case .truncated(let field, let offset): "ends inside \(field) at byte \(offset)"
    case .malformed(let field, let offset): "has an impossible \(field) at byte \(offset)"
    }
  }
}

/// Reads what ``ByteWriter`` wrote. Input is not trusted: nothing here traps or allocates more than
/// the bytes that are there.
package struct ByteReader: Sendable {
  private let bytes: [UInt8]
  private let end: Int
  package private(set) var offset: Int

  package init(_ bytes: [UInt8]) {
    self.bytes = bytes
    offset = 0
    end = bytes.count
  }

  /// Reads only `range`, which is clamped to what is there.
  package init(_ bytes: [UInt8], in range: Range<Int>) {
    self.bytes = bytes
    let clamped = range.clamped(to: 0..<bytes.count)
    offset = clamped.lowerBound
    end = clamped.upperBound
  }

  package var remaining: Int { end - offset }
  package var isAtEnd: Bool { offset == end }

  package mutating func u8(_ field: String) throws(ByteError) -> UInt8 {
    guard remaining >= 1 else { throw .truncated(field: field, offset: offset) }
    defer { offset += 1 }
    return bytes[offset]
  }

  package mutating func u16(_ field: String) throws(ByteError) -> UInt16 { try fixed(field) }

  package mutating func u32(_ field: String) throws(ByteError) -> UInt32 { try fixed(field) }

  package mutating func u64(_ field: String) throws(ByteError) -> UInt64 { try fixed(field) }

  package mutating func varint(_ field: String) throws(ByteError) -> UInt64 {
    var value: UInt64 = 0
    for shift in stride(from: 0, to: 64, by: 7) {
      let byte = try u8(field)
      if shift == 63, byte > 1 { throw .malformed(field: field, offset: offset) }
      value |= UInt64(byte & 0x7F) << UInt64(shift)
      if byte < 0x80 { return value }
    }
    throw .malformed(field: field, offset: offset)
  }

  /// A count or length that is at most `limit`.
  package mutating func count(_ field: String, limit: Int = Int.max) throws(ByteError) -> Int {
    let value = try varint(field)
    guard let count = Int(exactly: value), count <= limit else {
      throw .malformed(field: field, offset: offset)
    }
    return count
  }

  package mutating func blob(_ field: String) throws(ByteError) -> [UInt8] {
    try raw(count: count(field), field)
  }

  package mutating func text(_ field: String) throws(ByteError) -> String {
    guard let text = String(validating: try blob(field), as: UTF8.self) else {
      throw .malformed(field: field, offset: offset)
    }
    return text
  }

  package mutating func raw(count: Int, _ field: String) throws(ByteError) -> [UInt8] {
    let start = offset
    try skip(count, field)
    return Array(bytes[start..<offset])
  }

  /// Leaves out bytes that have to be there.
  package mutating func skip(_ count: Int, _ field: String) throws(ByteError) {
    guard count >= 0, count <= remaining else { throw .truncated(field: field, offset: offset) }
    offset += count
  }

  /// Throws unless everything was read: a longer record is another version or damage.
  package func finish(_ record: String) throws(ByteError) {
    guard isAtEnd else { throw .malformed(field: "end of \(record)", offset: offset) }
  }

  private mutating func fixed<Number: FixedWidthInteger>(_ field: String) throws(ByteError)
    -> Number
  {
    let width = Number.bitWidth / 8
    guard remaining >= width else { throw .truncated(field: field, offset: offset) }
    var value: Number = 0
    for byte in 0..<width { value |= Number(bytes[offset + byte]) << Number(8 * byte) }
    offset += width
    return value
  }
}
