import RESP

/// What a parser made of an input, and of the bytes that followed it.
struct Outcome<Message: Equatable, Failure: Equatable>: Equatable {
  var messages: [Message] = []
  var failure: Failure?
  /// How many messages there were, which error, and bytes held, when all of the input had come.
  var messagesOfInput = 0
  var failureOfInput: Failure?
  var heldBytes = 0
}

/// How often each end of an input came about, so that what was never tried is seen.
struct Tally {
  private(set) var counts = [Int](repeating: 0, count: Self.names.count)

  static let names = [
    "requests", "requests cut off", "too big inline request", "too big mbulk count string",
    "too big bulk count string", "unbalanced quotes", "invalid multibulk length",
    "unauthenticated multibulk length", "expected '$'", "invalid bulk length",
    "unauthenticated bulk length", "request too long", "another protocol", "replies",
    "unknown kind of reply", "malformed reply", "too large a reply",
  ]

  mutating func count(_ outcome: Outcome<[[UInt8]], ProtocolError>) {
    counts[0] += outcome.messagesOfInput
    if outcome.heldBytes > 0 { counts[1] += 1 }
    if let failure = outcome.failureOfInput { counts[Self.place(of: failure)] += 1 }
  }

  mutating func count(_ outcome: Outcome<Reply, ReplyError>) {
    counts[13] += outcome.messagesOfInput
    switch outcome.failureOfInput {
    case .unknownKind: counts[14] += 1
    case .malformed: counts[15] += 1
    case .tooLarge: counts[16] += 1
    case nil: break
    }
  }

  private static func place(of failure: ProtocolError) -> Int {
    switch failure {
    case .lineTooLong(.inline): 2
    case .lineTooLong(.argumentCount): 3
    case .lineTooLong(.argumentLength): 4
    case .unbalancedQuotes: 5
    case .badArgumentCount: 6
    case .strangersArgumentCount: 7
    case .expectedArgument: 8
    case .badArgumentLength: 9
    case .strangersArgumentLength: 10
    case .requestTooLong: 11
    case .anotherProtocol: 12
    }
  }
}
