import Basics

extension RaftNode {
  /// Entries in one probe, in bytes: a probe may have to be sent again.
  private static let probeBytesMax = 64 << 10

  // Proposing.

  /// Whether a proposal of so many bytes would be taken now.
  package func canPropose(bytes: Int) -> Bool {
    standing == .leader && leadership.transfer == nil
      && (leadership.uncommittedBytes == 0
        || leadership.uncommittedBytes + bytes <= settings.uncommittedBytesMax)
  }

  /// Puts an entry into the log.
  ///
  /// A membership is taken only when the last one is committed, and an entry of this term too:
  /// otherwise two changes could have quorums without a common voter.
  /// - Returns: where it stands unless another leader takes its place; `nil` if this replica does
  ///   not lead, is handing leadership over, or has too much that is not committed.
  package mutating func propose(_ payload: [UInt8], kind: Entry.Kind = .command) -> EntryID? {
    guard canPropose(bytes: payload.count) else { return nil }
    if kind == .membership {
      guard isReadyToServe, membershipIndex <= commitIndex,
        (try? Membership(encoded: payload)) != nil
      else { return nil }
    }
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

  private mutating func append(_ entry: Entry) {
    log.append(entry)
    if entry.kind == .membership, let change = try? Membership(encoded: entry.payload) {
      memberships.append(change, at: entry.index)
      membershipChanged()
    }
  }

  /// Keeps progress for exactly those that are in the membership now.
  private mutating func membershipChanged() {
    guard standing == .leader else { return }
    let known = leadership.peers
    leadership.peers = membership.everyone.filter { $0 != id }.map { replica in
      known.first { $0.id == replica }
        // The change itself is the first thing that a new replica is sent.
        ?? Progress(id: replica, next: log.last.index, tick: ticks)
    }
    leadership.isDue = true
  }

  // Leading.

  mutating func tickLeader() {
    let patience = UInt64(settings.electionTicks.lowerBound)
    let hearsQuorum = Quorum.holds(membership) { voter in
      voter == id
        || leadership.peers.contains { $0.id == voter && ticks - $0.heardTick <= patience }
    }
    guard hearsQuorum else {
      // Others may have elected another leader; who waits here should look for it.
      becomeFollower(term: term, leader: nil)
      return
    }
    if let transfer = leadership.transfer, ticks >= transfer.endTick { leadership.transfer = nil }
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

  /// Sends every follower what it lacks.
  mutating func lead() {
    leadership.isDue = false
    openReadRound()
    guard !leadership.isHeld else { return }
    for position in leadership.peers.indices {
      replicate(to: position)
      let peer = leadership.peers[position]
      if peer.isHeartbeatDue || peer.roundSent < leadership.round { sendHeartbeat(to: position) }
    }
  }

  private mutating func replicate(to position: Int) {
    while leadership.peers[position].next <= log.last.index {
      let peer = leadership.peers[position]
      switch peer.phase {
      case .snapshot: return
      case .probe: if peer.isProbing { return }
      case .replicate: if !peer.hasRoom(settings) { return }
      }
      guard let previous = log.id(at: peer.next.previous) else {
        startSnapshot(to: position)
        return
      }
      let isProbe = peer.phase == .probe
      let batch = log.batch(
        from: peer.next, bytesMax: isProbe ? Self.probeBytesMax : settings.appendBytesMax)
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
      previous: previous, entries: entries, commit: commitIndex, round: leadership.round)
    send(.append(request), to: leadership.peers[position].id)
    leadership.peers[position].commitSent = commitIndex
    leadership.peers[position].roundSent = leadership.round
    leadership.peers[position].sentTick = ticks
    leadership.peers[position].isHeartbeatDue = false
  }

  /// Notes that a follower was heard of in this term.
  mutating func hear(_ position: Int, round: UInt64, wall: UInt64) {
    if leadership.peers[position].clock == nil { leadership.clockOfTurn = nil }
    leadership.peers[position].heardTick = ticks
    leadership.peers[position].clock = ReportedClock(wall: wall, heardAt: now.monotonic)
    let answered = min(round, leadership.peers[position].roundSent)
    if answered > leadership.peers[position].roundAnswered {
      leadership.peers[position].roundAnswered = answered
      confirmReads()
    }
  }

  mutating func handle(_ reply: AppendReply, from follower: ReplicaID) {
    guard standing == .leader,
      let position = leadership.peers.firstIndex(where: { $0.id == follower })
    else { return }
    hear(position, round: reply.round, wall: reply.wall)
    switch reply.outcome {
    case .heard: break
    case .matched(let index): matched(index, at: position)
    case .conflict(let previous, let hint): conflict(previous, hint: hint, at: position)
    }
  }

  private mutating func matched(_ index: LogIndex, at position: Int) {
    guard index <= log.last.index else { return }
    let grew = leadership.peers[position].acknowledge(index)
    switch leadership.peers[position].phase {
    case .replicate: break
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
    let reached = Quorum.reached(membership) { voter in
      if voter == id { return own.rawValue }
      return leadership.peers.first { $0.id == voter }?.match.rawValue ?? 0
    }
    let index = LogIndex(reached)
    guard index > commitIndex else { return }
    if index >= leadership.termStart || settings.bugs.contains(.commitOldTermByCounting) {
      commit(upTo: index)
      leadership.isDue = true
    }
  }

  // Following.

  /// Takes the sender of a valid request of this term as the leader.
  mutating func hearLeader(_ sender: ReplicaID) {
    if standing != .follower || leader != sender {
      becomeFollower(term: term, leader: sender)
    }
    electionElapsed = 0
  }

  mutating func handle(_ request: AppendRequest, from sender: ReplicaID) {
    // Two leaders of one term cannot be; whoever claims it is not believed.
    guard standing != .leader, request.isSound(term: term) else { return }
    hearLeader(sender)
    if isRestoring {
      reply(.heard, round: request.round)
      return
    }
    if request.previous.index < log.base.index {
      acknowledge(upTo: commitIndex, appended: false, round: request.round)
      return
    }
    guard log.contains(request.previous) else {
      refuse(request)
      return
    }
    var known = 0
    while known < request.entries.count, log.contains(request.entries[known].id) { known += 1 }
    let lastNew = request.entries.last?.index ?? request.previous.index
    if known < request.entries.count {
      guard cut(from: request.entries[known].index) else { return }
      for entry in request.entries[known...] { append(entry) }
    }
    // Only up to the last entry of this message: what follows in our log may be another leader's.
    commit(upTo: min(request.commit, lastNew))
    acknowledge(upTo: lastNew, appended: known < request.entries.count, round: request.round)
  }

  /// Makes room for an entry at `index`: drops ours from there on.
  private mutating func cut(from index: LogIndex) -> Bool {
    guard index <= log.last.index else { return true }
    guard index > commitIndex else {
      contradicted(at: index)
      return false
    }
    log.truncate(from: index)
    forgetHandouts(from: index)
    _ = memberships.truncate(from: index)
    return true
  }

  private mutating func refuse(_ request: AppendRequest) {
    guard request.previous.index > commitIndex else {
      contradicted(at: request.previous.index)
      return
    }
    let hint = log.lastEntry(at: request.previous.index.previous, notAbove: request.previous.term)
    reply(.conflict(previous: request.previous.index, hint: hint), round: request.round)
  }

  /// A leader disagrees with what is committed: state was lost somewhere, and to go on would lose
  /// more. With planted bugs that is what the simulator waits for its checkers to see.
  private func contradicted(at index: LogIndex) {
    invariant(
      !settings.bugs.isEmpty,
      "\(id): leader \(String(describing: leader)) of term \(term) contradicts entry \(index), "
        + "but everything up to \(commitIndex) is committed"
    )
  }

  /// Tells the leader that the log agrees up to `index`: at once if that is durable, otherwise
  /// after this ready's sync; and if an earlier ready's sync is still under way, when that is done.
  mutating func acknowledge(upTo index: LogIndex, appended: Bool, round: UInt64) {
    following.verified = max(following.verified, index)
    if appended || hardState != hardStateHanded {
      // A new round must not wait for the disk: reads hang on it.
      if round > following.round { reply(.heard, round: round) }
      let matched = max(index, following.reply.map(\.matchedIndex) ?? .zero)
      following.reply = AppendReply(
        outcome: .matched(matched), round: max(round, following.round), wall: now.wall)
    } else if index <= durable {
      reply(.matched(index), round: round)
    } else {
      reply(.heard, round: round)
      following.owesReply = following.reply == nil
    }
    following.round = max(following.round, round)
  }

  private mutating func reply(_ outcome: AppendReply.Outcome, round: UInt64) {
    guard let leader else { return }
    following.round = max(following.round, round)
    send(.appendReply(AppendReply(outcome: outcome, round: round, wall: now.wall)), to: leader)
  }

  mutating func payOwedReply() {
    guard following.owesReply, leader != nil else { return }
    let index = min(following.verified, durable)
    following.owesReply = index < following.verified
    reply(.matched(index), round: following.round)
  }
}

extension AppendReply {
  fileprivate var matchedIndex: LogIndex {
    if case .matched(let index) = outcome { index } else { .zero }
  }
}

extension AppendRequest {
  /// Whether a leader of `term` can have sent this.
  fileprivate func isSound(term: Term) -> Bool {
    guard previous.index.rawValue < 1 << 62, previous.index > .zero || previous == .zero else {
      return false
    }
    var last = previous
    var stamp: UInt64 = 0
    for entry in entries {
      guard entry.index == last.index.next, entry.term >= last.term, entry.stamp >= stamp else {
        return false
      }
      if entry.kind == .membership, (try? Membership(encoded: entry.payload)) == nil {
        return false
      }
      last = entry.id
      stamp = entry.stamp
    }
    return last.term <= term
  }
}
