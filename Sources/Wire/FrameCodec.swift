import Raft

/// Messages as frames. `docs/WIRE.md` shows every one of them.
package enum FrameCodec {
  package static func encode(_ message: WireMessage) -> [UInt8] {
    var bytes: [UInt8] = []
    encode(message, into: &bytes)
    return bytes
  }

  /// Appends the frame, so that the frames of one turn leave in one buffer.
  package static func encode(_ message: WireMessage, into bytes: inout [UInt8]) {
    switch message {
    case .request(let request): request.write(to: &bytes)
    case .reply(let reply): reply.write(to: &bytes)
    case .raft(let message): message.write(to: &bytes)
    case .state(let report): report.write(to: &bytes)
    case .hello(let hello): hello.write(to: &bytes)
    case .welcome(let welcome): welcome.write(to: &bytes)
    case .goodbye(let reason): part("goodbye", reason, &bytes)
    case .dismissal(let reason): part("dismissal", reason, &bytes)
    }
  }

  private static func part(_ type: StaticString, _ reason: String, _ bytes: inout [UInt8]) {
    var writer = FrameWriter(.goodbye, takingOver: &bytes, reserving: 512)
    writer.open(type)
    // Cut so that it fits the other side's smallest limit, escapes included.
    writer.text("reason", String(decoding: reason.utf8.prefix(500), as: UTF8.self))
    writer.finish(into: &bytes)
  }

  static func decode(_ kind: FrameHeader.Kind, _ frame: FrameBytes) throws(WireError) -> WireMessage
  {
    let object = try JSONObject(document: frame)
    switch kind {
    case .hello: return .hello(try Hello(object))
    case .welcome: return .welcome(try Welcome(object))
    case .goodbye:
      let reason = try object.text("reason")
      switch try object.word("type") {
      case "goodbye": return .goodbye(reason: reason)
      case "dismissal": return .dismissal(reason: reason)
      case let word: throw .unknownType(word.description)
      }
    case .raft:
      if try object.word("type").description == StateReport.type.description {
        return .state(try StateReport(object))
      }
      return .raft(try Message(object, frame))
    case .request: return .request(try Request(object))
    case .reply: return .reply(try Reply(object))
    }
  }
}
