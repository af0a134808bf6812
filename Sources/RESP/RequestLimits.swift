/// How much one request of a client may hold. What is over a limit ends the connection.
package struct RequestLimits: Hashable, Sendable {
  /// Arguments of a request, the command's name included.
  package var argumentsMax: Int
  /// Bytes of one argument.
  package var argumentBytesMax: Int
  /// Bytes of a line: an inline request, or the announcement of a length.
  package var lineBytesMax: Int
  /// Bytes of all arguments of a request together, each counted with 16 for its own upkeep.
  package var requestBytesMax: Int
  /// Whether the client has logged in, or need not; the texts of errors differ.
  package var isKnown: Bool

  package init(
    argumentsMax: Int, argumentBytesMax: Int, lineBytesMax: Int, requestBytesMax: Int,
    isKnown: Bool
  ) {
    self.argumentsMax = argumentsMax
    self.argumentBytesMax = argumentBytesMax
    self.lineBytesMax = lineBytesMax
    self.requestBytesMax = requestBytesMax
    self.isKnown = isKnown
  }

  /// What an argument costs besides its bytes, so that a million empty ones are not free.
  package static let argumentUpkeepBytes = 16

  /// Before a password was given: 10 arguments as in Redis; 4 KiB each, 16 KiB in all.
  package static let stranger = RequestLimits(
    argumentsMax: 10, argumentBytesMax: 4 << 10, lineBytesMax: 16 << 10,
    requestBytesMax: 16 << 10, isKnown: false)

  /// 1,048,576 arguments of at most 1 MiB each, 32 MiB in all; lines of 64 KiB as in Redis.
  package static let known = RequestLimits(
    argumentsMax: 1 << 20, argumentBytesMax: 1 << 20, lineBytesMax: 64 << 10,
    requestBytesMax: 32 << 20, isKnown: true)
}
