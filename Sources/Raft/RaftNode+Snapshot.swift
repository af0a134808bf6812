import Basics

/// A snapshot that a leader is sending to this replica.
struct IncomingSnapshot: Sendable {
  var metadata: SnapshotMetadata
  /// The term of the leader that sends it.
  var term: Term
  var nextSection = 0
  /// All sections were handed out, and the outside is replacing the state machine.
  var isComplete = false
}

extension RaftNode {
  /// Whether the outside is replacing the state machine; until it is done nothing is appended,
  /// committed or campaigned for, so that the machine cannot be set back.
  var isRestoring: Bool { incoming?.isComplete ?? false }

  // Sending.

  /// Turns to sending the newest snapshot to a follower that needs what was compacted.
  mutating func startSnapshot(to position: Int) {
    guard let snapshotMetadata else { return }
    leadership.peers[position].become(.snapshot, next: leadership.peers[position].next)
    leadership.peers[position].sending = SnapshotSending(
      metadata: snapshotMetadata, askedTick: ticks, retryTicks: retryTicksMin)
    leadership.isDue = true
  }

  private var retryTicksMin: UInt64 { UInt64(settings.heartbeatTicks * 2) }
  private var retryTicksMax: UInt64 { UInt64(settings.electionTicks.upperBound * 2) }

  /// Asks for a section again that was not answered for too long.
  mutating func retrySection(of position: Int) {
    guard var sending = leadership.peers[position].sending, !sending.isDue,
      ticks - sending.askedTick >= sending.retryTicks, let snapshotMetadata
    else { return }
    if sending.wasGiven || sending.isComplete {
      // Lost on the way; or, if it has all sections, the answer will tell whether it still restores
      // or has lost what it had.
      sending.want(
        section: sending.section, tick: ticks,
        retryTicks: min(sending.retryTicks * 2, retryTicksMax))
    } else {
      // The outside does not have that section, or no longer: begin again with the newest snapshot.
      sending = SnapshotSending(
        metadata: snapshotMetadata, askedTick: ticks, retryTicks: retryTicksMin)
    }
    leadership.peers[position].sending = sending
    leadership.isDue = true
  }

  /// The sections that are to be read from the snapshot's file.
  mutating func wantedSections() -> [WantedSection] {
    var wanted: [WantedSection] = []
    for position in leadership.peers.indices {
      guard let sending = leadership.peers[position].sending, sending.isDue else { continue }
      leadership.peers[position].sending?.isDue = false
      leadership.peers[position].sending?.askedTick = ticks
      wanted.append(
        WantedSection(
          to: leadership.peers[position].id, snapshot: sending.metadata.last,
          section: sending.section))
    }
    return wanted
  }

  /// Sends a section that was asked for in ``Ready/wantedSections``; `round` is filled in. Ignored
  /// if the follower no longer needs it.
  package mutating func sendSection(_ chunk: SnapshotChunk, to follower: ReplicaID) {
    guard standing == .leader,
      let position = leadership.position(of: follower),
      let sending = leadership.peers[position].sending,
      sending.metadata.last == chunk.metadata.last, sending.section == chunk.section
    else { return }
    leadership.peers[position].sending?.wasGiven = true
    if chunk.isLast { leadership.peers[position].sending?.sectionCount = chunk.section + 1 }
    var chunk = chunk
    chunk.metadata = sending.metadata
    chunk.round = leadership.round
    leadership.peers[position].roundSent = leadership.round
    leadership.peers[position].sentTick = ticks
    send(.snapshot(chunk), to: follower)
  }

  mutating func handle(_ reply: SnapshotReply, from follower: ReplicaID) {
    guard standing == .leader,
      let position = leadership.position(of: follower)
    else { return }
    guard note(reply.trust, at: position) else { return }
    hear(position, round: reply.round, wall: reply.wall, trust: reply.trust)
    guard var sending = leadership.peers[position].sending,
      sending.metadata.last == reply.snapshot, reply.nextSection >= 0
    else { return }
    if let count = sending.sectionCount, reply.nextSection >= count {
      sending.isComplete = true
      sending.isDue = false
    } else if reply.nextSection != sending.section {
      sending.want(section: reply.nextSection, tick: ticks, retryTicks: retryTicksMin)
    }
    leadership.peers[position].sending = sending
    leadership.isDue = true
  }

  // Receiving.

  mutating func handle(_ chunk: SnapshotChunk, from sender: ReplicaID) {
    guard standing != .leader else { return }
    hearLeader(sender)
    let last = chunk.metadata.last
    guard last.term <= term, chunk.section >= 0 else { return }
    if isRestoring {
      replyToSection(chunk)
      return
    }
    if isRefusingAppends, lacks(last) { return reply(.heard, round: chunk.round) }
    if !lacks(last) {
      // Everything in it is here already.
      commit(upTo: last.index)
      incoming = nil
      acknowledge(upTo: last.index, appended: false, round: chunk.round)
      return
    }
    if incoming?.metadata.last != last {
      let isOlder = incoming.map { $0.term == term && last.index < $0.metadata.last.index } ?? false
      if isOlder { return }
      let section = settings.bugs.contains(.sectionsMixed) ? incoming?.nextSection ?? 0 : 0
      incoming = IncomingSnapshot(metadata: chunk.metadata, term: term, nextSection: section)
    }
    let currentTerm = term
    incoming?.term = currentTerm
    if let wanted = incoming?.nextSection, chunk.section == wanted {
      incoming?.nextSection = wanted + 1
      incoming?.isComplete = chunk.isLast
      receivedSections.append(chunk)
    }
    replyToSection(chunk)
  }

  /// Whether a snapshot that ends with `last` holds anything that is not here.
  package func lacks(_ last: EntryID) -> Bool {
    (last.index > commitIndex && !log.contains(last))
      || settings.bugs.contains(.olderSnapshotInstalled)
  }

  private mutating func replyToSection(_ chunk: SnapshotChunk) {
    guard let incoming, let leader else { return }
    send(
      .snapshotReply(
        SnapshotReply(
          snapshot: incoming.metadata.last, nextSection: incoming.nextSection, round: chunk.round,
          wall: now.wall, trust: durableTrust)), to: leader)
  }

  /// A received snapshot is durable and the state machine was replaced by it: it is the whole log
  /// now.
  ///
  /// - Returns: the entries that were dropped, which may be many to free.
  @discardableResult
  package mutating func snapshotRestored(_ metadata: SnapshotMetadata) -> [Entry] {
    incoming = nil
    guard lacks(metadata.last) else { return [] }
    let dropped = log.entries
    forgetHandouts(from: LogIndex(1))
    var base = metadata.last
    if settings.bugs.contains(.snapshotTermForgotten) { base.term = term }
    log = Log(base: base, baseStamp: metadata.stamp)
    memberships.reset(to: metadata.membership, at: metadata.membershipIndex)
    if let removed = removedAt, metadata.membershipIndex > removed,
      metadata.membership.includes(id)
    {
      removedAt = nil
    }
    snapshotMetadata = metadata
    commitIndex = metadata.last.index
    commitHanded = metadata.last.index
    entriesHanded = metadata.last.index
    durable = metadata.last.index
    if leader != nil {
      acknowledge(upTo: metadata.last.index, appended: true, round: following.round)
    }
    return dropped
  }

  /// The snapshot that is received cannot be kept: its leader is to send it from its beginning once
  /// more, or another.
  package mutating func snapshotLost() { incoming = nil }

  /// A snapshot of this replica's own state is durable: the log up to it can go, but for a tail
  /// kept for followers that are a little late.
  ///
  /// - Returns: entries that were dropped, and some that were not; they may be many to free.
  @discardableResult
  package mutating func compact(upTo metadata: SnapshotMetadata) -> [Entry] {
    guard metadata.last.index > snapshot.index, metadata.last.index <= commitHanded,
      log.contains(metadata.last)
    else { return [] }
    snapshotMetadata = metadata
    durable = max(durable, metadata.last.index)
    var cut = log.cut(
      behind: metadata.last.index, entriesMax: settings.retainedEntries,
      bytesMax: settings.retainedBytesMax)
    // A follower that is receiving an older snapshot needs the log after it, or it would be sent
    // one snapshot after the other; within limits.
    if let needed = snapshotSent, needed < cut, !settings.bugs.contains(.logTrimmedUnderReceiver) {
      let furthest = log.cut(
        behind: metadata.last.index, entriesMax: settings.retainedEntries * 16,
        bytesMax: settings.retainedBytesMax * 4)
      cut = max(needed, furthest)
    }
    let dropped = log.compact(upTo: cut)
    memberships.compact(upTo: metadata.last.index)
    return dropped
  }
}
