/// What is wrong with bytes that came over a connection. It ends that connection and nothing else;
/// the description is for people, and is sent back in a goodbye.
package enum WireError: Error, Hashable, Sendable, CustomStringConvertible {
  /// The first byte of a frame names no kind of message.
  case unknownKind(UInt8)
  case unsupportedVersion(UInt8)
  /// The header's own check does not hold, so its lengths mean nothing.
  case headerDamaged
  case jsonTooLong(bytes: Int, limit: Int)
  case tailTooLong(bytes: Int, limit: Int)
  case checksumMismatch(expected: UInt32, found: UInt32)
  /// The document is not JSON as RFC 8259 has it, or breaks our limits on it; the offset counts
  /// from its first byte.
  case badJSON(problem: String, offset: Int)
  case missingField(String)
  case badField(String, problem: String)
  /// `type` names no message of this kind.
  case unknownType(String)
  /// The tail does not hold what the document says.
  case badTail(problem: String)

  package var description: String {
    switch self {
    case .unknownKind(let kind):
      "frame of unknown kind 0x\(String(kind, radix: 16)): is this the peer protocol of shardkv?"
    case .unsupportedVersion(let version):
      "frame version \(version) is not supported; this side speaks \(FrameHeader.version)"
    case .headerDamaged: "frame header damaged on the way, or not of this protocol"
    case .jsonTooLong(let bytes, let limit):
      "frame with \(bytes) bytes of JSON, over the limit of \(limit)"
    case .tailTooLong(let bytes, let limit):
      "frame with a tail of \(bytes) bytes, over the limit of \(limit)"
    case .checksumMismatch(let expected, let found):
      "frame damaged on the way: its checksum is \(found) and its header says \(expected)"
    case .badJSON(let problem, let offset): "bad JSON: \(problem) at byte \(offset)"
    case .missingField(let name): "the field \"\(name)\" is missing"
    case .badField(let name, let problem): "the field \"\(name)\" \(problem)"
    case .unknownType(let type): "no message has the type \"\(type)\""
    case .badTail(let problem): "the binary tail \(problem)"
    }
  }
}
