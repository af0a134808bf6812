/// A refusal with Redis 7.0's text, without `-` and line end.
package struct CommandError: Error, Hashable, Sendable {
  package let text: [UInt8]

  package init(_ text: String) { self.text = Array(text.utf8) }

  init(_ start: String, bytes: [UInt8]) {
    let line = bytes.prefix { $0 != 0 }
    let end = line.lastIndex { $0 != 0x0D && $0 != 0x0A }
    // Redis leaves line ends at the end out and writes others as blanks.
    text = Array(start.utf8) + line[..<(end.map { $0 + 1 } ?? line.startIndex)]
  }

  package static let syntax = CommandError("ERR syntax error")
  package static let notAnInteger = CommandError("ERR value is not an integer or out of range")
  package static let notAFloat = CommandError("ERR value is not a valid float")
  package static let overflow = CommandError("ERR increment or decrement would overflow")
  package static let noSuchKey = CommandError("ERR no such key")
  package static let tooLong = CommandError(
    "ERR string exceeds maximum allowed size (proto-max-bulk-len)")
  static let bitOffset = CommandError("ERR bit offset is not an integer or out of range")
  static let bit = CommandError("ERR bit is not an integer or out of range")

  package static func expireTime(_ name: String) -> CommandError {
    CommandError("ERR invalid expire time in '\(name)' command")
  }
}
