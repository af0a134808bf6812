import RESP

/// A parser of a stream, as the fuzz sees it.
protocol StreamCutter {
  associatedtype Message: Equatable
  associatedtype Failure: Error & Equatable

  /// What it is called in a finding.
  var name: String { get }
  /// What it says that it holds.
  var heldBytes: Int { get }
  /// The most that it may say so after these bytes.
  static func heldBytesMax(received: Int) -> Int
  mutating func append(_ bytes: [UInt8])
  mutating func next() throws(Failure) -> Message?
}

/// A server's parser; the client may log in on the way.
struct RequestCutter: StreamCutter {
  let name: String
  private var parser: RequestParser
  /// After so many requests the limits are those of a client that is known.
  private var requestsOfStranger: Int?

  init(_ name: String, _ limits: RequestLimits, knownAfter requestsOfStranger: Int? = nil) {
    self.name = name
    parser = RequestParser(limits: limits)
    self.requestsOfStranger = requestsOfStranger
  }

  var heldBytes: Int { parser.bufferedBytes }

  /// Six bytes are the shortest argument.
  static func heldBytesMax(received: Int) -> Int {
    received + received / 6 * RequestLimits.argumentUpkeepBytes
  }

  mutating func append(_ bytes: [UInt8]) { parser.append(bytes) }

  mutating func next() throws(ProtocolError) -> [[UInt8]]? {
    let request = try parser.next()
    if let left = requestsOfStranger, request != nil {
      requestsOfStranger = left > 1 ? left - 1 : nil
      if left <= 1 { parser.limits = .known }
    }
    return request
  }

  static let known = RequestCutter("a known client", .known)
  static let stranger = RequestCutter("a stranger", .stranger)
  /// Limits that short inputs reach, and a stranger who logs in.
  static let others = [
    RequestCutter("a known client with little room", Self.littleRoom(isKnown: true)),
    RequestCutter("a stranger with little room", Self.littleRoom(isKnown: false)),
    RequestCutter("a stranger who logs in", .stranger, knownAfter: 1),
    RequestCutter(
      "a stranger with little room who logs in", Self.littleRoom(isKnown: false), knownAfter: 1),
  ]

  private static func littleRoom(isKnown: Bool) -> RequestLimits {
    RequestLimits(
      argumentsMax: 4, argumentBytesMax: 16, lineBytesMax: 24, requestBytesMax: 96,
      isKnown: isKnown)
  }
}

/// A client's parser.
struct ReplyCutter: StreamCutter {
  let name: String
  private var parser: ReplyParser

  init(_ name: String, _ limits: ReplyLimits) {
    self.name = name
    parser = ReplyParser(limits: limits)
  }

  /// It does not say.
  var heldBytes: Int { 0 }
  static func heldBytesMax(received: Int) -> Int { received }

  mutating func append(_ bytes: [UInt8]) { parser.append(bytes) }
  mutating func next() throws(ReplyError) -> Reply? { try parser.next() }

  static let standard = ReplyCutter("a client", .standard)
  static let littleRoom = ReplyCutter(
    "a client with little room", ReplyLimits(bulkBytesMax: 12, elementsMax: 6, depthMax: 2))
}
