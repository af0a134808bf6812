import Basics
import Fuzzing
import RESP

/// Gives inputs to the parsers: whole, in random pieces and byte by byte, which must come to the
/// same, and holds what they keep in memory against what has come.
struct Fuzzer: InputPlayer {
  static var program: StaticString { "resp-fuzz" }
  static var summary: String { "gives random bytes to the parsers of Redis' protocol" }

  let seed: UInt64
  private(set) var tally = Tally()
  /// The most bytes allocated for a byte received, of inputs of at least `measuredBytesMin`.
  private(set) var worstShare = 0.0

  init(seed: UInt64) { self.seed = seed }

  /// Plays one input. Throws what a parser did wrong.
  mutating func play(_ number: Int) throws(Finding) {
    var random = Self.generator(seed: seed, number: number)
    let input = FuzzInput(&random)
    switch input.meaning {
    case .requests(let meant):
      let known = try play(RequestCutter.known, input.bytes, Self.laterRequests, &random)
      try Self.expect(known, toBe: meant)
      tally.count(known)
      for cutter in [RequestCutter.stranger, random.element(of: RequestCutter.others)] {
        tally.count(try play(cutter, input.bytes, Self.laterRequests, &random))
      }
    case .replies(let meant):
      let outcome = try play(ReplyCutter.standard, input.bytes, Self.laterReplies, &random)
      try Self.expect(outcome, toBe: meant)
      tally.count(outcome)
      tally.count(try play(ReplyCutter.littleRoom, input.bytes, Self.laterReplies, &random))
    }
  }

  /// With the limits of each parser.
  var ends: [(name: String, count: Int)] { Array(zip(Tally.names, tally.counts)) }

  var remarks: [String] {
    let hundredths = Int(worstShare * 100)
    return MemoryGauge.shared == nil
      ? [] : ["at most \(hundredths / 100).\(hundredths % 100 / 10) bytes allocated for a byte"]
  }

  func text(of number: Int) -> String {
    let bytes = FuzzInput(seed: seed, number: number).bytes
    let shown = bytes.prefix(2_000).map { byte in
      switch byte {
      case 0x0D: "\\r"
      case 0x0A: "\\n"
      case UInt8(ascii: "\\"): "\\\\"
      case 0x20...0x7E: String(UnicodeScalar(byte))
      default: (byte < 16 ? "\\x0" : "\\x") + String(byte, radix: 16)
      }
    }
    return "\(bytes.count) bytes: \(shown.joined())"
  }

  /// Bytes that follow each input: what becomes of them depends on all that a parser keeps.
  private static let laterRequests = Array("\r\nPING\r\n*2\r\n$4\r\nECHO\r\n$1\r\na\r\n".utf8)
  private static let laterReplies = Array("+OK\r\n*2\r\n:1\r\n$1\r\na\r\n".utf8)

  private mutating func play<Cutter: StreamCutter>(
    _ cutter: Cutter, _ bytes: [UInt8], _ later: [UInt8], _ random: inout SeededGenerator
  ) throws(Finding) -> Outcome<Cutter.Message, Cutter.Failure> {
    let whole = try Self.outcome(of: cutter, [bytes], later)
    let pieces = try Self.outcome(of: cutter, Self.pieces(of: bytes, &random), later)
    let single = try Self.outcome(of: cutter, bytes.lazy.map { Self.singles[Int($0)] }, later)
    try Self.expect(pieces, toBe: whole, "in random pieces", cutter.name)
    try Self.expect(single, toBe: whole, "byte by byte", cutter.name)
    // As dear as a delivery, so not of each input.
    if let gauge = MemoryGauge.shared, random.chance(0.25) { try measure(cutter, bytes, gauge) }
    return whole
  }

  private static let singles = (0...255).map { [UInt8($0)] }

  private static func pieces(of bytes: [UInt8], _ random: inout SeededGenerator) -> [[UInt8]] {
    let lengthMax = random.element(of: [3, 20, 200])
    var pieces: [[UInt8]] = []
    var start = 0
    while start < bytes.count {
      let end = random.next(in: start + 1...min(bytes.count, start + lengthMax))
      pieces.append(Array(bytes[start..<end]))
      start = end
    }
    return pieces
  }

  private static func outcome<Cutter: StreamCutter>(
    of fresh: Cutter, _ pieces: some Sequence<[UInt8]>, _ later: [UInt8]
  ) throws(Finding) -> Outcome<Cutter.Message, Cutter.Failure> {
    var cutter = fresh
    var outcome = Outcome<Cutter.Message, Cutter.Failure>()
    var received = 0
    for piece in pieces {
      cutter.append(piece)
      received += piece.count
      drain(&cutter, into: &outcome)
      let limit = outcome.failure == nil ? Cutter.heldBytesMax(received: received) : 0
      guard (0...limit).contains(cutter.heldBytes) else {
        throw Finding(
          description: "for \(cutter.name): it holds \(cutter.heldBytes) bytes after \(received)"
            + (outcome.failure.map { " and the error \($0)" } ?? ""))
      }
    }
    outcome.messagesOfInput = outcome.messages.count
    outcome.failureOfInput = outcome.failure
    outcome.heldBytes = cutter.heldBytes
    cutter.append(later)
    drain(&cutter, into: &outcome)
    return outcome
  }

  private static func drain<Cutter: StreamCutter>(
    _ cutter: inout Cutter, into outcome: inout Outcome<Cutter.Message, Cutter.Failure>
  ) {
    do throws(Cutter.Failure) {
      while let message = try cutter.next() { outcome.messages.append(message) }
    } catch {
      outcome.failure = error
    }
  }

  /// What is allocated for an input once it has come byte by byte: arrays that grow, a box for
  /// each reply; never what a length only announces.
  private mutating func measure<Cutter: StreamCutter>(
    _ fresh: Cutter, _ bytes: [UInt8], _ gauge: MemoryGauge
  ) throws(Finding) {
    let before = gauge.allocatedBytes
    var cutter = fresh
    for byte in bytes {
      cutter.append(Self.singles[Int(byte)])
      while let message = try? cutter.next() { _ = message }
    }
    let allocated = gauge.allocatedBytes - before
    if bytes.count >= Self.measuredBytesMin {
      worstShare = max(worstShare, Double(allocated) / Double(bytes.count))
    }
    guard allocated <= Self.allocatedBytesMax + Self.allocatedShareMax * bytes.count else {
      throw Finding(
        description: "for \(cutter.name): \(allocated) bytes are allocated for \(bytes.count)")
    }
  }

  private static let measuredBytesMin = 64
  private static let allocatedBytesMax = 512
  private static let allocatedShareMax = 40

  private static func expect<Message, Failure>(
    _ outcome: Outcome<Message, Failure>, toBe meant: [Message]?
  ) throws(Finding) {
    guard let meant else { return }
    let found = Array(outcome.messages.prefix(outcome.messagesOfInput))
    guard found != meant || outcome.failureOfInput != nil || outcome.heldBytes != 0 else { return }
    throw Finding(
      description: "read as \(found), error \(text(outcome.failureOfInput)), "
        + "\(outcome.heldBytes) bytes left; meant are \(meant)")
  }

  private static func expect<Message, Failure>(
    _ outcome: Outcome<Message, Failure>, toBe whole: Outcome<Message, Failure>,
    _ delivery: String, _ name: String
  ) throws(Finding) {
    // What is not a number differs from itself, but not in words.
    guard outcome != whole, "\(outcome)" != "\(whole)" else { return }
    throw Finding(description: "for \(name): \(delivery) it is \(outcome), whole it is \(whole)")
  }

  private static func text<Failure>(_ failure: Failure?) -> String {
    failure.map { "\($0)" } ?? "none"
  }
}
