import Basics
import Fuzzing
import RESP

/// Requests as clients write them, and what they mean.
enum RandomRequest {
  /// Adds one to four requests, and empty ones, which nobody hears of; `nil`: what a browser sends
  /// is among them, or a line that is too long, at which a server hangs up.
  static func stream(into bytes: inout [UInt8], _ random: inout SeededGenerator) -> [[[UInt8]]]? {
    var requests: [[[UInt8]]] = []
    var isTooLong = false
    for _ in 0..<random.next(in: 1...4) {
      if random.chance(0.1) { bytes += random.element(of: empty) }
      if random.chance(0.25) {
        let start = bytes.count
        requests.append(line(into: &bytes, &random))
        // The last byte ends the line.
        isTooLong = isTooLong || bytes.count - start - 1 > RequestLimits.known.lineBytesMax
      } else {
        requests.append(array(into: &bytes, &random))
      }
    }
    guard random.chance(0.03) else { return isTooLong ? nil : requests }
    bytes += Array("POST / HTTP/1.1\r\nHost: a\r\n".utf8)
    return nil
  }

  private static let empty = ["\r\n", "\n", "*0\r\n", "*-1\r\n", "*-10\r\n", " \t\r\n"].map {
    Array($0.utf8)
  }

  private static let names = [
    "GET", "SET", "incr", "PING", "MGET", "AUTH", "HELLO", "MULTI", "EXEC", "x",
  ].map { Array($0.utf8) }

  private static func array(into bytes: inout [UInt8], _ random: inout SeededGenerator)
    -> [[UInt8]]
  {
    var count = random.next(in: 1...5)
    if random.chance(0.02) { count = random.next(in: 6...40) }
    var arguments = [random.element(of: names)]
    for _ in 1..<max(2, count) { arguments.append(argument(&random)) }
    bytes += Array("*\(arguments.count)\r\n".utf8)
    for argument in arguments {
      bytes += Array("$\(argument.count)\r\n".utf8) + argument + [0x0D, 0x0A]
    }
    return arguments
  }

  private static func argument(_ random: inout SeededGenerator) -> [UInt8] {
    switch random.next(in: 0..<100_000) {
    // About the limits of strangers, whose arguments may have 4 KiB, and 16 KiB together.
    case 0..<6: random.bytes(random.next(in: 4_090...4_100))
    case 6..<1_000: random.bytes(random.next(in: 20...300))
    case 1_000..<10_000: []
    case 10_000..<30_000: Array("$1\r\na\r\n*1\r\n".utf8)
    case 30_000..<60_000: Array("key:\(random.next(in: 0...999_999))".utf8)
    default: random.bytes(random.next(in: 0...12))
    }
  }

  /// A line for people: words, plain or in quotes.
  private static func line(into bytes: inout [UInt8], _ random: inout SeededGenerator)
    -> [[UInt8]]
  {
    var arguments: [[UInt8]] = []
    for place in 0..<random.next(in: 1...4) {
      bytes += place == 0 ? [] : random.element(of: [[0x20], [0x20, 0x20], [0x09]])
      arguments.append(word(into: &bytes, isFirst: place == 0, &random))
    }
    // About the longest lines, of strangers and of others.
    if random.chance(0.0001) {
      let lines = [RequestLimits.stranger, .known].map(\.lineBytesMax)
      let length = random.element(of: lines) - 40 + random.next(in: 0...40)
      bytes.append(0x20)
      arguments.append([UInt8](repeating: UInt8(ascii: "a"), count: length))
      bytes += arguments[arguments.count - 1]
    }
    bytes += random.chance(0.7) ? [0x0D, 0x0A] : [0x0A]
    return arguments
  }

  private static func word(
    into bytes: inout [UInt8], isFirst: Bool, _ random: inout SeededGenerator
  ) -> [UInt8] {
    if isFirst {
      let name = random.element(of: names)
      bytes += name
      return name
    }
    switch random.next(in: 0..<3) {
    case 0:
      let word = Array("word\(random.next(in: 0...9))".utf8)
      bytes += word
      return word
    case 1:
      let content = random.bytes(random.next(in: 0...6))
      bytes.append(UInt8(ascii: "\""))
      for byte in content { bytes += escaped(byte) }
      bytes.append(UInt8(ascii: "\""))
      return content
    default:
      bytes += Array(#"'a "b\'c\n'"#.utf8)
      return Array(#"a "b'c\n"#.utf8)
    }
  }

  private static func escaped(_ byte: UInt8) -> [UInt8] {
    switch byte {
    case 0x0A: Array(#"\n"#.utf8)
    case 0x0D: Array(#"\r"#.utf8)
    case UInt8(ascii: "\""), UInt8(ascii: "\\"): [UInt8(ascii: "\\"), byte]
    case 0x20...0x7E: [byte]
    default:
      Array(#"\x"#.utf8) + [byte >> 4, byte & 15].map { Array("0123456789abcdEF".utf8)[Int($0)] }
    }
  }
}
