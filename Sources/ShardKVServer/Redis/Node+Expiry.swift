import Basics
import Raft
import ShardKV

/// Keys expire by the replicated clock alone. Where nothing is written the leader moves it on, by
/// an entry that is nothing but a stamp.
extension Node {
  /// Looks at the keys of this node's shards; `nil` on a controller.
  func keys<Result>(_ body: (ShardGroupMachine) -> Result) -> Result? { service.withKeys(body) }

  /// Proposes an entry for the clock if a key's deadline is over by the voters' clocks, if a read
  /// waits for it, or if states are to be compared.
  mutating func proposeClock() {
    lookForComparison()
    guard isClockWanted, raft.isReadyToServe, !isHandingOver else { return }
    redis.clockEntry = raft.propose([], kind: .clock)?.index
  }

  private var isClockWanted: Bool {
    guard raft.role == .leader, !refusesWrites, redis.clockEntry.map({ $0 <= applied }) ?? true
    else { return false }
    return comparison.isDue || !redis.clockReaders.isEmpty
      || nextExpiry.map { $0 < raft.clock } ?? false
  }

  /// The first deadline of a key, by the replicated clock; `nil` if there is none.
  private var nextExpiry: UInt64? {
    guard let deadline = keys({ $0.nextDeadline }), deadline < .max else { return nil }
    return deadline
  }

  /// When a key's deadline will be over if the clocks go on as they do, monotonic nanoseconds.
  var expiryDeadline: UInt64 {
    guard raft.isReadyToServe, !refusesWrites, let next = nextExpiry else { return .max }
    let clock = raft.clock
    if clock > next { return now.monotonic }
    let (span, isFar) = (next - clock + 1).multipliedReportingOverflow(
      by: nanosecondsPerMillisecond)
    let (time, overflows) = now.monotonic.addingReportingOverflow(span)
    return isFar || overflows ? .max : time
  }

  /// Something of Redis' clients can be gone on with at once.
  var wantsRedisTurn: Bool {
    !redis.ready.isEmpty || !redis.clockReaders.isEmpty && isClockWanted
  }
}
