/// A client's exactly-once window for one shard (or for the controller).
///
/// The server issues it: `issued` is the replicated clock of that moment, so that a session that
/// was evicted can be told apart from one never seen without trusting the client's clock.
package struct SessionID: Hashable, Comparable, Sendable {
  /// Milliseconds since 1970 by the issuing machine's replicated clock.
  package var issued: UInt64
  package var nonce: UInt64

  package init(issued: UInt64, nonce: UInt64) {
    self.issued = issued
    self.nonce = nonce
  }

  package static func < (left: Self, right: Self) -> Bool {
    (left.issued, left.nonce) < (right.issued, right.nonce)
  }
}

/// What makes a write happen once: its session and its number in it.
package struct WriteID: Hashable, Sendable {
  package var session: SessionID
  /// From 1, one more for each new write of the session.
  package var sequence: UInt64
  /// The lowest number of this session that the client still waits for; answers below it are
  /// forgotten.
  package var firstUnanswered: UInt64

  package init(session: SessionID, sequence: UInt64, firstUnanswered: UInt64) {
    self.session = session
    self.sequence = sequence
    self.firstUnanswered = firstUnanswered
  }
}
