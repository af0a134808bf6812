import Wire

/// What a turn sends, gathered so that each connection gets its bytes in one piece.
struct Outbox: Sendable {
  private var order: [ConnectionID] = []
  private var bytes: [ConnectionID: [UInt8]] = [:]

  mutating func send(_ message: WireMessage, on connection: ConnectionID) {
    if bytes[connection] == nil { order.append(connection) }
    FrameCodec.encode(message, into: &bytes[connection, default: []])
  }

  mutating func send(_ content: [UInt8], on connection: ConnectionID) {
    if bytes[connection] == nil { order.append(connection) }
    bytes[connection, default: []] += content
  }

  /// Forgets what was to be sent on a connection that is gone.
  mutating func drop(_ connection: ConnectionID) {
    if bytes[connection] != nil { bytes[connection] = [] }
  }

  mutating func flush(into links: inout [LinkEffect]) {
    for connection in order {
      if let content = bytes[connection], !content.isEmpty {
        links.append(.send(connection, content))
      }
    }
    order.removeAll(keepingCapacity: true)
    bytes.removeAll(keepingCapacity: true)
  }

  /// Sends what is gathered for one connection now, so that a close can follow it.
  mutating func flush(_ connection: ConnectionID, into links: inout [LinkEffect]) {
    guard let content = bytes[connection], !content.isEmpty else { return }
    links.append(.send(connection, content))
    bytes[connection] = []
  }
}
