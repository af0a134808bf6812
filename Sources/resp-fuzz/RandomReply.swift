import Basics
import Fuzzing
import RESP

/// Replies as servers write them.
enum RandomReply {
  /// Adds one to three replies; what they are is known in version 3, which has all kinds.
  static func stream(into bytes: inout [UInt8], _ random: inout SeededGenerator) -> [Reply]? {
    var writer = ReplyWriter(version: random.chance(0.8) ? .three : .two)
    var replies: [Reply] = []
    for _ in 0..<random.next(in: 1...3) {
      // An attribute says something about the reply that follows, and is left out.
      if random.chance(0.05) {
        writer.bytes += Array("|1\r\n".utf8)
        writer.write(.simple("ttl"))
        writer.write(.integer(3600))
      }
      replies.append(reply(&random, depth: 3))
      writer.write(replies[replies.count - 1])
    }
    bytes += writer.bytes
    return writer.version == .three ? replies : nil
  }

  /// A reply with at most `depth` levels of elements.
  static func reply(_ random: inout SeededGenerator, depth: Int) -> Reply {
    switch random.next(in: 0..<(depth > 0 ? 13 : 9)) {
    case 0: .simple(text(&random))
    case 1: .error(text(&random))
    case 2: .integer(Int64(bitPattern: random.next()))
    case 3: .bulk(text(&random) + [0x0D, 0x0A, 0])
    case 4: .null
    case 5: .double(Double(Int64(bitPattern: random.next())) / 1024)
    case 6: .boolean(random.chance(0.5))
    case 7: .bigNumber(Array("-\(random.next())000".utf8))
    case 8: .verbatim(format: Array("txt".utf8), text(&random))
    case 9: .array(replies(&random, depth: depth))
    case 10: .set(replies(&random, depth: depth))
    case 11: .push(replies(&random, depth: depth))
    default: .map(replies(&random, depth: depth).map { .init($0, .null) })
    }
  }

  private static func replies(_ random: inout SeededGenerator, depth: Int) -> [Reply] {
    (0..<random.next(in: 0...3)).map { _ in reply(&random, depth: depth - 1) }
  }

  private static func text(_ random: inout SeededGenerator) -> [UInt8] {
    (0..<random.next(in: 0...5)).map { _ in UInt8(random.next(in: 0x20...0x7E)) }
  }
}
