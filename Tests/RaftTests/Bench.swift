import Basics
import Raft
import Testing

/// One node on the table: messages are put in by hand, and what it says is looked at.
struct Bench {
  static let ids = (1...5).map { ReplicaID(rawValue: UInt64($0)) }

  var node: RaftNode
  /// Monotonic nanoseconds.
  var now: UInt64 = 0
  /// What was handed out and not yet taken by a test.
  var sent: [Message] = []
  var sentAfterSync: [Message] = []
  var committed: [Entry] = []
  var reads: [ReadOutcome] = []
  var sections: [SnapshotChunk] = []
  var wanted: [WantedSection] = []
  var hardState: HardState?
  var trust: Trust?
  /// The last entry of the last ready that had some.
  var handed: EntryID?

  init(
    voters: Int = 3, entries: [Entry] = [], term: UInt64 = 0, vote: ReplicaID? = nil,
    snapshot: SnapshotMetadata? = nil, trust: Trust = Trust(),
    settings: RaftSettings = RaftSettings()
  ) {
    node = RaftNode(
      id: Self.ids[0], settings: settings,
      membership: Membership(voters: Array(Self.ids[..<voters])),
      restored: RestoredState(
        hardState: HardState(term: Term(term), vote: vote), snapshot: snapshot, entries: entries,
        trust: trust),
      seed: 7)
    node.setTime(Moment(monotonic: 0, wall: 1_000_000))
  }

  /// Entries with these terms, from `first` on.
  static func entries(_ terms: [UInt64], from first: UInt64 = 1) -> [Entry] {
    terms.enumerated().map { offset, term in
      Entry(
        id: id(first + UInt64(offset), term), kind: .command, stamp: 0, payload: [UInt8(term)])
    }
  }

  static func id(_ index: UInt64, _ term: UInt64) -> EntryID {
    EntryID(index: LogIndex(index), term: Term(term))
  }

  static func metadata(_ index: UInt64, _ term: UInt64) -> SnapshotMetadata {
    SnapshotMetadata(
      last: id(index, term), stamp: 5, membership: Membership(voters: Array(ids[..<3])),
      membershipIndex: .zero)
  }

  /// Takes all readies; `syncs`: and the disk has everything at once.
  mutating func drain(syncs: Bool = true) {
    while node.hasReady {
      let ready = node.takeReady()
      sent += ready.messages
      sentAfterSync += ready.messagesAfterSync
      committed += ready.committed
      reads += ready.reads
      sections += ready.receivedSections
      wanted += ready.wantedSections
      if let changed = ready.hardState { hardState = changed }
      if let changed = ready.trust { trust = changed }
      if let last = ready.entries.last {
        handed = last.id
        if syncs { node.persisted(last.id) }
      }
    }
  }

  mutating func forget() {
    sent = []
    sentAfterSync = []
    committed = []
    reads = []
    sections = []
    wanted = []
  }

  /// Puts a message of replica `from` (counted from 1) in, and takes what comes out.
  mutating func hear(_ from: Int, term: UInt64, _ body: Message.Body, syncs: Bool = true) {
    forget()
    node.step(
      Message(from: Self.ids[from - 1], to: Self.ids[0], term: Term(term), body: body))
    drain(syncs: syncs)
  }

  mutating func append(
    from: Int = 2, term: UInt64, after previous: EntryID, _ entries: [Entry] = [],
    commit: UInt64 = 0, round: UInt64 = 0, settles: Settlement? = nil, syncs: Bool = true
  ) {
    hear(
      from, term: term,
      .append(
        AppendRequest(
          previous: previous, entries: entries, commit: LogIndex(commit), round: round,
          settles: settles)),
      syncs: syncs)
  }

  mutating func acknowledge(
    _ from: Int, _ index: UInt64, round: UInt64 = 0, wall: UInt64 = 1_000_000,
    promise: UInt64 = 500, trust: TrustReport = .sound, hasRoom: Bool = true
  ) {
    hear(
      from, term: node.term.rawValue,
      .appendReply(
        AppendReply(
          outcome: .matched(LogIndex(index)), round: round, wall: wall, promise: promise,
          trust: trust, hasRoom: hasRoom)))
  }

  mutating func tick(_ count: Int, syncs: Bool = true) {
    forget()
    for _ in 0..<count {
      pass(milliseconds: RaftSettings.tickMilliseconds)
      node.tick()
      drain(syncs: syncs)
    }
  }

  /// Opens another turn, later.
  mutating func pass(milliseconds: UInt64) {
    now += milliseconds * nanosecondsPerMillisecond
    node.setTime(Moment(monotonic: now, wall: 1_000_000))
  }

  /// Waits for the timeout and gets every vote.
  mutating func win(syncs: Bool = true) {
    while node.role == .follower { tick(1) }
    for isPreVote in [true, false] {
      let term = node.term.rawValue + (isPreVote ? 1 : 0)
      for voter in [2, 3] where node.role != .leader {
        hear(
          voter, term: term, .voteReply(VoteReply(isGranted: true, isPreVote: isPreVote)),
          syncs: syncs)
      }
    }
  }

  /// The outcomes of the append replies that left, those that waited for the disk last.
  var outcomes: [AppendReply.Outcome] {
    (sent + sentAfterSync).compactMap {
      if case .appendReply(let reply) = $0.body { reply.outcome } else { nil }
    }
  }

  /// What those append replies say of this replica's disk.
  var reports: [TrustReport] {
    (sent + sentAfterSync).compactMap {
      if case .appendReply(let reply) = $0.body { reply.trust } else { nil }
    }
  }

  /// What those append replies promise.
  var promises: [UInt64] {
    (sent + sentAfterSync).compactMap {
      if case .appendReply(let reply) = $0.body { reply.promise } else { nil }
    }
  }

  var votes: [VoteReply] {
    (sent + sentAfterSync).compactMap {
      if case .voteReply(let reply) = $0.body { reply } else { nil }
    }
  }

  /// The AppendEntries to replica `to`.
  func appends(to: Int) -> [AppendRequest] {
    (sent + sentAfterSync).compactMap {
      if $0.to == Self.ids[to - 1], case .append(let request) = $0.body { request } else { nil }
    }
  }
}
