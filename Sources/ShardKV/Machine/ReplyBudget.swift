import RESP
import RedisCommands

/// Bounds the bytes of the replies that are held together, whatever clients ask for.
struct ReplyBudget {
  private let max: Int
  /// What does not fit because of the replies before it may be asked for again.
  private let isDivisible: Bool
  private var used = 0

  init(_ max: Int, isDivisible: Bool) {
    self.max = max
    self.isDivisible = isDivisible
  }

  /// Whether an answer with so many bytes still fits. `bytes` as ``bytes(of:)``.
  func fits(_ bytes: Int) -> Bool { bytes <= max - used }

  /// The reply, or what stands for one that does not fit.
  mutating func admit(_ reply: Reply) -> Reply? {
    let bytes = Self.bytes(of: reply)
    guard fits(bytes) else { return excess }
    used += bytes
    return reply
  }

  /// What stands for a reply that does not fit: `nil` if it would by itself, perhaps, and may be
  /// asked for again; else the refusal.
  var excess: Reply? {
    if isDivisible, used > 0 { return nil }
    return .error("ERR the answer would be longer than \(max) bytes in all: ask for less at once")
  }

  /// The bytes of all texts in a reply, and for itself and each within it
  /// ``MachineLimits/replyUpkeepBytes``.
  static func bytes(of reply: Reply) -> Int {
    let content =
      switch reply {
      case .simple(let text), .error(let text), .bulk(let text), .bigNumber(let text): text.count
      case .verbatim(_, let text): text.count
      case .integer, .null, .nullArray, .double, .boolean: 0
      case .array(let elements), .set(let elements), .push(let elements):
        elements.reduce(0) { $0 + bytes(of: $1) }
      case .map(let pairs): pairs.reduce(0) { $0 + bytes(of: $1.key) + bytes(of: $1.value) }
      }
    return content + MachineLimits.replyUpkeepBytes
  }
}
