/// Which replies a connection understands.
package enum RESPVersion: Int, Hashable, Sendable {
  case two = 2
  case three = 3
}

/// Writes replies into one buffer, byte for byte as Redis 7.0 does (networking.c), in the version
/// that the connection asked for.
package struct ReplyWriter: Sendable {
  package var version: RESPVersion
  /// What was written and not taken yet.
  package var bytes: [UInt8] = []

  package init(version: RESPVersion = .two) { self.version = version }

  /// A text without line ends.
  package mutating func simple(_ text: [UInt8]) { line(UInt8(ascii: "+"), text) }

  /// A code word and a text. Line ends in it, which may come from a client, are written as blanks,
  /// since they would end the reply.
  package mutating func error(_ text: [UInt8]) {
    bytes.append(UInt8(ascii: "-"))
    for byte in text { bytes.append(byte == 0x0D || byte == 0x0A ? 0x20 : byte) }
    endLine()
  }

  package mutating func integer(_ value: Int64) { number(UInt8(ascii: ":"), value) }

  package mutating func bulk(_ content: [UInt8]) {
    number(UInt8(ascii: "$"), Int64(content.count))
    bytes.append(contentsOf: content)
    endLine()
  }

  /// Bytes that are not in an array; the caller keeps them alive during the call.
  package mutating func bulk(_ content: UnsafeRawBufferPointer) {
    number(UInt8(ascii: "$"), Int64(content.count))
    bytes.append(contentsOf: content)
    endLine()
  }

  package mutating func null() { text(version == .two ? "$-1\r\n" : "_\r\n") }

  package mutating func nullArray() { text(version == .two ? "*-1\r\n" : "_\r\n") }

  /// `count` replies follow.
  package mutating func array(count: Int) { number(UInt8(ascii: "*"), Int64(count)) }

  /// `count` pairs of replies follow.
  package mutating func map(count: Int) {
    if version == .two { array(count: 2 * count) } else { number(UInt8(ascii: "%"), Int64(count)) }
  }

  /// `count` replies follow.
  package mutating func set(count: Int) {
    if version == .two { array(count: count) } else { number(UInt8(ascii: "~"), Int64(count)) }
  }

  /// `count` replies follow, which answer no request.
  package mutating func push(count: Int) {
    if version == .two { array(count: count) } else { number(UInt8(ascii: ">"), Int64(count)) }
  }

  package mutating func double(_ value: Double) {
    let digits = DoubleText.bytes(value)
    if version == .two { bulk(digits) } else { line(UInt8(ascii: ","), digits) }
  }

  package mutating func boolean(_ value: Bool) {
    if version == .two { integer(value ? 1 : 0) } else { text(value ? "#t\r\n" : "#f\r\n") }
  }

  /// Decimal digits with an optional sign.
  package mutating func bigNumber(_ digits: [UInt8]) {
    if version == .two { bulk(digits) } else { line(UInt8(ascii: "("), digits) }
  }

  /// A text of a `format` of three bytes, such as `txt`.
  package mutating func verbatim(format: [UInt8], _ content: [UInt8]) {
    guard version == .three else { return bulk(content) }
    number(UInt8(ascii: "="), Int64(content.count + format.count + 1))
    bytes.append(contentsOf: format)
    bytes.append(UInt8(ascii: ":"))
    bytes.append(contentsOf: content)
    endLine()
  }

  package mutating func write(_ reply: Reply) {
    switch reply {
    case .simple(let text): simple(text)
    case .error(let text): error(text)
    case .integer(let value): integer(value)
    case .bulk(let content): bulk(content)
    case .null: null()
    case .nullArray: nullArray()
    case .array(let elements):
      array(count: elements.count)
      for element in elements { write(element) }
    case .map(let pairs):
      map(count: pairs.count)
      for pair in pairs {
        write(pair.key)
        write(pair.value)
      }
    case .set(let elements):
      set(count: elements.count)
      for element in elements { write(element) }
    case .double(let value): double(value)
    case .boolean(let value): boolean(value)
    case .bigNumber(let digits): bigNumber(digits)
    case .verbatim(let format, let content): verbatim(format: format, content)
    case .push(let elements):
      push(count: elements.count)
      for element in elements { write(element) }
    }
  }

  private mutating func line(_ kind: UInt8, _ content: [UInt8]) {
    bytes.append(kind)
    bytes.append(contentsOf: content)
    endLine()
  }

  private mutating func number(_ kind: UInt8, _ value: Int64) {
    bytes.append(kind)
    if value < 0 { bytes.append(UInt8(ascii: "-")) }
    let start = bytes.count
    var rest = value.magnitude
    repeat {
      bytes.append(0x30 + UInt8(truncatingIfNeeded: rest % 10))
      rest /= 10
    } while rest > 0
    if bytes.count - start > 1 { bytes[start...].reverse() }
    endLine()
  }

  private mutating func text(_ text: StaticString) {
    text.withUTF8Buffer { bytes.append(contentsOf: $0) }
  }

  private mutating func endLine() {
    bytes.append(0x0D)
    bytes.append(0x0A)
  }
}
