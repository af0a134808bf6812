import Basics
import Fuzzing
import RESP

/// Bytes for a parser, and what they mean where that is known.
struct FuzzInput {
  var bytes: [UInt8]
  var meaning: Meaning

  enum Meaning {
    /// For a server: what they ask for; `nil`: something was changed in them.
    case requests([[[UInt8]]]?)
    /// For a client: what they answer.
    case replies([Reply]?)
  }

  /// The input of a number: the same in each process.
  init(seed: UInt64, number: Int) {
    var random = Fuzzer.generator(seed: seed, number: number)
    self.init(&random)
  }

  init(_ random: inout SeededGenerator) {
    let isForServer = random.chance(0.6)
    var bytes: [UInt8] = []
    var requests: [[[UInt8]]]? = []
    var replies: [Reply]? = []
    if random.chance(0.1) {
      bytes = Self.noise(&random)
      (requests, replies) = (nil, nil)
    } else if isForServer {
      requests = RandomRequest.stream(into: &bytes, &random)
    } else {
      replies = RandomReply.stream(into: &bytes, &random)
    }
    if random.chance(0.8) {
      Mutation.apply(to: &bytes, &random)
      (requests, replies) = (nil, nil)
    }
    self.bytes = bytes
    meaning = isForServer ? .requests(requests) : .replies(replies)
  }

  /// Random bytes, of all or mostly of those that have a meaning.
  private static func noise(_ random: inout SeededGenerator) -> [UInt8] {
    let alphabet = Array("*$\r\n\r\n0123456789-+:%~>|,#_=!(\"'\\x \t\0a".utf8)
    let isStructured = random.chance(0.7)
    return (0..<random.next(in: 1...80)).map { _ in
      isStructured ? random.element(of: alphabet) : UInt8(random.next(in: 0...255))
    }
  }
}
