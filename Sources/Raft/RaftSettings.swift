import Basics

/// The constants of one group's consensus. A tick is ``RaftSettings/tickMilliseconds`` long.
package struct RaftSettings: Sendable {
  package static let tickMilliseconds: UInt64 = 10

  /// Ticks between heartbeats: 100 ms, ten a second.
  package var heartbeatTicks = 10
  /// Ticks without a leader before campaigning, drawn anew for every election.
  package var electionTicks = 50...100
  /// Bytes of entries in one AppendEntries; one entry may be larger.
  package var appendBytesMax = 1 << 20
  /// AppendEntries in flight to one follower.
  package var appendsInFlightMax = 64
  /// Bytes of entries in flight to one follower.
  package var bytesInFlightMax = 8 << 20
  /// Bytes of proposals not yet committed; above it ``RaftNode/refusal(bytes:)`` says
  /// so.
  package var uncommittedBytesMax = 64 << 20
  /// Entries kept in memory behind a snapshot for followers that are a little late.
  package var retainedEntries = 4_096
  package var retainedBytesMax = 4 << 20
  /// Entries that a learner may lack to be promoted. They must also be in memory, and no more bytes
  /// than ``bytesInFlightMax``, and the newest membership must not be among them.
  package var promotionLagMax: UInt64 = 4_096
  /// Ticks without progress of the own disk after which a leader hands over: 1 s.
  package var diskPatienceTicks = 100
  /// Bytes of committed entries in one ``Ready``; one entry may be larger.
  package var committedBytesMax = 4 << 10
  /// Leaders answer reads without asking anybody while a quorum has lately promised to elect nobody
  /// else. A leader gets such promises only from replicas where this is set, too, and counts only
  /// those that are as long as its own shortest election timeout.
  package var leaseReads = false
  /// By how many percent one replica's clock may run faster than another's, at most, for reads
  /// under a lease to be linearizable.
  package var clockDriftPercentMax: UInt64 = 25
  /// A replica that was never in any term, and has no entry, campaigns only when every voter of its
  /// first membership grants it that, so all are as new as it is. Otherwise folders that were made
  /// anew one after the other, each of them refused by the group, could be a quorum of the
  /// membership that the group began with, and begin it once more without its data.
  package var firstElectionNeedsAll = false
  package var bugs: PlantedBugs = []

  package init() {}

  /// How long a leader may count on a voter after it sent what the voter answered, in nanoseconds
  /// of its own clock: the shortest election timeout on the fastest clock, less one tick, because
  /// the voter's first tick may come at once.
  package var leaseNanoseconds: UInt64 {
    let ticks = UInt64(max(electionTicks.lowerBound - 1, 0))
    let promise = ticks * Self.tickMilliseconds * nanosecondsPerMillisecond
    if bugs.contains(.leaseOutlivesClockDrift) { return promise }
    return promise / (100 + clockDriftPercentMax) * 100
  }

  /// For how long a replica that heard a leader elects nobody else, by its own clock.
  var promiseMilliseconds: UInt64 {
    UInt64(max(electionTicks.lowerBound, 0)) * Self.tickMilliseconds
  }
}
