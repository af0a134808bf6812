import Wire

/// What a turn sends, gathered so that each connection gets its bytes in one piece.
struct Outbox: Sendable {
  /// In order of first use.
  private var queue: [(connection: ConnectionID, bytes: [UInt8])] = []
  private var places: [ConnectionID: Int] = [:]

  mutating func send(_ message: WireMessage, on connection: ConnectionID) {
    FrameCodec.encode(message, into: &queue[place(of: connection)].bytes)
  }

  mutating func send(_ content: [UInt8], on connection: ConnectionID) {
    let place = place(of: connection)
    if queue[place].bytes.isEmpty {
      queue[place].bytes = content
    } else {
      queue[place].bytes += content
    }
  }

  private mutating func place(of connection: ConnectionID) -> Int {
    if let place = places[connection] { return place }
    places[connection] = queue.count
    queue.append((connection, []))
    return queue.count - 1
  }

  /// Forgets what was to be sent on a connection that is gone.
  mutating func drop(_ connection: ConnectionID) {
    if let place = places[connection] { queue[place].bytes = [] }
  }

  mutating func flush(into links: inout [LinkEffect]) {
    links.reserveCapacity(links.count + queue.count)
    for (connection, bytes) in queue where !bytes.isEmpty {
      links.append(.send(connection, bytes))
    }
    queue.removeAll(keepingCapacity: true)
    places.removeAll(keepingCapacity: true)
  }

  /// Sends what is gathered for one connection now, so that a close can follow it.
  mutating func flush(_ connection: ConnectionID, into links: inout [LinkEffect]) {
    guard let place = places[connection], !queue[place].bytes.isEmpty else { return }
    links.append(.send(connection, queue[place].bytes))
    queue[place].bytes = []
  }
}
