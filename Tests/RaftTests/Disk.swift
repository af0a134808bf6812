import Raft

/// What one replica has on its disk, and what is on its way there and would be lost in a crash.
struct Disk {
  struct Snapshot {
    var metadata: SnapshotMetadata
    var sections: [[UInt8]]
  }

  enum Change {
    case append(HardState?, [Entry], Trust?)
    case save(Snapshot)
    case install(Snapshot)
  }

  /// What one sync makes durable, and what may be sent after it.
  struct Batch {
    var changes: [Change]
    var messages: [Message]
  }

  /// The journal as it was before a batch.
  private struct Past {
    var hardState: HardState
    var entries: [Entry]
    /// The last entry of the snapshot of then.
    var base: EntryID?
  }

  var hardState = HardState()
  var entries: [Entry] = []
  var trust = Trust()
  var snapshot: Snapshot?
  private var past: [Past] = []
  var batches: [Batch] = []

  /// What follows is one batch, and is forgotten together.
  mutating func beginBatch() {
    past.append(Past(hardState: hardState, entries: entries, base: snapshot?.metadata.last))
    if past.count > 3 { past.removeFirst() }
  }

  mutating func carryOut(_ change: Change) {
    switch change {
    case .append(let promises, let added, let settled):
      if let promises { hardState = promises }
      if let settled { trust = settled }
      if let first = added.first {
        while let last = entries.last, last.index >= first.index { entries.removeLast() }
        entries.append(contentsOf: added)
      }
    case .save(let saved):
      snapshot = saved
      entries.removeAll { $0.index <= saved.metadata.last.index }
    case .install(let installed):
      snapshot = installed
      entries = []
    }
  }

  /// A crash after which the replica doubts its log: the last batches are gone, of three at most,
  /// though they were acknowledged.
  mutating func forget(batches: Int) {
    doubt(.tornTail)
    for _ in 0..<batches {
      guard let before = past.popLast() else { return }
      hardState = before.hardState
      guard let base = snapshot?.metadata.last else {
        entries = before.entries
        continue
      }
      // What the snapshot replaced does not come back.
      let isOfThisLog = before.base == base || before.entries.contains { $0.id == base }
      entries = isOfThisLog ? before.entries.filter { $0.index > base.index } : []
    }
  }

  /// A crash after which nothing is left.
  mutating func forgetEverything() {
    doubt(.damage)
    hardState = HardState()
    entries = []
    snapshot = nil
    past = []
  }

  private mutating func doubt(_ cause: Trust.Cause) {
    trust.doubts += 1
    if trust.cause != .damage { trust.cause = cause }
  }

  var restored: RestoredState {
    RestoredState(
      hardState: hardState, snapshot: snapshot?.metadata, entries: entries, trust: trust)
  }

  /// Bytes: the newest snapshot and the log after it, with the framing a journal gives them.
  var bytes: Int {
    let kept = snapshot.map { $0.sections.reduce(96) { $0 + $1.count } } ?? 0
    return entries.reduce(kept + 16) { $0 + $1.payload.count + 33 }
  }
}
