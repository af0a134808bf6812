import Basics

extension RaftNode {
  /// Entries in one probe, in bytes: a probe may have to be sent again.
  private static let probeBytesMax = 64 << 10

  // Proposing.

  /// Why a proposal of so many bytes would not be taken now; `nil` if it would.
  package func refusal(bytes: Int) -> ProposalRefusal? {
    guard standing == .leader else { return .notLeader }
    if let transfer = leadership.transfer, !settings.bugs.contains(.writesDuringTransfer) {
      return .transferring(to: transfer.target)
    }
    if isRefusingAppends { return .noRoom }
    let uncommitted = leadership.uncommittedBytes
    if uncommitted > 0, uncommitted + bytes > settings.uncommittedBytesMax {
      return .overloaded(uncommittedBytes: uncommitted)
    }
    return nil
  }

  /// Puts a command or a clock into the log.
  /// - Returns: where it stands unless another leader takes its place; `nil` if it is refused, for
  ///   the reason that ``refusal(bytes:)`` tells.
  package mutating func propose(_ payload: [UInt8], kind: Entry.Kind = .command) -> EntryID? {
    invariant(
      kind == .command || kind == .clock, "\(id): entries of kind \(kind) are Raft's own")
    guard refusal(bytes: payload.count) == nil else { return nil }
    return appendOwn(payload, kind: kind)
  }

  @discardableResult
  mutating func appendOwn(_ payload: [UInt8], kind: Entry.Kind) -> EntryID {
    let id = EntryID(index: log.last.index.next, term: term)
    let entry = Entry(id: id, kind: kind, stamp: nextStamp(), payload: payload)
    leadership.uncommittedBytes += entry.weight
    leadership.isDue = true
    append(entry)
    if settings.bugs.contains(.replyBeforeDisk) { advanceCommit() }
    return id
  }

  mutating func append(_ entry: Entry) {
    log.append(entry)
    if entry.kind == .membership, let change = try? Membership(encoded: entry.payload) {
      enterMembership(change, at: entry.index)
    }
  }

  // Leading.

  mutating func tickLeader() {
    guard hearsQuorum(at: ticks) || settings.bugs.contains(.noCheckQuorum) else {
      // Others may have elected another leader; who waits here should look for it.
      becomeFollower(term: term, leader: nil)
      return
    }
    handOverIfUnfit()
    tickTransfer()
    guard standing == .leader else { return }
    tickRounds()
    for position in leadership.peers.indices {
      let peer = leadership.peers[position]
      let isQuiet = ticks - peer.sentTick >= UInt64(settings.heartbeatTicks)
      let lacksCommit = peer.phase == .replicate && peer.commitSent < min(commitIndex, peer.match)
      if isQuiet || lacksCommit {
        leadership.peers[position].isHeartbeatDue = true
        leadership.isDue = true
      }
      retrySection(of: position)
    }
  }

  /// Whether a quorum, at that tick, was heard of within the shortest election timeout. Those in
  /// doubt are none: a leader without others cannot commit, nor settle their doubt, before everyone
  /// elects it once more.
  func hearsQuorum(at tick: UInt64) -> Bool {
    let patience = UInt64(settings.electionTicks.lowerBound)
    return Quorum.holds(membership) { voter in
      if voter == id { return true }
      guard let position = leadership.position(of: voter), isCounted(position) else { return false }
      return tick - leadership.peers[position].heardTick <= patience
    }
  }

  /// Sends every follower what it lacks.
  mutating func lead() {
    leadership.isDue = false
    openReadRound()
    guard !leadership.isHeld else { return }
    for position in leadership.peers.indices {
      replicate(to: position)
      let peer = leadership.peers[position]
      let isAsked = leadership.asksEveryone || peer.isNear
      if peer.isHeartbeatDue || isAsked && peer.roundSent < leadership.round {
        sendHeartbeat(to: position)
      }
    }
  }

  private mutating func replicate(to position: Int) {
    while leadership.peers[position].next <= log.last.index {
      let peer = leadership.peers[position]
      switch peer.phase {
      case .snapshot: return
      case .probe: if peer.isProbing { return }
      case .replicate: if !peer.mayBeSent(settings) { return }
      }
      guard let previous = log.id(at: peer.next.previous) else {
        startSnapshot(to: position)
        return
      }
      let isProbe = peer.phase == .probe
      let room = min(settings.appendBytesMax, settings.bytesInFlightMax - peer.bytesInFlight)
      let batch = log.batch(
        from: peer.next, through: log.last.index,
        bytesMax: isProbe ? min(Self.probeBytesMax, room) : room)
      guard let last = batch.entries.last else { return }
      sendAppend(previous: previous, batch.entries, to: position)
      if isProbe {
        leadership.peers[position].isProbing = true
        return
      }
      leadership.peers[position].sent(upTo: last.index, bytes: batch.bytes)
    }
  }

  /// An AppendEntries without entries. It looks at the end of what was sent, so that a loss shows.
  private mutating func sendHeartbeat(to position: Int) {
    let peer = leadership.peers[position]
    if peer.phase != .snapshot, log.term(at: peer.next.previous) == nil {
      startSnapshot(to: position)
    }
    let previous = log.id(at: peer.next.previous) ?? log.base
    sendAppend(previous: previous, [], to: position)
  }

  private mutating func sendAppend(previous: EntryID, _ entries: [Entry], to position: Int) {
    let request = AppendRequest(
      previous: previous, entries: entries, commit: commitIndex, round: leadership.round,
      settles: settlement(of: leadership.peers[position]))
    send(.append(request), to: leadership.peers[position].id)
    leadership.peers[position].commitSent = commitIndex
    leadership.peers[position].roundSent = leadership.round
    leadership.peers[position].sentTick = ticks
    leadership.peers[position].isHeartbeatDue = false
  }

  /// Notes that a follower was heard of in this term.
  mutating func hear(
    _ position: Int, round: UInt64, wall: UInt64, promise: UInt64 = 0, trust: TrustReport
  ) {
    if leadership.peers[position].clock == nil { leadership.clockOfTurn = nil }
    leadership.peers[position].heardTick = ticks
    leadership.peers[position].clock = ReportedClock(wall: wall, heardAt: now.monotonic)
    guard counts(trust, of: position) else { return }
    let answered = min(round, leadership.peers[position].roundSent)
    let isNews = answered > leadership.peers[position].roundAnswered
    if isNews {
      leadership.peers[position].roundAnswered = answered
      if answered == leadership.round { answeredRound(position) }
    }
    if settings.leaseReads, promise >= settings.promiseMilliseconds,
      answered > leadership.peers[position].roundPromised
    {
      leadership.peers[position].roundPromised = answered
      extendLease()
    }
    if isNews { roundsAnswered() }
  }

  mutating func handle(_ reply: AppendReply, from follower: ReplicaID) {
    guard standing == .leader,
      let position = leadership.position(of: follower)
    else { return }
    guard note(reply.trust, at: position) else { return }
    leadership.peers[position].hasRoom = reply.hasRoom
    if reply.hasRoom { leadership.peers[position].roomTick = ticks }
    hear(
      position, round: reply.round, wall: reply.wall, promise: reply.promise, trust: reply.trust)
    switch reply.outcome {
    case .heard: break
    case .matched(let index): matched(index, at: position)
    case .conflict(let previous, let hint): conflict(previous, hint: hint, at: position)
    }
  }

  private mutating func matched(_ index: LogIndex, at position: Int) {
    guard index <= log.last.index else { return }
    if settings.bugs.contains(.lateRepliesTakeBack), index < leadership.peers[position].match {
      leadership.peers[position].match = index
    }
    let sent = leadership.peers[position].next.previous
    let grew = leadership.peers[position].acknowledge(
      settings.bugs.contains(.matchFromSent) ? sent : index)
    switch leadership.peers[position].phase {
    case .replicate: break
    case .probe where !grew && !leadership.peers[position].hasRoom:
      // It takes nothing in: it is tried with little, when it has answered a heartbeat.
      leadership.peers[position].isProbing = false
    case .probe:
      leadership.peers[position].become(.replicate, next: leadership.peers[position].match.next)
    case .snapshot:
      guard leadership.peers[position].match >= log.base.index else { return }
      leadership.peers[position].become(.replicate, next: leadership.peers[position].match.next)
    }
    leadership.isDue = true
    if grew {
      advanceCommit()
      continueTransfer()
    }
  }

  /// Goes back to where the logs can agree: by the follower's hint, and in our own log past every
  /// entry of a term above the hint's, so that each term costs at most one message.
  private mutating func conflict(_ previous: LogIndex, hint: EntryID, at position: Int) {
    let peer = leadership.peers[position]
    guard previous > peer.match, hint.index < previous else { return }
    switch peer.phase {
    case .snapshot: return
    case .probe: guard previous == peer.next.previous else { return }
    case .replicate: guard previous < peer.next else { return }
    }
    let agreed = log.lastEntry(at: hint.index, notAbove: hint.term).index
    // Our log may begin after what the follower has; then its hint says which entry it lacks.
    let next = hint.index < log.base.index ? hint.index.next : agreed.next
    leadership.peers[position].become(.probe, next: min(next, previous))
    leadership.isDue = true
  }

  /// Commits what a quorum has, if it is of this term: counting replicas of an older term's entry
  /// proves nothing (Raft §5.4.2, Figure 8).
  mutating func advanceCommit() {
    let own = settings.bugs.contains(.replyBeforeDisk) ? log.last.index : durable
    let isHasty =
      settings.bugs.contains(.majorityOfOldMembersOnly) && !membership.outgoing.isEmpty
    let counted = isHasty ? Membership(voters: membership.outgoing) : membership
    let reached = Quorum.reached(counted) { voter in
      if voter == id { return own.rawValue }
      guard let position = leadership.position(of: voter), isCounted(position) else { return 0 }
      return leadership.peers[position].match.rawValue
    }
    let index = LogIndex(reached)
    guard index > commitIndex else { return }
    if index >= leadership.termStart || settings.bugs.contains(.commitOldTermByCounting) {
      commit(upTo: index)
      leadership.isDue = true
    }
  }
}

/// Why a proposal is not taken; nothing was put into the log.
package enum ProposalRefusal: Hashable, Sendable {
  case notLeader
  /// Leadership is being handed to this replica. In a moment it leads, or proposals are taken
  /// again.
  case transferring(to: ReplicaID)
  /// So many bytes are proposed and not committed; with these they would be more than
  /// ``RaftSettings/uncommittedBytesMax``.
  case overloaded(uncommittedBytes: Int)
  /// The leader's disk is full. Somebody with room will lead, if there is anybody.
  case noRoom
}

extension ProposalRefusal: CustomStringConvertible {
  /// For people: what happened, and what to do next.
  package var description: String {
    switch self {
    case .notLeader: "Not proposed: this replica does not lead its group. Ask the leader."
    case .transferring(let target):
      "Not proposed: leadership is being handed to \(target). Ask there, or again in a second."
    case .overloaded(let bytes):
      "Not proposed: \(bytes) bytes are waiting to be committed. Ask again later."
    case .noRoom:
      "Not proposed: the leader's disk is full. Make room, or ask again in a second: another "
        + "replica leads then, if it has room."
    }
  }
}
