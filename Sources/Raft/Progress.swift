import Basics

/// What a leader knows of another replica's log, and what is on its way there.
struct Progress: Sendable {
  enum Phase: String, Sendable {
    /// Where the logs part is not known: one AppendEntries at a time.
    case probe
    /// The follower keeps up: AppendEntries are sent without waiting for replies.
    case replicate
    /// The follower needs what was compacted: sections of a snapshot, one at a time.
    case snapshot
  }

  let id: ReplicaID
  var phase = Phase.probe
  /// Everything up to here is durable there and as it is here. Falls within a term only when the
  /// follower's disk has forgotten something.
  var match = LogIndex.zero
  /// The next entry to send; always above `match`.
  var next: LogIndex
  /// A probe is under way.
  var isProbing = false
  /// AppendEntries under way while replicating, oldest first.
  var inFlight: [InFlight] = []
  var bytesInFlight = 0
  /// The largest commit index it was told.
  var commitSent = LogIndex.zero
  /// Ticks of the node when it was last heard of and last sent to.
  var heardTick: UInt64
  var sentTick: UInt64
  /// Something must be sent, even without entries.
  var isHeartbeatDue = false
  /// The last round sent to it, and the last that it answered.
  var roundSent: UInt64 = 0
  var roundAnswered: UInt64 = 0
  /// The last round that it answered with a promise as long as a lease needs it.
  var roundPromised: UInt64 = 0
  /// It was among the first to answer the last round that everyone was asked for.
  var isNear = false
  var clock: ReportedClock?
  /// What it last said of its disk.
  var trust = TrustReport.sound
  /// Its doubts when it voted for this leader, if everyone did.
  var votedDoubts: UInt64?
  /// The entry that settles its doubt; made after it was heard of.
  var settlesAt: LogIndex?
  var hasRoom = true
  /// When it last said that it has room.
  var roomTick: UInt64 = 0
  var sending: SnapshotSending?

  struct InFlight: Sendable {
    var last: LogIndex
    var bytes: Int
  }

  init(id: ReplicaID, next: LogIndex, tick: UInt64) {
    self.id = id
    self.next = next
    heardTick = tick
    sentTick = tick
  }

  /// Whether what it says counts for a quorum: it is not in doubt, or everyone voted for this
  /// leader and it has forgotten nothing since.
  func counts(saying report: TrustReport) -> Bool {
    !report.isInDoubt || report.doubts == votedDoubts
  }

  func mayBeSent(_ settings: RaftSettings) -> Bool {
    inFlight.count < settings.appendsInFlightMax && bytesInFlight < settings.bytesInFlightMax
  }

  mutating func sent(upTo last: LogIndex, bytes: Int) {
    inFlight.append(InFlight(last: last, bytes: bytes))
    bytesInFlight += bytes
    next = last.next
  }

  /// Takes note that everything up to `index` is there. Late replies change nothing.
  /// - Returns: whether `match` grew.
  @discardableResult
  mutating func acknowledge(_ index: LogIndex) -> Bool {
    var freed = 0
    while freed < inFlight.count, inFlight[freed].last <= index {
      bytesInFlight -= inFlight[freed].bytes
      freed += 1
    }
    inFlight.removeFirst(freed)
    guard index > match else { return false }
    match = index
    next = max(next, index.next)
    return true
  }

  mutating func become(_ phase: Phase, next: LogIndex) {
    self.phase = phase
    self.next = max(next, match.next)
    isProbing = false
    inFlight.removeAll(keepingCapacity: true)
    bytesInFlight = 0
    sending = nil
  }
}

/// A snapshot on its way to a follower.
struct SnapshotSending: Sendable {
  var metadata: SnapshotMetadata
  /// The section that the follower needs.
  var section = 0
  /// The section must be asked from the outside.
  var isDue = true
  /// The outside has given the section since it was last asked.
  var wasGiven = false
  /// Known once the last section was given.
  var sectionCount: Int?
  /// All sections are there; the follower is restoring its state machine.
  var isComplete = false
  var askedTick: UInt64
  /// Ticks without an answer until the section is asked again; doubles each time.
  var retryTicks: UInt64

  mutating func want(section: Int, tick: UInt64, retryTicks: UInt64) {
    self.section = section
    self.retryTicks = retryTicks
    isDue = true
    wasGiven = false
    isComplete = false
    askedTick = tick
  }
}
