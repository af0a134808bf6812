import Basics

/// Cuts the bytes of a client into requests: arrays of bulk strings, or lines for people.
///
/// Bytes may come in any pieces, and the result is the same. Each byte is looked at a constant
/// number of times, and memory is used only for bytes that have come, not for announced lengths.
/// Like Redis 7.0 (networking.c) it does not look at the byte after the `\r` of a line, nor at the
/// two after an argument, ignores empty requests, and takes a line that has a NUL for one that does
/// not end.
package struct RequestParser: Sendable {
  /// For what has not been read yet: to be widened when the client has logged in.
  package var limits: RequestLimits
  private var buffer: [UInt8] = []
  /// Where what has not been read begins in `buffer`.
  private var offset = 0
  /// The line from `offset` has no end before this place.
  private var scanned = 0
  /// The line from `offset` has a NUL, so its end is not looked for.
  private var isLineEndless = false
  /// Arguments that are still to come of the request being read.
  private var argumentsLeft = 0
  /// The announced length of the argument being read.
  private var argumentLength: Int?
  private var arguments: [[UInt8]] = []
  /// The first argument of the request before, which is often that of the next, too.
  private var name: [UInt8] = []
  private var requestBytes = 0
  private var failure: ProtocolError?

  package init(limits: RequestLimits) { self.limits = limits }

  /// Bytes held for a request that is not complete.
  package var bufferedBytes: Int { buffer.count - offset + requestBytes }

  package mutating func append(_ bytes: [UInt8]) {
    guard failure == nil else { return }
    let before = offset
    buffer.append(bytes, read: &offset)
    scanned -= before - offset
  }

  /// The arguments of the next request, at least one, or `nil` until more bytes have come. After an
  /// error every call throws the same.
  package mutating func next() throws(ProtocolError) -> [[UInt8]]? {
    if let failure { throw failure }
    do throws(ProtocolError) {
      guard let request = try read() else {
        releaseMemory()
        return nil
      }
      if Self.isOfAnotherProtocol(request) { throw .anotherProtocol }
      return request
    } catch {
      failure = error
      buffer = []
      offset = 0
      arguments = []
      requestBytes = 0
      throw error
    }
  }

  /// An idle connection keeps no buffer.
  private mutating func releaseMemory() {
    guard offset == buffer.count, offset > 0 else { return }
    buffer = []
    offset = 0
    scanned = 0
  }

  private mutating func read() throws(ProtocolError) -> [[UInt8]]? {
    while offset < buffer.count {
      if argumentsLeft > 0 {
        guard try readArgument() else { return nil }
        if argumentsLeft == 0 { return takeArguments() }
      } else if buffer[offset] == UInt8(ascii: "*") {
        guard try readArgumentCount() else { return nil }
      } else {
        guard let line = try line(.inline) else { return nil }
        guard let split = InlineArguments.split(buffer, in: line) else { throw .unbalancedQuotes }
        if !split.isEmpty { return split }
      }
    }
    return nil
  }

  private mutating func takeArguments() -> [[UInt8]] {
    let result = arguments
    arguments = []
    requestBytes = 0
    return result
  }

  /// `false` until the line is complete.
  private mutating func readArgumentCount() throws(ProtocolError) -> Bool {
    guard let line = try line(.argumentCount) else { return false }
    guard let count = strictInteger(buffer, in: line.lowerBound + 1..<line.upperBound),
      count <= (limits.isKnown ? limits.argumentsMax : Int(Int32.max))
    else { throw .badArgumentCount }
    guard count <= limits.argumentsMax else { throw .strangersArgumentCount }
    argumentsLeft = max(0, Int(count))
    arguments.reserveCapacity(min(argumentsLeft, Self.argumentsReserved))
    return true
  }

  /// `false` until the argument is complete.
  private mutating func readArgument() throws(ProtocolError) -> Bool {
    if argumentLength == nil {
      guard let line = try line(.argumentLength) else { return false }
      guard let first = line.first, buffer[first] == UInt8(ascii: "$") else {
        throw .expectedArgument(found: buffer[line.lowerBound])
      }
      guard let length = strictInteger(buffer, in: first + 1..<line.upperBound), length >= 0,
        length <= (limits.isKnown ? limits.argumentBytesMax : Self.strangersLengthMax)
      else { throw .badArgumentLength }
      guard length <= limits.argumentBytesMax else { throw .strangersArgumentLength }
      let cost = Int(length) + RequestLimits.argumentUpkeepBytes
      guard requestBytes + cost <= limits.requestBytesMax else { throw .requestTooLong }
      argumentLength = Int(length)
    }
    guard let length = argumentLength, buffer.count - offset >= length + 2 else { return false }
    let argument = buffer[offset..<offset + length]
    if arguments.isEmpty, length <= Self.nameBytesKept {
      if !name.elementsEqual(argument) { name = Array(argument) }
      arguments.append(name)
    } else {
      arguments.append(Array(argument))
    }
    requestBytes += length + RequestLimits.argumentUpkeepBytes
    moveOn(to: offset + length + 2)
    argumentLength = nil
    argumentsLeft -= 1
    return true
  }

  /// The line that begins at `offset`, without its end, and moves behind it; `nil` until it is
  /// complete. A line for people ends with `\n`, others with `\r` and one more byte.
  private mutating func line(_ use: ProtocolError.Line) throws(ProtocolError) -> Range<Int>? {
    let terminator: UInt8 = use == .inline ? 0x0A : 0x0D
    let limit = offset + limits.lineBytesMax
    let start = offset
    while !isLineEndless, scanned < buffer.count, scanned <= limit {
      let byte = buffer[scanned]
      if byte == terminator {
        let next = use == .inline ? scanned + 1 : scanned + 2
        guard next <= buffer.count else { return nil }
        let hasReturn = use == .inline && scanned > start && buffer[scanned - 1] == 0x0D
        let end = hasReturn ? scanned - 1 : scanned
        moveOn(to: next)
        return start..<end
      }
      if byte == 0 { isLineEndless = true } else { scanned += 1 }
    }
    guard buffer.count <= limit else { throw .lineTooLong(use) }
    return nil
  }

  private mutating func moveOn(to next: Int) {
    offset = next
    scanned = next
    isLineEndless = false
  }

  private static let nameBytesKept = 16
  /// Most requests have no more.
  private static let argumentsReserved = 4

  /// What Redis' own limit for a value is; only a stranger's error text depends on it.
  private static let strangersLengthMax = 512 << 20

  private static func isOfAnotherProtocol(_ request: [[UInt8]]) -> Bool {
    guard let name = request.first, name.count == 4 || name.count == 5 else { return false }
    func isName(_ text: String) -> Bool {
      name.elementsEqual(text.utf8) { ((0x41...0x5A) ~= $0 ? $0 | 0x20 : $0) == $1 }
    }
    return isName("post") || isName("host:")
  }
}
