/// A refusal with Redis 7.0's text, without `-` and line end.
package struct CommandError: Error, Hashable, Sendable {
  package let text: [UInt8]

  package init(_ text: String) { self.text = Array(text.utf8) }

  private init(text: [UInt8]) { self.text = text }

  /// A text with bytes of the client in it: up to a NUL, since they are a C string in Redis, and at
  /// most 128 of them if they are `quoting`.
  init(_ start: String, quoting bytes: [UInt8], _ end: String) {
    let shown = bytes.prefix { $0 != 0 }.prefix(CommandTable.shownBytesMax)
    self.init(text: Self.trimmed(Array(start.utf8) + shown + Array(end.utf8)))
  }

  init(_ start: String, bytes: [UInt8], _ end: String = "") {
    let shown = bytes.prefix { $0 != 0 }
    self.init(text: Self.trimmed(Array(start.utf8) + shown + Array(end.utf8)))
  }

  /// The same text with more of the client's bytes behind it.
  func followed(by bytes: [UInt8]) -> CommandError {
    CommandError(text: Self.trimmed(text + bytes))
  }

  /// Redis leaves line ends at the end out; others are written as blanks.
  private static func trimmed(_ text: [UInt8]) -> [UInt8] {
    let end = text.lastIndex { $0 != 0x0D && $0 != 0x0A }
    return Array(text[..<(end.map { $0 + 1 } ?? text.startIndex)])
  }

  /// That of EXEC, if nothing of the transaction was carried out because of it.
  package var discardingTransaction: CommandError {
    let cause = text.starts(with: Array("ERR ".utf8)) ? text.dropFirst(4) : text[...]
    return CommandError("EXECABORT Transaction discarded because of: ").followed(by: Array(cause))
  }

  package static let syntax = CommandError("ERR syntax error")
  package static let notAnInteger = CommandError("ERR value is not an integer or out of range")
  package static let notAFloat = CommandError("ERR value is not a valid float")
  package static let overflow = CommandError("ERR increment or decrement would overflow")
  package static let noSuchKey = CommandError("ERR no such key")
  package static let tooLong = CommandError(
    "ERR string exceeds maximum allowed size (proto-max-bulk-len)")
  package static let crossSlot = CommandError(
    "CROSSSLOT Keys in request don't hash to the same slot")
  static let bitOffset = CommandError("ERR bit offset is not an integer or out of range")
  static let bit = CommandError("ERR bit is not an integer or out of range")

  package static func expireTime(_ name: String) -> CommandError {
    CommandError("ERR invalid expire time in '\(name)' command")
  }

  /// Too few or too many arguments; `name` as in ``CommandDescription/name``.
  package static func arity(_ name: String) -> CommandError {
    CommandError("ERR wrong number of arguments for '\(name)' command")
  }
}
