/// Whether this replica's disk still has everything that the replica ever promised or acknowledged.
///
/// A journal whose last batch is bad may have been torn while it was written, which nobody was told
/// of, or damaged after it was acknowledged: the two cannot be told apart. A replica in doubt may
/// have forgotten entries that it acknowledged, votes that it gave and terms that it promised. So
/// it counts for nothing until it has *settled* with a leader.
package struct Trust: Hashable, Sendable {
  /// How often it was found that something may be missing. Never falls in the life of a folder; 0:
  /// never.
  package var doubts: UInt64
  /// Why it is in doubt now; `nil`: it is not.
  package var cause: Cause?

  package enum Cause: UInt8, CaseIterable, Sendable {
    /// Only the end of the log can be missing: it was bad, and is cut off.
    case tornTail = 1
    /// Data that was acknowledged is known to be missing.
    case damage = 2
  }

  package init(doubts: UInt64 = 0, cause: Cause? = nil) {
    self.doubts = doubts
    self.cause = cause
  }

  /// What others are told.
  package var report: TrustReport { TrustReport(doubts: doubts, isInDoubt: cause != nil) }
}

/// What a replica tells others of its ``Trust``, in every reply.
package struct TrustReport: Hashable, Sendable {
  package var doubts: UInt64
  package var isInDoubt: Bool

  package init(doubts: UInt64, isInDoubt: Bool) {
    self.doubts = doubts
    self.isInDoubt = isInDoubt
  }

  /// Of a replica that never was in doubt.
  package static let sound = TrustReport(doubts: 0, isInDoubt: false)
}

/// What settles a replica's doubt: its leader heard of doubt number `doubts` before it made the
/// entry at `index`.
package struct Settlement: Hashable, Sendable {
  package var doubts: UInt64
  package var index: LogIndex

  package init(doubts: UInt64, index: LogIndex) {
    self.doubts = doubts
    self.index = index
  }
}
