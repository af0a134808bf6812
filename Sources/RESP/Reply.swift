/// One reply as a value. In RESP2 the kinds that it lacks are written as the nearest it has, as
/// Redis does.
package enum Reply: Hashable, Sendable {
  /// A short text without line ends.
  case simple([UInt8])
  /// A code word and a text, without line ends.
  case error([UInt8])
  case integer(Int64)
  case bulk([UInt8])
  case null
  /// The null of an array; only RESP2 tells it from `null`.
  case nullArray
  case array([Reply])
  /// Pairs in the order of the wire.
  case map([Pair])
  case set([Reply])
  case double(Double)
  case boolean(Bool)
  /// Decimal digits with an optional sign.
  case bigNumber([UInt8])
  /// A text and what it is written in: three bytes such as `txt` or `mkd`.
  case verbatim(format: [UInt8], [UInt8])
  /// A message that answers no request.
  case push([Reply])

  /// An element of a map.
  package struct Pair: Hashable, Sendable {
    package var key: Reply
    package var value: Reply

    package init(_ key: Reply, _ value: Reply) {
      self.key = key
      self.value = value
    }
  }

  package static let ok = Reply.simple(Array("OK".utf8))
  package static func simple(_ text: String) -> Reply { .simple(Array(text.utf8)) }
  package static func error(_ text: String) -> Reply { .error(Array(text.utf8)) }
  package static func bulk(_ text: String) -> Reply { .bulk(Array(text.utf8)) }

  package var isError: Bool {
    if case .error = self { true } else { false }
  }
}
