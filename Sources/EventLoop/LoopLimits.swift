import Basics
import Wire

/// What one ``Loop`` bounds, each with the reason that ``LinkInput/closed(_:reason:)`` then gives.
package struct LoopLimits: Sendable {
  /// Bytes waiting for one connection above which an accepted one is no longer read from: who does
  /// not take answers gets to ask no more questions. One that we opened is always read from, since
  /// we decide what is sent there, and unread acknowledgements would stop a group.
  package var outputSoftMax = 8 << 20
  /// Bytes waiting for one connection above which it is closed.
  package var outputHardMax = 32 << 20
  /// Bytes waiting for all connections above which the fullest is closed.
  package var outputTotalMax = 256 << 20
  /// Bytes read from all connections in one turn; the rest comes in the next.
  package var inputPerTurnMax = 1 << 20
  /// Connections accepted in one turn.
  package var acceptsPerTurnMax = 64
  /// How long opening a connection to one address may take.
  package var connectTimeout: UInt64 = 3_000 * nanosecondsPerMillisecond
  /// How long a connection that we close may take to send what waits.
  package var closeTimeout: UInt64 = 2_000 * nanosecondsPerMillisecond
  /// How long nothing is accepted after the system had no descriptor or memory for it.
  package var acceptPause: UInt64 = 100 * nanosecondsPerMillisecond
  package init() {}

  /// Bytes read from one connection in one turn.
  static let readBytesMax = 256 << 10
  /// Connections waiting for accept, as Redis and others ask for.
  static let backlog: Int32 = 511
  /// Descriptors reported by one wait.
  static let eventsMax = 512
}

/// Whom a listening socket is for, and how many of them.
package struct LoopDoor: Sendable {
  /// The number of the first connection that is accepted; the others follow.
  package var firstConnection: UInt64
  /// Connections accepted and not yet closed; further ones get ``refusal`` and are closed.
  package var acceptedMax: Int
  /// What a connection above ``acceptedMax`` is sent, if it fits into its socket at once.
  package var refusal: [UInt8]

  package init(
    firstConnection: UInt64 = ConnectionID.firstAccepted, acceptedMax: Int = 10_000,
    refusal: [UInt8] = []
  ) {
    self.firstConnection = firstConnection
    self.acceptedMax = acceptedMax
    self.refusal = refusal
  }
}

/// A socket call that failed, ready to be shown.
package struct LoopError: Error, Hashable, Sendable, CustomStringConvertible {
  package var description: String
  package init(_ description: String) { self.description = description }
}
