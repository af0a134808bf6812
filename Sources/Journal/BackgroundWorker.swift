import Basics
import Raft

/// Decides what is done beside the journal, in which order and how fast: a value that is driven by
/// a thread with files of its own, or by a simulator in virtual time.
///
/// It takes orders at any time and gives one step after the other. Reads come first, because a
/// follower waits for them; then chores, because they make room for the journal; then the snapshot,
/// file effect by file effect; then what is to be freed; then the hashing of a state; and the
/// reading back of files last.
package struct BackgroundWorker: Sendable {
  /// For each nanosecond that a section of the own state took, so many of rest follow: others need
  /// the disk and the processor more than a snapshot that nobody waits for.
  private let restFactor: Double
  /// What is to be freed waits so long, so that whoever gave it up has let go of it and the last
  /// reference is here; nanoseconds.
  private static let discardDelay: UInt64 = 5 * nanosecondsPerMillisecond

  private var reads: [FileRead] = []
  /// The first is worked on. One that lacks only its end is not given up any more, so another may
  /// wait behind it.
  private var snapshots: [SnapshotTask] = []
  /// Removals of temporary files.
  private var cleanup: [FileEffect] = []
  private var chores: [Chore] = []
  private var discards: [any Sendable] = []
  private var discardAt: UInt64 = 0
  private var digest: DigestTask?
  private var scrub: Scrub?
  private var scrubBytesPerSecond: UInt64 = 0
  /// When the next piece is read back, monotonic nanoseconds.
  private var scrubAt: UInt64 = 0
  /// What the last step was for.
  private var current = Current.nothing
  private var results: [BackgroundResult] = []

  private enum Current {
    case nothing, read, snapshot, cleanup, chore
  }

  private struct Chore: Sendable {
    var purpose: BackgroundChore
    var effects: [FileEffect]
    /// Files that are there because of it.
    var created: [String] = []
  }

  package init(restFactor: Double = 0.1) { self.restFactor = restFactor }

  /// Takes orders, between two steps.
  package mutating func take(_ orders: [BackgroundOrder], now: UInt64) {
    for order in orders {
      switch order {
      case .write(let writer, let capture):
        abandon()
        snapshots.append(SnapshotTask(writer, capture: capture))
      case .receive(let writer, let restorer):
        abandon()
        snapshots.append(SnapshotTask(writer, restorer: restorer))
      case .section(let bytes, let isLast):
        if !snapshots.isEmpty {
          snapshots[snapshots.count - 1].receive(bytes, isLast: isLast)
        }
      case .abandon: abandon()
      case .read(let read): reads.append(read)
      case .perform(let purpose, let effects):
        chores.append(Chore(purpose: purpose, effects: effects))
      case .digest(let index, let format, let capture):
        digest = DigestTask(index, format: format, capture: capture)
      case .scrub(let wanted, let bytesPerSecond):
        scrub = wanted
        scrubBytesPerSecond = max(1, bytesPerSecond)
        scrubAt = now
      case .discard(let value):
        discards.append(value)
        discardAt = now + Self.discardDelay
      }
    }
  }

  /// What came of the orders since the last call.
  package mutating func takeResults() -> [BackgroundResult] {
    defer { results = [] }
    return results
  }

  private mutating func abandon() {
    for task in snapshots where !task.isFinished && task.isCreated {
      cleanup.append(task.writer.abandon())
    }
    snapshots.removeAll { !$0.isFinished }
  }
}

extension BackgroundWorker {
  /// The next step; the answer to the one before has been given.
  package mutating func next(now: UInt64) -> BackgroundStep {
    if let read = reads.first {
      current = .read
      return .read(read)
    }
    if let removal = cleanup.first {
      current = .cleanup
      return .perform(removal)
    }
    while let chore = chores.first {
      if let effect = chore.effects.first {
        current = .chore
        return .perform(effect)
      }
      results.append(.performed(chores.removeFirst().purpose, isDone: true))
    }
    var wake = UInt64.max
    if let effect = nextOfSnapshot(now, &wake) {
      current = .snapshot
      return .perform(effect)
    }
    if !discards.isEmpty {
      if now >= discardAt {
        discards.removeFirst()
        return .wait(until: now)
      }
      wake = min(wake, discardAt)
    }
    if hashes(now, &wake) { return .hash }
    if snapshots.isEmpty, let read = nextOfScrub(now, &wake) { return .readBack(read) }
    return wake == .max ? .idle : .wait(until: wake)
  }

  /// Goes on with hashing; false if there is nothing to hash now.
  private mutating func hashes(_ now: UInt64, _ wake: inout UInt64) -> Bool {
    guard let rest = digest?.restsUntil else { return false }
    guard now >= rest else {
      wake = min(wake, rest)
      return false
    }
    if let done = digest?.advance(now) {
      results.append(.digested(done))
      digest = nil
    }
    return true
  }

  /// What ``BackgroundStep/hash`` stood for took until now.
  package mutating func hashed(now: UInt64) {
    let factor = restFactor
    digest?.rest(now, factor: factor)
  }

  private mutating func nextOfScrub(_ now: UInt64, _ wake: inout UInt64) -> FileRead? {
    guard let scrub else { return nil }
    guard now >= scrubAt else {
      wake = min(wake, scrubAt)
      return nil
    }
    guard let read = scrub.next else {
      self.scrub = nil
      results.append(.scrubbed)
      wake = now
      return nil
    }
    return read
  }

  /// The bytes that ``BackgroundStep/readBack(_:)`` asked for; `nil`: there is no such file.
  package mutating func wasReadBack(_ bytes: [UInt8]?, now: UInt64) {
    let pause = UInt64(bytes?.count ?? 0) * 1_000 * nanosecondsPerMillisecond
    scrubAt = now + pause / scrubBytesPerSecond
    if let damage = scrub?.take(bytes) { results.append(.damaged(damage)) }
  }

  private mutating func nextOfSnapshot(_ now: UInt64, _ wake: inout UInt64) -> FileEffect? {
    guard !snapshots.isEmpty else { return nil }
    if snapshots[0].effects.isEmpty {
      if snapshots[0].restsUntil > now {
        wake = snapshots[0].restsUntil
        return nil
      }
      let count = snapshots.count
      advanceSnapshot(now)
      // It ended: there may be another, or a file to remove.
      if snapshots.count < count { wake = now }
    }
    return wake == now ? nil : snapshots[0].effects.first
  }

  /// Decides on the next file effects of the snapshot, or ends it.
  private mutating func advanceSnapshot(_ now: UInt64) {
    switch snapshots[0].advance(now) {
    case .goesOn(let isTaken): if isTaken { results.append(.sectionTaken) }
    case .done(let result):
      results.append(result)
      snapshots.removeFirst()
    case .unreadable(let result):
      results.append(result)
      giveUpSnapshot()
    }
  }

  /// Nothing is to be left of the snapshot that is worked on.
  private mutating func giveUpSnapshot() {
    let task = snapshots.removeFirst()
    if task.isCreated { cleanup.append(task.writer.abandon()) }
  }

  /// The step was performed as far as that.
  package mutating func performed(_ outcome: FileOutcome, now: UInt64) {
    defer { current = .nothing }
    switch current {
    case .nothing, .read: break
    case .cleanup: cleanup.removeFirst()
    case .snapshot:
      guard outcome == .done else {
        results.append(.noRoom(snapshots[0].writer.metadata.last))
        return giveUpSnapshot()
      }
      snapshots[0].performed(now, restFactor: restFactor)
      if snapshots[0].effects.isEmpty, snapshots[0].isFinished { advanceSnapshot(now) }
    case .chore:
      if outcome == .done { return performedChore() }
      let failed = chores.removeFirst()
      cleanup += failed.created.map { .remove($0) }
      results.append(.performed(failed.purpose, isDone: false))
    }
  }

  private mutating func performedChore() {
    switch chores[0].effects.removeFirst() {
    case .create(let name): chores[0].created.append(name)
    case .rename(let name, _), .remove(let name): chores[0].created.removeAll { $0 == name }
    case .write, .truncate, .sync, .syncFolder: break
    }
    if chores[0].effects.isEmpty {
      results.append(.performed(chores.removeFirst().purpose, isDone: true))
    }
  }

  /// The bytes that the step asked for.
  package mutating func wasRead(_ bytes: [UInt8], now: UInt64) {
    current = .nothing
    results.append(.read(reads.removeFirst(), bytes: bytes))
  }
}
