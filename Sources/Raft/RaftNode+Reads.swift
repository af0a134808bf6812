import Basics

extension RaftNode {
  /// Reads that may wait for their round.
  private static let waitingReadsMax = 1 << 16

  /// Asks for an index at which a read is linearizable (ReadIndex, thesis §6.4). The answer comes
  /// in ``Ready/reads``: a leader answers once a quorum has replied to a round of messages sent
  /// after this, one round for all reads of a turn; any other replica drops the read at once.
  package mutating func read(context: UInt64) {
    guard standing == .leader, leadership.waitingReads.count < Self.waitingReadsMax else {
      readOutcomes.append(.dropped(context: context))
      return
    }
    if settings.bugs.contains(.staleRead) {
      readOutcomes.append(.confirmed(context: context, index: commitIndex))
      return
    }
    leadership.waitingReads.append(Leadership.Read(context: context, from: nil))
    leadership.isDue = true
  }

  mutating func handleReadIndex(_ context: UInt64, from sender: ReplicaID) {
    guard standing == .leader, leadership.waitingReads.count < Self.waitingReadsMax else {
      send(.readIndexReply(context: context, index: nil), to: sender)
      return
    }
    leadership.waitingReads.append(Leadership.Read(context: context, from: sender))
    leadership.isDue = true
  }

  /// Opens a round for the reads that wait, unless nothing of this term is committed yet: before
  /// that a leader does not know what is committed.
  mutating func openReadRound() {
    guard !leadership.waitingReads.isEmpty, isReadyToServe else { return }
    leadership.round += 1
    leadership.readBatches.append(
      Leadership.ReadBatch(
        round: leadership.round, index: commitIndex, reads: leadership.waitingReads))
    leadership.waitingReads = []
    confirmReads()
  }

  /// Answers the reads whose round a quorum has answered.
  mutating func confirmReads() {
    guard !leadership.readBatches.isEmpty else { return }
    let answered = Quorum.reached(membership) { voter in
      if voter == id { return leadership.round }
      return leadership.position(of: voter).map { leadership.peers[$0].roundAnswered } ?? 0
    }
    var confirmed = 0
    while confirmed < leadership.readBatches.count,
      leadership.readBatches[confirmed].round <= answered
    {
      let batch = leadership.readBatches[confirmed]
      for read in batch.reads { answer(read, index: batch.index) }
      confirmed += 1
    }
    leadership.readBatches.removeFirst(confirmed)
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
