/// Cuts a line into arguments, as Redis does (sdssplitargs in sds.c): blanks separate; `"…"` knows
/// `\xHH`, `\n`, `\r`, `\t`, `\b`, `\a` and takes any other character after `\` as itself; `'…'`
/// knows only `\'`; a closing quote ends the argument, so a blank or the end must follow it.
struct InlineArguments {
  private let bytes: [UInt8]
  private let end: Int
  private var index: Int

  /// `nil` when a quote is not closed, or something follows a closing quote.
  static func split(_ bytes: [UInt8], in range: Range<Int>) -> [[UInt8]]? {
    var line = InlineArguments(bytes: bytes, end: range.upperBound, index: range.lowerBound)
    var arguments: [[UInt8]] = []
    while true {
      line.skipBlanks()
      if line.index >= line.end { return arguments }
      guard let argument = line.argument() else { return nil }
      arguments.append(argument)
    }
  }

  private init(bytes: [UInt8], end: Int, index: Int) {
    self.bytes = bytes
    self.end = min(end, bytes.count)
    self.index = index
  }

  private mutating func skipBlanks() {
    while let byte = peek(), Self.isSpace(byte) { index += 1 }
  }

  private mutating func argument() -> [UInt8]? {
    var result: [UInt8] = []
    while let byte = peek() {
      index += 1
      switch byte {
      // Vertical tab and form feed separate arguments but do not end one.
      case 0x20, 0x0A, 0x0D, 0x09: return result
      case UInt8(ascii: "\""): return doubleQuoted(after: result)
      case UInt8(ascii: "'"): return singleQuoted(after: result)
      default: result.append(byte)
      }
    }
    return result
  }

  private mutating func doubleQuoted(after prefix: [UInt8]) -> [UInt8]? {
    var result = prefix
    while let byte = peek() {
      index += 1
      if byte == UInt8(ascii: "\"") { return endsArgument ? result : nil }
      guard byte == UInt8(ascii: "\\"), let escaped = peek() else {
        result.append(byte)
        continue
      }
      index += 1
      if escaped == UInt8(ascii: "x"), let high = hexadecimal(at: index),
        let low = hexadecimal(at: index + 1)
      {
        result.append(high << 4 | low)
        index += 2
      } else {
        result.append(Self.escapes[escaped] ?? escaped)
      }
    }
    return nil
  }

  private mutating func singleQuoted(after prefix: [UInt8]) -> [UInt8]? {
    var result = prefix
    while let byte = peek() {
      index += 1
      if byte == UInt8(ascii: "'") { return endsArgument ? result : nil }
      if byte == UInt8(ascii: "\\"), peek() == UInt8(ascii: "'") {
        result.append(UInt8(ascii: "'"))
        index += 1
      } else {
        result.append(byte)
      }
    }
    return nil
  }

  private var endsArgument: Bool { peek().map(Self.isSpace) ?? true }

  private func peek() -> UInt8? { index < end ? bytes[index] : nil }

  private func hexadecimal(at index: Int) -> UInt8? {
    guard index < end else { return nil }
    switch bytes[index] {
    case 0x30...0x39: return bytes[index] - 0x30
    case 0x41...0x46: return bytes[index] - 0x41 + 10
    case 0x61...0x66: return bytes[index] - 0x61 + 10
    default: return nil
    }
  }

  private static let escapes: [UInt8: UInt8] = [
    UInt8(ascii: "n"): 0x0A, UInt8(ascii: "r"): 0x0D, UInt8(ascii: "t"): 0x09,
    UInt8(ascii: "b"): 0x08, UInt8(ascii: "a"): 0x07,
  ]

  private static func isSpace(_ byte: UInt8) -> Bool { byte == 0x20 || (0x09...0x0D) ~= byte }
}
