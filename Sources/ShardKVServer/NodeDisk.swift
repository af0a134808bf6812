import Basics
import Journal
import Raft

/// The part of a node that keeps what is durable apart from what is not: the journal, the messages
/// that wait for it, and the snapshot being written.
///
/// At most one sync is under way. What is appended meanwhile waits for the next one, so that a slow
/// disk makes larger batches, not longer queues of syncs.
struct NodeDisk: Sendable {
  var journal: Journal
  /// The last entry given to the journal; what a sync makes durable.
  private(set) var lastAppended: EntryID?
  /// Messages that wait for what is in the journal but in no sync yet.
  private(set) var waiting: [Message] = []
  private(set) var flight: Flight?
  private var nextSync: UInt64 = 1
  var writing = SnapshotWriting.none
  /// Sections of a leader's snapshot that are not written yet.
  var received: [SnapshotChunk] = []
  /// Sections that followers wait for, by the file's bytes that hold them.
  var ordered: [FileRead: [WantedSection]] = [:]

  /// A sync under way and what depends on it.
  struct Flight: Sendable {
    var number: UInt64
    var last: EntryID?
    var messages: [Message]
    var finishesSnapshot: Bool
  }

  /// The snapshot file that is being written.
  enum SnapshotWriting: Sendable {
    case none
    /// This replica's own state.
    case own(SnapshotMetadata)
    /// A leader's.
    case received(SnapshotMetadata)
  }

  init(journal: Journal) { self.journal = journal }

  mutating func append(_ ready: Ready) {
    if ready.hardState != nil || !ready.entries.isEmpty {
      journal.append(hardState: ready.hardState, entries: ready.entries)
      if let last = ready.entries.last { lastAppended = last.id }
    }
  }

  /// The log now begins after a snapshot that is durable.
  mutating func resetLog(to last: EntryID) {
    journal.resetLog(to: last)
    lastAppended = nil
  }

  mutating func hold(_ messages: [Message]) { waiting += messages }

  /// Messages that wait for nothing: all that was appended is durable.
  mutating func takeUnbound() -> [Message] {
    guard !waiting.isEmpty, flight == nil, !journal.needsFlush else { return [] }
    defer { waiting = [] }
    return waiting
  }

  /// Writes the journal's batch and begins the sync of it (and of a snapshot's end), unless one is
  /// under way.
  mutating func flush(
    finishing snapshot: (writes: [FileEffect], syncs: [FileEffect])?,
    into effects: inout NodeEffects
  ) {
    guard flight == nil, snapshot != nil || journal.needsFlush else { return }
    let batch = journal.flush()
    let end = snapshot ?? ([], [])
    effects.files += batch.writes + end.writes
    let syncs = batch.syncs + end.syncs
    guard !syncs.isEmpty else { return }
    flight = Flight(
      number: nextSync, last: lastAppended, messages: waiting, finishesSnapshot: snapshot != nil)
    nextSync += 1
    waiting = []
    lastAppended = nil
    effects.sync = NodeSync(number: nextSync - 1, files: syncs)
  }

  /// The sync is done: what depended on it.
  mutating func land(_ number: UInt64) -> Flight {
    guard let landed = flight, landed.number == number else {
      fatalError("invariant broken: sync \(number) was not under way")
    }
    flight = nil
    return landed
  }
}
