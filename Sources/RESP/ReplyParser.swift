import Basics

/// How much one reply may hold for a ``ReplyParser``.
package struct ReplyLimits: Hashable, Sendable {
  /// Bytes of one bulk, and of one line.
  package var bulkBytesMax: Int
  /// Elements of one reply, those of nested ones included.
  package var elementsMax: Int
  /// Arrays inside arrays.
  package var depthMax: Int

  package init(bulkBytesMax: Int, elementsMax: Int, depthMax: Int) {
    self.bulkBytesMax = bulkBytesMax
    self.elementsMax = elementsMax
    self.depthMax = depthMax
  }

  /// 64 MiB, 4,194,304 elements, a depth of 16.
  package static let standard = ReplyLimits(
    bulkBytesMax: 64 << 20, elementsMax: 1 << 22, depthMax: 16)
}

/// Why bytes of a server are no reply; the connection is of no more use.
package enum ReplyError: Error, Hashable, Sendable, CustomStringConvertible {
  case unknownKind(UInt8)
  case malformed(kind: UInt8)
  case tooLarge(what: String, limit: Int)

  package var description: String {
    switch self {
    case .unknownKind(let kind): "a reply begins with the byte \(kind), which no kind of reply has"
    case .malformed(let kind): "a reply of the kind \(UnicodeScalar(kind)) is malformed"
    case .tooLarge(let what, let limit): "\(what) of a reply are over the limit of \(limit)"
    }
  }
}

/// Cuts the bytes of a server into replies, RESP2 and RESP3 alike. Bytes may come in any pieces;
/// each is looked at a constant number of times. Attributes are read and left out.
package struct ReplyParser: Sendable {
  private let limits: ReplyLimits
  private var buffer: [UInt8] = []
  private var offset = 0
  /// The line from `offset` has no end before this place.
  private var scanned = 0
  /// A bulk whose line was read and whose bytes are still to come.
  private var bulk: (kind: UInt8, length: Int)?
  /// Replies with elements to come, the outermost first.
  private var open: [Aggregate] = []
  private var elements = 0
  private var failure: ReplyError?

  private struct Aggregate: Sendable {
    let kind: UInt8
    /// Elements still to come; those of a map are keys and values.
    var left: Int
    var replies: [Reply] = []
  }

  package init(limits: ReplyLimits = .standard) { self.limits = limits }

  package mutating func append(_ bytes: [UInt8]) {
    guard failure == nil else { return }
    let before = offset
    buffer.append(bytes, read: &offset)
    scanned -= before - offset
  }

  /// The next reply, or `nil` until more bytes have come. After an error every call throws the
  /// same.
  package mutating func next() throws(ReplyError) -> Reply? {
    if let failure { throw failure }
    do throws(ReplyError) {
      while let token = try token() {
        if let reply = close(with: token) {
          elements = 0
          return reply
        }
      }
      return nil
    } catch {
      failure = error
      buffer = []
      open = []
      throw error
    }
  }

  /// A reply without elements, or the mark that one with elements was opened.
  private enum Token {
    case reply(Reply)
    case opened
  }

  /// Puts a finished reply into what is open, which may finish that, too. Gives the outermost.
  private mutating func close(with token: Token) -> Reply? {
    var finished: Reply?
    if case .reply(let reply) = token { finished = reply }
    while let last = open.indices.last {
      if let reply = finished {
        open[last].replies.append(reply)
        open[last].left -= 1
        finished = nil
      }
      guard open[last].left == 0 else { return nil }
      // An attribute is not an element: what follows it takes its place.
      guard let closed = open.popLast(), closed.kind != UInt8(ascii: "|") else { return nil }
      finished = Self.reply(closed)
    }
    return finished
  }

  private static func reply(_ aggregate: Aggregate) -> Reply {
    let replies = aggregate.replies
    switch aggregate.kind {
    case UInt8(ascii: "~"): return .set(replies)
    case UInt8(ascii: ">"): return .push(replies)
    case UInt8(ascii: "%"):
      let keys = stride(from: 0, to: replies.count - 1, by: 2)
      return .map(keys.map { Reply.Pair(replies[$0], replies[$0 + 1]) })
    default: return .array(replies)
    }
  }

  private mutating func token() throws(ReplyError) -> Token? {
    if let bulk { return try finish(bulk).map(Token.reply) }
    guard let line = try line() else { return nil }
    let kind = buffer[line.lowerBound]
    let content = line.lowerBound + 1..<line.upperBound
    elements += 1
    guard elements <= limits.elementsMax else {
      throw .tooLarge(what: "the elements", limit: limits.elementsMax)
    }
    switch kind {
    case UInt8(ascii: "$"), UInt8(ascii: "="), UInt8(ascii: "!"):
      let length = try length(content, kind, max: limits.bulkBytesMax, "the bytes")
      guard let length else { return .reply(.null) }
      bulk = (kind, length)
      return try finish((kind, length)).map(Token.reply)
    case UInt8(ascii: "*"), UInt8(ascii: "~"), UInt8(ascii: ">"), UInt8(ascii: "%"),
      UInt8(ascii: "|"):
      guard let count = try length(content, kind, max: limits.elementsMax, "the elements") else {
        return .reply(.nullArray)
      }
      guard open.count < limits.depthMax else {
        throw .tooLarge(what: "the levels", limit: limits.depthMax)
      }
      let isMap = kind == UInt8(ascii: "%") || kind == UInt8(ascii: "|")
      open.append(Aggregate(kind: kind, left: isMap ? 2 * count : count))
      return .opened
    default:
      return .reply(try scalar(kind, Array(buffer[content])))
    }
  }

  private func scalar(_ kind: UInt8, _ text: [UInt8]) throws(ReplyError) -> Reply {
    switch kind {
    case UInt8(ascii: "+"): return .simple(text)
    case UInt8(ascii: "-"): return .error(text)
    case UInt8(ascii: ":"):
      if let value = strictInteger(text) { return .integer(value) }
    case UInt8(ascii: "_"):
      if text.isEmpty { return .null }
    case UInt8(ascii: "#"):
      if text == [UInt8(ascii: "t")] { return .boolean(true) }
      if text == [UInt8(ascii: "f")] { return .boolean(false) }
    case UInt8(ascii: ","):
      if let value = Double(String(decoding: text, as: UTF8.self)) { return .double(value) }
    case UInt8(ascii: "("):
      let digits = text.first == UInt8(ascii: "-") ? text.dropFirst() : text[...]
      if !digits.isEmpty, digits.allSatisfy({ (0x30...0x39) ~= $0 }) { return .bigNumber(text) }
    default: throw .unknownKind(kind)
    }
    throw .malformed(kind: kind)
  }

  /// `nil` for -1, which is the null of RESP2 for bulks and arrays.
  private func length(_ range: Range<Int>, _ kind: UInt8, max: Int, _ what: String)
    throws(ReplyError) -> Int?
  {
    guard let length = strictInteger(buffer, in: range) else { throw .malformed(kind: kind) }
    if length == -1, kind == UInt8(ascii: "$") || kind == UInt8(ascii: "*") { return nil }
    guard length >= 0 else { throw .malformed(kind: kind) }
    guard length <= max else { throw .tooLarge(what: what, limit: max) }
    return Int(length)
  }

  private mutating func finish(_ awaited: (kind: UInt8, length: Int)) throws(ReplyError) -> Reply? {
    let end = offset + awaited.length
    guard buffer.count >= end + 2 else { return nil }
    guard buffer[end] == 0x0D, buffer[end + 1] == 0x0A else { throw .malformed(kind: awaited.kind) }
    let content = Array(buffer[offset..<end])
    offset = end + 2
    scanned = offset
    bulk = nil
    switch awaited.kind {
    case UInt8(ascii: "!"): return .error(content)
    case UInt8(ascii: "="):
      guard content.count >= 4, content[3] == UInt8(ascii: ":") else {
        throw .malformed(kind: awaited.kind)
      }
      return .verbatim(format: Array(content.prefix(3)), Array(content.dropFirst(4)))
    default: return .bulk(content)
    }
  }

  /// The line from `offset` without its end, at least one byte, and moves behind it.
  private mutating func line() throws(ReplyError) -> Range<Int>? {
    let start = offset
    while scanned + 1 < buffer.count, scanned - start <= limits.bulkBytesMax {
      if buffer[scanned] == 0x0D, buffer[scanned + 1] == 0x0A {
        guard scanned > start else { throw .malformed(kind: 0x0D) }
        let end = scanned
        offset = end + 2
        scanned = offset
        return start..<end
      }
      scanned += 1
    }
    guard scanned - start <= limits.bulkBytesMax else {
      throw .tooLarge(what: "the bytes", limit: limits.bulkBytesMax)
    }
    return nil
  }
}
