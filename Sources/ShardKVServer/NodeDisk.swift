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
  var quiet = Quiet()
  /// Sections of a leader's snapshot that were not yet handed on.
  var received: [SnapshotChunk] = []
  /// Sections that were handed on and not yet taken.
  var sectionsWaiting = 0
  /// Asks the leader for the next section, as soon as fewer wait.
  var heldReply: Message?
  /// After the disk had no room for a snapshot none is begun before, monotonic nanoseconds.
  var retryAt: UInt64 = 0
  /// How often that happened in a row.
  var failures = 0
  /// A spare segment is being made; after one had no room none is begun before, monotonic
  /// nanoseconds.
  var isMakingSpare = false
  var nextSpareAt: UInt64 = 0
  /// Files are being read back; else when that begins again, monotonic nanoseconds.
  var isScrubbing = false
  var nextScrubAt: UInt64 = 0
  /// Files that were found damaged and are still needed, ascending.
  var damaged: [String] = []
  /// A leader's snapshot found no room: when it may be asked for once more.
  var receiveAgainAt: UInt64?
  /// Sections that followers wait for, by the file's bytes that hold them.
  var ordered: [FileRead: [WantedSection]] = [:]

  /// A sync under way and what depends on it.
  struct Flight: Sendable {
    var number: UInt64
    var last: EntryID?
    var messages: [Message]
  }

  /// Since when next to nothing is written. A clock that is moved on from time to time is nothing.
  struct Quiet: Sendable {
    private static let slack: UInt64 = 64 << 10

    /// Monotonic nanoseconds.
    private(set) var since: UInt64 = 0
    private var bytes: UInt64 = 0

    /// The journal holds so many bytes after the last snapshot.
    mutating func note(bytes now: UInt64, at time: UInt64) {
      guard now < bytes || now > bytes + Self.slack else { return }
      bytes = now
      since = time
    }
  }

  /// The snapshot file that is being written.
  enum SnapshotWriting: Sendable {
    case none
    /// This replica's own state.
    case own(SnapshotMetadata)
    /// A leader's; all its sections have come, or not.
    case received(SnapshotMetadata, isComplete: Bool)
  }

  init(journal: Journal) { self.journal = journal }

  mutating func append(_ ready: Ready) {
    if ready.hardState != nil || !ready.entries.isEmpty || ready.trust != nil {
      journal.append(hardState: ready.hardState, entries: ready.entries, trust: ready.trust)
      if let last = ready.entries.last { lastAppended = last.id }
    }
  }

  /// The log now begins after a snapshot that is durable.
  mutating func resetLog(to last: EntryID) {
    journal.resetLog(to: last)
    lastAppended = nil
  }

  /// This replica's own state is being written.
  var isWritingOwn: Bool {
    if case .own = writing { true } else { false }
  }

  /// No snapshot is written any more, and no section waits for one.
  mutating func endWriting() {
    writing = .none
    sectionsWaiting = 0
    heldReply = nil
  }

  /// What had no room may be tried again at once.
  mutating func foundRoom(_ now: UInt64) {
    failures = 0
    retryAt = min(retryAt, now)
    nextSpareAt = min(nextSpareAt, now)
    receiveAgainAt = receiveAgainAt.map { min($0, now) }
  }

  mutating func hold(_ messages: [Message]) { waiting += messages }

  /// Messages that wait for nothing: all that was appended is durable.
  mutating func takeUnbound() -> [Message] {
    guard !waiting.isEmpty, flight == nil, !journal.needsFlush else { return [] }
    defer { waiting = [] }
    return waiting
  }

  /// Writes the journal's batch and begins the sync of it, unless one is under way.
  mutating func flush(into effects: inout NodeEffects) {
    guard flight == nil, journal.needsFlush else { return }
    let removals = journal.takeRemovals()
    if !removals.isEmpty {
      effects.background.append(.perform(.removals, removals + [.syncFolder]))
    }
    let batch = journal.flush()
    effects.files += batch.writes
    guard !batch.syncs.isEmpty else { return }
    flight = Flight(number: nextSync, last: lastAppended, messages: waiting)
    nextSync += 1
    waiting = []
    lastAppended = nil
    effects.sync = NodeSync(number: nextSync - 1, files: batch.syncs)
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
