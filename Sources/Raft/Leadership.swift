import Basics

/// What only a leader has; made anew with every election that is won.
struct Leadership: Sendable {
  /// Everyone else in the membership, ascending by id.
  var peers: [Progress] = []
  /// The leader's first entry of its term.
  var termStart = LogIndex.zero
  /// Proposals not yet committed, in bytes.
  var uncommittedBytes = 0
  /// Every voter granted the election, so that no leader of an older term can commit anything, and
  /// none of what voters in doubt promised before matters any more.
  var isUnanimous = false
  /// Won without anybody's reply: nothing is sent before the own disk has the election.
  var isHeld = false
  /// Something was proposed, acknowledged or asked that may make messages.
  var isDue = false
  /// The rounds of confirmation sent so far.
  var round: UInt64 = 0
  /// The newest round goes to everyone, not only to those who answer first.
  var asksEveryone = true
  /// When the rounds were sent that no quorum has answered yet; kept for the lease alone.
  var roundTimes: [RoundTime] = []
  /// The node's tick when the last round was opened.
  var roundTick: UInt64 = 0
  /// Monotonic nanoseconds until which nobody else can have been elected.
  var leaseEnd: UInt64 = 0
  /// Reads that came since the last round was opened.
  var waitingReads: [Read] = []
  /// Reads whose round is under way, oldest first.
  var readBatches: [ReadBatch] = []
  var transfer: Transfer?
  /// Those that the membership in force is without; they are told once it is committed.
  var leaving: [ReplicaID] = []
  /// A lease protects no more once somebody was asked to campaign in spite of it.
  var mayLease = true
  /// The median of the voters' clocks, taken at most once a turn.
  var clockOfTurn: UInt64?

  func position(of replica: ReplicaID) -> Int? {
    for position in peers.indices where peers[position].id == replica { return position }
    return nil
  }

  struct RoundTime: Sendable {
    var round: UInt64
    /// The time that opened the turn in which it was sent, monotonic nanoseconds.
    var sentAt: UInt64
  }

  struct Read: Sendable {
    var context: UInt64
    /// The follower that asked; `nil` for a read of our own.
    var from: ReplicaID?
  }

  struct ReadBatch: Sendable {
    var round: UInt64
    var index: LogIndex
    var reads: [Read]
  }

  struct Transfer: Sendable {
    var target: ReplicaID
    var endTick: UInt64
    /// When the target was last told to campaign.
    var askedTick: UInt64?
  }
}
