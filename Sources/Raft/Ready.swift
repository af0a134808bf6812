import Basics

/// What must survive a crash besides the log: the promises of this replica (Raft §5.2).
package struct HardState: Hashable, Sendable {
  package var term: Term
  package var vote: ReplicaID?

  package init(term: Term = .zero, vote: ReplicaID? = nil) {
    self.term = term
    self.vote = vote
  }
}

/// What a replica found on its disk.
package struct RestoredState: Sendable {
  package var hardState: HardState
  /// The snapshot that the state machine was restored from.
  package var snapshot: SnapshotMetadata?
  /// The log after the snapshot (it may begin earlier), without gaps.
  package var entries: [Entry]
  /// Whether that is all.
  package var trust: Trust

  package init(
    hardState: HardState = HardState(), snapshot: SnapshotMetadata? = nil, entries: [Entry] = [],
    trust: Trust = Trust()
  ) {
    self.hardState = hardState
    self.snapshot = snapshot
    self.entries = entries
    self.trust = trust
  }
}

/// Everything that the outside must do for a ``RaftNode``, in this order:
///
/// 1. append `hardState`, `entries` and `trust` to the journal, in this order and in one batch (not
///    yet synced),
/// 2. send `messages`: they promise nothing,
/// 3. sync the journal,
/// 4. send `messagesAfterSync`: votes and acknowledgements,
/// 5. tell the node with ``RaftNode/persisted(_:)``.
///
/// `committed`, `reads` and `receivedSections` need no sync and may be handled at any time.
package struct Ready: Sendable {
  /// Set when it changed since the last ready.
  package var hardState: HardState?
  /// To append. If the first is not after the journal's last, the journal is cut there first.
  package var entries: [Entry] = []
  /// Set when it changed since the last ready: the doubt is settled. Must not become durable
  /// without `hardState` and `entries`.
  package var trust: Trust?
  package var messages: [Message] = []
  package var messagesAfterSync: [Message] = []
  /// Newly committed entries, each exactly once and in order, of every kind; no more than
  /// ``RaftSettings/committedBytesMax``, the rest in the next readies.
  package var committed: [Entry] = []
  package var reads: [ReadOutcome] = []
  /// Sections of a leader's snapshot in order; after the one with `isLast` is durable and the state
  /// machine restored, call ``RaftNode/snapshotRestored(_:)``.
  package var receivedSections: [SnapshotChunk] = []
  /// Sections that followers need; the outside reads them from the snapshot's file and gives them
  /// to ``RaftNode/sendSection(_:to:)``.
  package var wantedSections: [WantedSection] = []

  package init() {}
}

/// The answer to ``RaftNode/read(context:)`` and ``RaftNode/readAnywhere(context:)``.
package enum ReadOutcome: Hashable, Sendable {
  /// Linearizable once everything up to `index` is applied.
  case confirmed(context: UInt64, index: LogIndex)
  /// Leadership was lost or never confirmed: the reader must ask again elsewhere.
  case dropped(context: UInt64)
}

/// A follower needs this section of this snapshot.
package struct WantedSection: Hashable, Sendable {
  package var to: ReplicaID
  package var snapshot: EntryID
  package var section: Int

  package init(to: ReplicaID, snapshot: EntryID, section: Int) {
    self.to = to
    self.snapshot = snapshot
    self.section = section
  }
}

/// How a replica takes part.
package enum Role: String, Sendable {
  case follower, preCandidate, candidate, leader, learner
}
