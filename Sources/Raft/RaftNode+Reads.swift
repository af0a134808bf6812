import Basics

extension RaftNode {
  /// Reads that may wait for their round.
  private static let waitingReadsMax = 1 << 16

  /// Asks for an index at which a read is linearizable (ReadIndex, thesis §6.4). The answer comes
  /// in ``Ready/reads``: a leader answers once a quorum has replied to a round of messages sent
  /// after this, one round for all reads that wait, or at once while it holds a lease; any other
  /// replica drops the read at once.
  package mutating func read(context: UInt64) {
    guard standing == .leader else {
      readOutcomes.append(.dropped(context: context))
      return
    }
    if settings.bugs.contains(.staleRead) {
      readOutcomes.append(.confirmed(context: context, index: commitIndex))
      return
    }
    begin(Leadership.Read(context: context, from: nil))
  }

  /// A follower's read. It counts on this leader alone, so one that left the group gets none.
  mutating func handleReadIndex(_ context: UInt64, from sender: ReplicaID) {
    let read = Leadership.Read(context: context, from: sender)
    if standing == .leader, membership.includes(sender) {
      begin(read)
    } else {
      answer(read, index: nil)
    }
  }

  private mutating func begin(_ read: Leadership.Read) {
    // The index first and the lease after: the other way round, time could pass between them.
    let index = commitIndex
    if holdsLease { return answer(read, index: index) }
    guard leadership.waitingReads.count < Self.waitingReadsMax else {
      return answer(read, index: nil)
    }
    leadership.waitingReads.append(read)
    leadership.isDue = true
  }

  /// Opens a round for the reads that wait, unless nothing of this term is committed yet: before
  /// that a leader does not know what is committed. What comes while a round is under way waits
  /// for its end, and so goes together, but for no longer than a tick.
  mutating func openReadRound() {
    guard !leadership.waitingReads.isEmpty,
      leadership.readBatches.isEmpty || leadership.roundTick < ticks,
      isReadyToServe || settings.bugs.contains(.readBeforeOwnTerm)
    else { return }
    openRound()
    leadership.readBatches.append(
      Leadership.ReadBatch(
        round: leadership.round, index: commitIndex, reads: leadership.waitingReads))
    leadership.waitingReads = []
    roundsAnswered()
  }

  private mutating func openRound() {
    leadership.round += 1
    leadership.roundTick = ticks
    leadership.isDue = true
    if leadership.round % Self.roundsPerChoice == 0 || !isNearQuorum { askEveryone() }
    guard settings.leaseReads else { return }
    // What was sent so long ago makes no lease any more, whoever answers it.
    let (lease, time) = (settings.leaseNanoseconds, now.monotonic)
    leadership.roundTimes.removeAll { $0.sentAt + lease <= time }
    leadership.roundTimes.append(
      Leadership.RoundTime(round: leadership.round, sentAt: time))
    extendLease()
  }

  /// Whether reads are answered without asking anybody: a quorum has promised, by its answers to a
  /// round, not to vote before the lease ends (thesis §6.4.1). The time that opened the turn is
  /// what counts, so that after a pause there is no lease.
  package var holdsLease: Bool {
    settings.leaseReads && leadership.mayLease && isReadyToServe
      && leaseCheckTime < leadership.leaseEnd
  }

  private var leaseCheckTime: UInt64 {
    settings.bugs.contains(.leaseCheckedBeforeIndex) ? timeBefore : now.monotonic
  }

  /// A round with every heartbeat renews the lease. One that is not answered within a tick is asked
  /// of everyone, and what waited for it goes on.
  mutating func tickRounds() {
    if settings.leaseReads, ticks - leadership.roundTick >= UInt64(settings.heartbeatTicks) {
      openRound()
    }
    if awaitsNear, leadership.roundTick < ticks { askEveryone() }
    if !leadership.waitingReads.isEmpty { leadership.isDue = true }
  }

  // Whom a round asks. A quorum's answers are all that counts, and every message more costs two
  // processes a wake-up: so after a round that was sent to everyone the next ones go only to those
  // who answered it first. Everyone is asked again after some rounds, so that a follower that has
  // become slow is left out, and with the next tick when an answer is missing.

  private static let roundsPerChoice: UInt64 = 64

  private mutating func askEveryone() {
    for position in leadership.peers.indices { leadership.peers[position].isNear = false }
    leadership.asksEveryone = true
    leadership.isDue = true
  }

  /// Whether those who answered first, and this leader, are a quorum.
  private var isNearQuorum: Bool {
    Quorum.holds(membership) { voter in
      voter == id || leadership.position(of: voter).map { leadership.peers[$0].isNear } ?? false
    }
  }

  /// A follower has answered the newest round.
  mutating func answeredRound(_ position: Int) {
    guard leadership.asksEveryone, membership.isVoter(leadership.peers[position].id) else { return }
    leadership.peers[position].isNear = true
    leadership.asksEveryone = !isNearQuorum
  }

  /// A round is under way that not everyone was asked for.
  var awaitsNear: Bool {
    !leadership.asksEveryone && quorumRound { $0.roundAnswered } < leadership.round
  }

  /// The lease lasts from when the newest round was sent that a quorum has answered with a promise.
  mutating func extendLease() {
    let promised = quorumRound { $0.roundPromised }
    let count = leadership.roundTimes.count { $0.round <= promised }
    guard count > 0 else { return }
    let sentAt = leadership.roundTimes[count - 1].sentAt
    leadership.leaseEnd = max(leadership.leaseEnd, sentAt + settings.leaseNanoseconds)
    leadership.roundTimes.removeFirst(count)
  }

  /// The newest round that a quorum has answered, this leader included.
  private func quorumRound(_ round: (Progress) -> UInt64) -> UInt64 {
    Quorum.reached(membership) { voter in
      if voter == id { return leadership.round }
      return leadership.position(of: voter).map { round(leadership.peers[$0]) } ?? 0
    }
  }

  /// What the answers to rounds are worth by now.
  mutating func roundsAnswered() {
    guard !leadership.readBatches.isEmpty else { return }
    let answered = quorumRound { $0.roundAnswered }
    var confirmed = 0
    while confirmed < leadership.readBatches.count,
      leadership.readBatches[confirmed].round <= answered
    {
      let batch = leadership.readBatches[confirmed]
      for read in batch.reads { answer(read, index: batch.index) }
      confirmed += 1
    }
    leadership.readBatches.removeFirst(confirmed)
    if leadership.readBatches.isEmpty, !leadership.waitingReads.isEmpty { leadership.isDue = true }
  }

  /// Leadership ends: whoever reads must ask again.
  mutating func dropReads() {
    for batch in leadership.readBatches {
      for read in batch.reads { answer(read, index: nil) }
    }
    for read in leadership.waitingReads { answer(read, index: nil) }
    leadership.readBatches = []
    leadership.waitingReads = []
  }

  private mutating func answer(_ read: Leadership.Read, index: LogIndex?) {
    if let from = read.from {
      send(.readIndexReply(context: read.context, index: index), to: from)
    } else if let index {
      readOutcomes.append(.confirmed(context: read.context, index: index))
    } else {
      readOutcomes.append(.dropped(context: read.context))
    }
  }
}
