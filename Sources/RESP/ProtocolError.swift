/// Why bytes of a client are not a request. The stream has lost its place: the connection is closed
/// after `reply` was sent. Texts are those of Redis 7.0 (networking.c).
package enum ProtocolError: Error, Hashable, Sendable {
  case lineTooLong(Line)
  case unbalancedQuotes
  /// Not a count, or more arguments than the limit.
  case badArgumentCount
  /// More than ten arguments before logging in.
  case strangersArgumentCount
  /// Something else than `$` before an argument.
  case expectedArgument(found: UInt8)
  /// Not a length, or longer than the limit.
  case badArgumentLength
  /// Longer than a stranger's argument may be.
  case strangersArgumentLength
  /// All arguments together are over the limit. Redis closes at its own such limit without a word.
  case requestTooLong
  /// `POST` or `Host:`: a browser that was led here, not a client. Redis closes without a word.
  case anotherProtocol

  /// What a line was for.
  package enum Line: Hashable, Sendable { case inline, argumentCount, argumentLength }

  /// What the client is told before the connection ends, without `-` and line end; `nil`: nothing.
  package var reply: [UInt8]? {
    switch self {
    case .lineTooLong(.inline): Self.text("too big inline request")
    case .lineTooLong(.argumentCount): Self.text("too big mbulk count string")
    case .lineTooLong(.argumentLength): Self.text("too big bulk count string")
    case .unbalancedQuotes: Self.text("unbalanced quotes in request")
    case .badArgumentCount: Self.text("invalid multibulk length")
    case .strangersArgumentCount: Self.text("unauthenticated multibulk length")
    // A line end would end the reply, so it is written as a blank.
    case .expectedArgument(let found):
      Self.text("expected '$', got '") + [found == 0x0A || found == 0x0D ? 0x20 : found, 0x27]
    case .badArgumentLength: Self.text("invalid bulk length")
    case .strangersArgumentLength: Self.text("unauthenticated bulk length")
    case .requestTooLong, .anotherProtocol: nil
    }
  }

  /// For the log: what happened, without the client's bytes.
  package var summary: String {
    switch self {
    case .anotherProtocol:
      "a request of another protocol (POST or Host:), perhaps a browser misused against this server"
    case .requestTooLong: "a request with more bytes than the limit"
    case .expectedArgument: "something else than '$' before an argument"
    default: reply.map { String(decoding: $0, as: UTF8.self) } ?? ""
    }
  }

  private static func text(_ text: String) -> [UInt8] { Array("ERR Protocol error: \(text)".utf8) }
}
