import Basics

/// Consensus of one replica of one group: a value that turns messages, ticks and proposals into
/// ``Ready``s. It knows no clock, file or socket (Ongaro and Ousterhout 2014; thesis 2014).
package struct RaftNode: Sendable {
  package let id: ReplicaID
  let settings: RaftSettings
  private let anchor = Anchor()
  var generator: SeededGenerator

  var log: Log
  var memberships: MembershipHistory
  /// The promises of this replica, and what of them was handed out to be made durable.
  package internal(set) var hardState: HardState
  var hardStateHanded: HardState
  /// Whether this replica still has all that it promised, and what of that was handed out.
  package internal(set) var trust: Trust
  var trustHanded: Trust
  /// A doubt was settled, which is not yet known to be durable.
  var isSettling = false
  /// Whether the own disk has room for more, which leaders are told. Set from the outside.
  package var hasRoom = true {
    didSet { if oldValue, !hasRoom { lacksRoomSince = ticks } }
  }
  var lacksRoomSince: UInt64 = 0
  /// The own disk is so full that no entries of others are taken in and nothing is proposed. Set
  /// from the outside.
  package var isRefusingAppends = false

  var standing = Standing.follower
  /// The leader of this term, as far as known.
  package internal(set) var leader: ReplicaID?
  package internal(set) var commitIndex: LogIndex
  /// How far committed entries and entries to append were handed out.
  var commitHanded: LogIndex
  var entriesHanded: LogIndex
  /// Everything up to here is in our own journal, synced.
  var durable: LogIndex
  var handouts: [Handout] = []
  /// The newest snapshot that is durable here.
  var snapshotMetadata: SnapshotMetadata?
  var incoming: IncomingSnapshot?
  /// The index of a committed membership that is without this replica, once a leader said so.
  var removedAt: LogIndex?

  var now = Moment(monotonic: 0, wall: 0)
  /// Monotonic nanoseconds when the turn before was opened; only a planted bug looks at it.
  var timeBefore: UInt64 = 0
  var ticks: UInt64 = 0
  /// Ticks since the leader was heard of or an election began, and how many are waited for.
  var electionElapsed = 0
  var electionTimeout: Int
  /// Ticks since any leader was heard of, or since the start: it may have been heard just before.
  var ticksSinceLeader = 0
  /// A leader was heard of in this turn, whose ticks are of the time before.
  var isLeaderHeard = false
  /// Ticks for which entries have waited for the own disk without any progress.
  var diskWaitTicks = 0

  var ballot = Ballot()
  var following = Following()
  var followerReads = FollowerReads()
  /// Begins at random, so that an answer to an earlier life of this replica answers nothing.
  var nextQuestion: UInt64
  var leadership = Leadership()

  var messages: [Message] = []
  var messagesAfterSync: [Message] = []
  var readOutcomes: [ReadOutcome] = []
  var receivedSections: [SnapshotChunk] = []

  enum Standing: Sendable {
    case follower, preCandidate, candidate, leader
  }

  /// Entries that were handed out in one ready and are not yet known to be durable.
  struct Handout: Sendable {
    /// The last of them, by which ``persisted(_:)`` names them.
    let last: EntryID
    /// Durable up to here once they are: less than `last` if the log was truncated meanwhile.
    var upTo: LogIndex
    /// That a doubt was settled is durable, too, once they are.
    var settles: Bool
  }

  /// The answers to an election of our own.
  struct Ballot: Sendable {
    var grants: [Grant] = []
    var refused: [ReplicaID] = []

    struct Grant: Sendable {
      var voter: ReplicaID
      var trust: TrustReport
      var isDamaged = false
    }

    func isGranted(by voter: ReplicaID) -> Bool { grants.contains { $0.voter == voter } }

    /// Whether a voter granted, and lacks nothing for certain.
    func isWhole(_ voter: ReplicaID) -> Bool {
      grants.contains { $0.voter == voter && !$0.isDamaged }
    }
  }

  /// What a follower knows of its leader's log in this term.
  struct Following: Sendable {
    /// The log up to here is as the leader has it.
    var verified = LogIndex.zero
    /// An acknowledgement that waits for this ready's sync; later ones take its place.
    var reply: AppendReply?
    /// The leader has not yet been told that everything verified is durable.
    var owesReply = false
    /// The last round that was answered at once.
    var round: UInt64 = 0
  }

  /// Makes a replica from what it found on its disk.
  /// - Parameters:
  ///   - membership: the first membership of the group, in force while neither a snapshot nor an
  ///     entry says otherwise.
  ///   - seed: for the election timeouts; replicas of a group should have different ones.
  package init(
    id: ReplicaID, settings: RaftSettings, membership: Membership, restored: RestoredState,
    seed: UInt64
  ) {
    self.id = id
    self.settings = settings
    generator = SeededGenerator(seed: seed)
    electionTimeout = generator.next(in: settings.electionTicks)
    nextQuestion = generator.next()
    log = Self.log(restored)
    snapshotMetadata = restored.snapshot
    let start = restored.snapshot?.last.index ?? .zero
    memberships = MembershipHistory(
      restored.snapshot?.membership ?? membership,
      at: restored.snapshot?.membershipIndex ?? .zero
    )
    hardState = restored.hardState
    if log.last.term > hardState.term { hardState = HardState(term: log.last.term) }
    hardStateHanded = restored.hardState
    trust = restored.trust
    trustHanded = restored.trust
    invariant(
      restored.trust.cause == nil || restored.trust.doubts > 0, "\(id) is in doubt for no doubt")
    commitIndex = settings.bugs.contains(.logCommittedAtRestart) ? log.last.index : start
    commitHanded = start
    entriesHanded = log.last.index
    durable = log.last.index
    for entry in log.slice(from: start.next, through: log.last.index)
    where entry.kind == .membership {
      if let change = try? Membership(encoded: entry.payload) {
        memberships.append(change, at: entry.index)
      }
    }
    _ = log.compact(
      upTo: log.cut(
        behind: start, entriesMax: settings.retainedEntries, bytesMax: settings.retainedBytesMax)
    )
  }

  /// The restored entries as a log that agrees with the snapshot.
  private static func log(_ restored: RestoredState) -> Log {
    let entries = restored.entries
    let snapshot = restored.snapshot
    let replaced = Log(base: snapshot?.last ?? .zero, baseStamp: snapshot?.stamp ?? 0)
    guard let first = entries.first, let last = entries.last else { return replaced }
    for (offset, entry) in entries.enumerated() {
      invariant(
        entry.index.rawValue == first.index.rawValue + UInt64(offset),
        "the restored log has \(entry.id) \(offset) entries after \(first.id)"
      )
    }
    let base = replaced.base
    invariant(
      first.index <= base.index.next, "the restored log begins at \(first.id) after \(base)")
    if first.index == base.index.next {
      return Log(base: base, baseStamp: replaced.baseStamp, entries: entries)
    }
    // The log reaches back behind the snapshot. Unless it holds the snapshot's last entry it is the
    // log that the snapshot replaced.
    guard last.index >= base.index else { return replaced }
    let position = Int(base.index.rawValue - first.index.rawValue)
    guard entries[position].id == base else { return replaced }
    if first.index == LogIndex(1) { return Log(entries: entries) }
    return Log(base: first.id, baseStamp: first.stamp, entries: Array(entries.dropFirst()))
  }

  /// Opens a turn: what the clocks say now. To be read when the turn's messages and reads are all
  /// received, because leases are checked against it.
  package mutating func setTime(_ now: Moment) {
    timeBefore = self.now.monotonic
    self.now = now
    isLeaderHeard = false
    leadership.clockOfTurn = nil
  }

  /// One tick has passed. To be called after the turn's messages were stepped, so that a process
  /// that was stopped hears its mail before its timers fire.
  package mutating func tick() {
    ticks += 1
    diskWaitTicks = awaitsDisk ? diskWaitTicks + 1 : 0
    if standing == .leader {
      tickLeader()
      return
    }
    tickFollowerReads()
    // Ticks of a turn are of the time before it: a leader that was heard of in this turn has been
    // silent for none of them, however long this process was stopped.
    if isLeaderHeard { return }
    electionElapsed += 1
    ticksSinceLeader += 1
    if electionElapsed >= electionTimeout { campaign() }
  }

  /// Terms and indexes above this are absurd: at a million elections a second they take 10⁵ years.
  static let numberMax = UInt64(1) << 62

  /// Takes in a message of another replica. What cannot be meant for this replica, or is nonsense,
  /// is ignored; old, repeated and reordered messages do no harm.
  package mutating func step(_ message: Message) {
    guard message.to == id, message.from != id, message.term.rawValue <= Self.numberMax else {
      return
    }
    if case .removed(let index) = message.body { return handleRemoved(at: index) }
    if standing == .leader, answerRemoved(message) { return }
    // Replies count only from members. Requests are taken from anyone, because our own membership
    // may be the stale one (Raft §6).
    if message.body.isReply, !membership.includes(message.from) { return }
    if message.term > term {
      guard enter(message) else { return }
    } else if message.term < term {
      answerStale(message)
      return
    }
    switch message.body {
    case .voteRequest(let request): handle(request, message)
    case .voteReply(let reply): handle(reply, message)
    case .append(let request): handle(request, from: message.from)
    case .appendReply(let reply): handle(reply, from: message.from)
    case .snapshot(let chunk): handle(chunk, from: message.from)
    case .snapshotReply(let reply): handle(reply, from: message.from)
    case .readIndex(let context): handleReadIndex(context, from: message.from)
    case .readIndexReply(let context, let index):
      handleReadIndexReply(context, index: index, from: message.from)
    case .timeoutNow: handleTimeoutNow(from: message.from)
    case .removed: break
    }
  }

  /// Settles a message with a higher term.
  /// - Returns: whether it is to be handled.
  private mutating func enter(_ message: Message) -> Bool {
    switch message.body {
    case .voteRequest(let request):
      // A leader that is heard of is not deposed by one who does not hear it (thesis §4.2.3).
      if hearsLeader, !request.isTransfer { return false }
      if !request.isPreVote { becomeFollower(term: message.term, leader: nil) }
    case .voteReply(let reply) where reply.isPreVote && reply.isGranted:
      return message.term == term.next
    case .append, .snapshot: becomeFollower(term: message.term, leader: message.from)
    default:
      if settings.bugs.contains(.higherTermsIgnored) { return false }
      becomeFollower(term: message.term, leader: nil)
    }
    return true
  }

  /// Tells the sender of an old request which term it is; old replies mean nothing.
  private mutating func answerStale(_ message: Message) {
    switch message.body {
    case .voteRequest(let request):
      send(.voteReply(answer(to: request, isGranted: false)), to: message.from)
    case .append, .snapshot:
      send(
        .appendReply(
          AppendReply(outcome: .heard, round: 0, wall: now.wall, trust: durableTrust)),
        to: message.from)
    case .voteReply(let reply) where settings.bugs.contains(.oldVotesCounted):
      handle(reply, message)
    default: break
    }
  }

  mutating func send(_ body: Message.Body, to: ReplicaID) {
    messages.append(Message(from: id, to: to, term: term, body: body))
  }

  /// Sends once everything that this ready hands out is durable.
  mutating func sendAfterSync(_ body: Message.Body, to: ReplicaID) {
    let message = Message(from: id, to: to, term: term, body: body)
    if settings.bugs.contains(.replyBeforeDisk) {
      messages.append(message)
    } else {
      messagesAfterSync.append(message)
    }
  }

  /// Everything that was handed out in readies up to the one whose last entry is `last` is durable.
  package mutating func persisted(_ last: EntryID) {
    guard let position = handouts.firstIndex(where: { $0.last == last }) else { return }
    if handouts[position].upTo > durable {
      durable = handouts[position].upTo
      diskWaitTicks = 0
    }
    if handouts[position].settles { isSettling = false }
    handouts.removeFirst(position + 1)
    if standing == .leader {
      if durable >= leadership.termStart { leadership.isHeld = false }
      advanceCommit()
    } else {
      payOwedReply()
    }
  }

  /// The log changes from `index` on: what is still on its way to the disk counts only before it,
  /// even if the same entries come back later.
  mutating func forgetHandouts(from index: LogIndex) {
    durable = min(durable, index.previous)
    entriesHanded = min(entriesHanded, index.previous)
    for position in handouts.indices {
      handouts[position].upTo = min(handouts[position].upTo, index.previous)
    }
  }

  /// Commits up to `index`, or as far as the log goes.
  mutating func commit(upTo index: LogIndex) {
    let target = min(index, log.last.index)
    guard target > commitIndex else { return }
    if standing == .leader {
      leadership.uncommittedBytes -= log.bytes(after: commitIndex, through: target)
    }
    commitIndex = target
    guard standing == .leader else { return }
    settleOwnTrust()
    settleMembership()
  }
}

extension Message.Body {
  /// It answers a message of another kind.
  package var isReply: Bool {
    switch self {
    case .voteReply, .appendReply, .snapshotReply, .readIndexReply: true
    case .voteRequest, .append, .snapshot, .readIndex, .timeoutNow, .removed: false
    }
  }
}
