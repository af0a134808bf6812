/// Names one connection within a process. The side that decides numbers those it opens from 1; the
/// loop numbers those it accepts from ``firstAccepted``, and from ``firstRedis`` those of Redis'
/// clients, who have a port of their own.
package struct ConnectionID: RawRepresentable, Hashable, Comparable, Sendable {
  package let rawValue: UInt64
  package init(rawValue: UInt64) { self.rawValue = rawValue }

  package static let firstAccepted: UInt64 = 1 << 63
  package static let firstRedis: UInt64 = 3 << 62
  /// Somebody else opened it, at whichever port.
  package var isAccepted: Bool { rawValue >= Self.firstAccepted }
  package var isRedis: Bool { rawValue >= Self.firstRedis }

  // Spelled out: by default other modules compare by calls of generic code.
  package static func == (left: Self, right: Self) -> Bool { left.rawValue == right.rawValue }
  package static func != (left: Self, right: Self) -> Bool { left.rawValue != right.rawValue }
  package static func < (left: Self, right: Self) -> Bool { left.rawValue < right.rawValue }
}

/// What the network did.
package enum LinkInput: Sendable {
  /// Somebody connected to our listening socket.
  case accepted(ConnectionID, from: String)
  /// A connection that we asked for is open.
  case connected(ConnectionID)
  /// The next bytes of the stream, in any pieces.
  case received(ConnectionID, [UInt8])
  /// The connection is gone (or could not be opened): nothing more will be received or sent on it.
  /// Not reported for a connection that we closed ourselves.
  case closed(ConnectionID, reason: String)
  /// So much waits to be sent on an accepted connection that nothing is read from it, or (`false`)
  /// no more: to answer less, or to go on.
  case congested(ConnectionID, Bool)

  /// The connection that it is about.
  package var connection: ConnectionID {
    switch self {
    case .accepted(let connection, from: _), .connected(let connection),
      .received(let connection, _), .closed(let connection, reason: _),
      .congested(let connection, _):
      connection
    }
  }
}

/// What the network is to do.
package enum LinkEffect: Sendable {
  /// Opens a connection to `host:port`; bytes sent before it is open wait.
  case connect(ConnectionID, String)
  /// Sends bytes after those sent before.
  case send(ConnectionID, [UInt8])
  /// Sends what waits, then closes.
  case close(ConnectionID)
  /// Receives nothing more for now, so that who sends too much has to wait. A few bytes that were
  /// read already may still come.
  case pause(ConnectionID)
  /// Goes on after ``pause(_:)``.
  case resume(ConnectionID)
}
