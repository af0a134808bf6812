import Raft

/// What one replica has on its disk, and what is on its way there and would be lost in a crash.
struct Disk {
  struct Snapshot {
    var metadata: SnapshotMetadata
    var sections: [[UInt8]]
  }

  enum Change {
    case append(HardState?, [Entry])
    case save(Snapshot)
    case install(Snapshot)
  }

  /// What one sync makes durable, and what may be sent after it.
  struct Batch {
    var changes: [Change]
    var messages: [Message]
  }

  var hardState = HardState()
  var entries: [Entry] = []
  var snapshot: Snapshot?
  var batches: [Batch] = []

  mutating func carryOut(_ change: Change) {
    switch change {
    case .append(let promises, let added):
      if let promises { hardState = promises }
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

  var restored: RestoredState {
    RestoredState(hardState: hardState, snapshot: snapshot?.metadata, entries: entries)
  }

  /// Bytes: the newest snapshot and the log after it, with the framing a journal gives them.
  var bytes: Int {
    let kept = snapshot.map { $0.sections.reduce(96) { $0 + $1.count } } ?? 0
    return entries.reduce(kept + 16) { $0 + $1.payload.count + 33 }
  }
}
