import Basics
import Clerk
import Raft

/// When a node needs a turn, and what becomes of the time between two turns. Everything that waits
/// for time has its place in ``deadline``; nothing is looked at again and again.
extension Node {
  private static var tickNanoseconds: UInt64 {
    RaftSettings.tickMilliseconds * nanosecondsPerMillisecond
  }

  /// What ``nextDeadline`` is after this turn.
  var deadline: UInt64 {
    if wantsTurn { return now.monotonic }
    var deadline = nextTick
    if !settings.wakesAtEachTick, !needsEachTick {
      // Others than the clerk wait for a tick: turns that are due at about the same time are one.
      let ticks = min(raft.ticksUntilAction - 1, ticksUntil(ownDeadline))
      deadline = saturatingSum(nextTick, ticks)
    }
    return min(deadline, clerk.nextDeadline ?? .max)
  }

  private func saturatingSum(_ start: UInt64, _ ticks: UInt64) -> UInt64 {
    let (duration, isTooLong) = ticks.multipliedReportingOverflow(by: Self.tickNanoseconds)
    let (sum, overflow) = start.addingReportingOverflow(duration)
    return isTooLong || overflow ? .max : sum
  }

  /// How many ticks after the next one is the first at or after `time`.
  private func ticksUntil(_ time: UInt64) -> UInt64 {
    guard time > nextTick else { return 0 }
    return (time - nextTick - 1) / Self.tickNanoseconds + 1
  }

  /// While leadership is handed over and before a node stops, much may become possible by time.
  private var needsEachTick: Bool {
    isHandingOver || !held.isEmpty || !redis.stalled.isEmpty
  }

  /// The earliest time at which this node, apart from Raft and the clerk, has something to do;
  /// monotonic nanoseconds.
  private var ownDeadline: UInt64 {
    var deadline = min(nextErrandLook, expiryDeadline, comparisonDeadline, quietDeadline)
    if let again = disk.receiveAgainAt { deadline = min(deadline, again) }
    if redis.count > 0 { deadline = min(deadline, redis.nextCheck) }
    if !accepted.isEmpty { deadline = min(deadline, nextHelloCheck) }
    for peer in peers {
      if peer.connection == nil { deadline = min(deadline, peer.nextAttempt) }
      if let end = peer.leavesAt { deadline = min(deadline, end) }
    }
    return deadline
  }

  /// Counts the ticks that have passed since the last turn and that do nothing, as if there had
  /// been a turn for each of them. Those that may do something come after the turn's mail.
  mutating func passIdleTicks() {
    guard nextTick <= now.monotonic else { return }
    let due = (now.monotonic - nextTick) / Self.tickNanoseconds + 1
    let idle = min(due, raft.ticksUntilAction - 1)
    raft.skip(idleTicks: idle)
    nextTick += idle * Self.tickNanoseconds
  }

  /// Gives Raft the ticks that are due. After a long pause there is no point in giving all of them:
  /// as many as make any timer fire are enough.
  mutating func advanceTime() {
    var given = 0
    while nextTick <= now.monotonic, given < 2 * settings.raft.electionTicks.upperBound {
      raft.tick()
      nextTick += Self.tickNanoseconds
      given += 1
    }
    expireHellos()
    expireRedis()
    askForLeaders()
    if nextTick <= now.monotonic {
      effects.rarePaths.insert(.ticksSkipped)
      nextTick = now.monotonic + Self.tickNanoseconds
    }
    connectPeers()
  }
}
