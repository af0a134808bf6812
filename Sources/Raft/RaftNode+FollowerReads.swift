import Basics

/// Reads for which this replica asks its leader; forgotten with the leader and with the term.
struct FollowerReads: Sendable {
  /// Came since the last ready.
  var waiting: [UInt64] = []
  /// Under way, oldest first.
  var asked: [Question] = []

  struct Question: Sendable {
    /// What the answer will name; no other question of any life of this replica has it.
    var number: UInt64
    var contexts: [UInt64]
    var askedTick: UInt64
  }
}

extension RaftNode {
  /// Reads that may wait for a leader's answer.
  private static let followerReadsMax = 1 << 16

  /// Asks for an index at which a read is linearizable on this replica, whatever its role: a leader
  /// does what ``read(context:)`` does, and others ask their leader, once for all reads of a turn
  /// (thesis §6.4). The answer comes in ``Ready/reads``. It is dropped if the leader or the term
  /// changes before it is here, if no leader is known, after the shortest election timeout, and by
  /// a replica in doubt at once.
  package mutating func readAnywhere(context: UInt64) {
    if standing == .leader { return read(context: context) }
    guard leader != nil, !isInDoubt, followerReads.waiting.count < Self.followerReadsMax else {
      readOutcomes.append(.dropped(context: context))
      return
    }
    followerReads.waiting.append(context)
  }

  /// One question for all reads of the turn.
  mutating func askLeader() {
    guard !followerReads.waiting.isEmpty else { return }
    guard let leader, leader != id else { return dropFollowerReads() }
    nextQuestion &+= 1
    followerReads.asked.append(
      FollowerReads.Question(
        number: nextQuestion, contexts: followerReads.waiting, askedTick: ticks))
    followerReads.waiting = []
    send(.readIndex(context: nextQuestion), to: leader)
  }

  /// The message is of this term; only its leader can have confirmed anything.
  mutating func handleReadIndexReply(
    _ number: UInt64, index: LogIndex?, from sender: ReplicaID
  ) {
    guard standing != .leader, leader == sender,
      let position = followerReads.asked.firstIndex(where: { $0.number == number })
    else { return }
    let question = followerReads.asked.remove(at: position)
    for context in question.contexts {
      if let index, index.rawValue <= Self.numberMax {
        readOutcomes.append(.confirmed(context: context, index: index))
      } else {
        readOutcomes.append(.dropped(context: context))
      }
    }
  }

  /// Gives up what was not answered.
  mutating func tickFollowerReads() {
    let patience = UInt64(settings.electionTicks.lowerBound)
    while let first = followerReads.asked.first, ticks - first.askedTick >= patience {
      for context in first.contexts { readOutcomes.append(.dropped(context: context)) }
      followerReads.asked.removeFirst()
    }
  }

  /// The leader is another, or the term: what it would answer is not waited for.
  mutating func dropFollowerReads() {
    let contexts = followerReads.asked.flatMap(\.contexts) + followerReads.waiting
    for context in contexts { readOutcomes.append(.dropped(context: context)) }
    followerReads = FollowerReads()
  }
}
