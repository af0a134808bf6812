import Basics
import Sessions

/// How far the content of a shard has been sent: entries in ascending order of their keys, then
/// sessions, then the rest. Names what was sent last, so that it means the same at every replica.
enum ShardPosition: Hashable, Sendable {
  case start
  case entries(after: [UInt8])
  /// Within a value, of which `offset` bytes have been sent.
  case inside(key: [UInt8], offset: Int)
  case sessions(after: SessionID?)
  /// Everything has been sent.
  case end

  /// The position as bytes, which only the source of a shard reads; empty for the start.
  var cursor: [UInt8] {
    var writer = ByteWriter()
    switch self {
    case .start: break
    case .entries(let key):
      writer.u8(1)
      writer.raw(key)
    case .inside(let key, let offset):
      writer.u8(2)
      writer.varint(offset)
      writer.raw(key)
    case .sessions(nil): writer.u8(3)
    case .sessions(let id?):
      writer.u8(4)
      writer.varint(id.issued)
      writer.u64(id.nonce)
    case .end: writer.u8(5)
    }
    return writer.bytes
  }

  /// `nil` for bytes that no position gives.
  init?(cursor: [UInt8]) {
    var reader = ByteReader(cursor)
    guard !reader.isAtEnd else {
      self = .start
      return
    }
    guard let position = try? Self.read(&reader), reader.isAtEnd else { return nil }
    self = position
  }

  private static func read(_ reader: inout ByteReader) throws(ByteError) -> ShardPosition {
    switch try reader.u8("kind of cursor") {
    case 1: return .entries(after: try reader.raw(count: reader.remaining, "cursor"))
    case 2:
      let offset = try reader.count("offset in a value")
      return .inside(key: try reader.raw(count: reader.remaining, "cursor"), offset: offset)
    case 3: return .sessions(after: nil)
    case 4:
      return .sessions(
        after: SessionID(issued: try reader.varint("cursor"), nonce: try reader.u64("cursor")))
    case 5: return .end
    default: throw .malformed(field: "kind of cursor", offset: reader.offset)
    }
  }
}
