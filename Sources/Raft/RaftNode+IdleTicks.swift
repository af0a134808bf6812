import Basics

extension RaftNode {
  /// The number of the coming tick that may be the first to do anything, from 1; those before it
  /// only count. It stays true until something else than ticks comes in: whoever drives this
  /// replica may sleep until then, and tell of the time that has passed by ``skip(idleTicks:)``.
  package var ticksUntilAction: UInt64 {
    standing == .leader ? leaderTicksUntilAction : followerTicksUntilAction
  }

  /// Does in one step what so many calls of ``tick()`` would do; they must be fewer than
  /// ``ticksUntilAction``. Since nothing can come of them, they may be given before a turn's
  /// messages, so that what is heard of then is not taken for older than it is.
  package mutating func skip(idleTicks count: UInt64) {
    guard count > 0 else { return }
    invariant(
      count < ticksUntilAction, "\(id) sleeps \(count) ticks, and \(ticksUntilAction) acts")
    ticks += count
    diskWaitTicks = awaitsDisk ? diskWaitTicks + Int(clamping: count) : 0
    guard standing != .leader else { return }
    electionElapsed += Int(clamping: count)
    ticksSinceLeader += Int(clamping: count)
  }

  private var followerTicksUntilAction: UInt64 {
    var first = UInt64(clamping: max(electionTimeout - electionElapsed, 1))
    if let question = followerReads.asked.first {
      let patience = UInt64(settings.electionTicks.lowerBound)
      first = min(first, ticksUntil(question.askedTick + patience))
    }
    return first
  }

  private var leaderTicksUntilAction: UInt64 {
    // What is being handed over, or waits for a disk that does nothing, is looked after each tick.
    guard leadership.transfer == nil, heirWithRoom == nil, hearsQuorum(at: ticks + 1) else {
      return 1
    }
    if awaitsNear || !leadership.waitingReads.isEmpty { return 1 }
    var first = UInt64.max
    if awaitsDisk {
      first = UInt64(clamping: max(settings.diskPatienceTicks - diskWaitTicks, 1))
    }
    let heartbeat = UInt64(settings.heartbeatTicks)
    if settings.leaseReads { first = min(first, ticksUntil(leadership.roundTick + heartbeat)) }
    for peer in leadership.peers {
      if peer.phase == .replicate, peer.commitSent < min(commitIndex, peer.match) { return 1 }
      first = min(first, ticksUntil(peer.sentTick + heartbeat))
      // Who has been silent for longer makes no difference any more.
      let silent = peer.heardTick + UInt64(settings.electionTicks.lowerBound) + 1
      if silent > ticks { first = min(first, silent - ticks) }
      if let sending = peer.sending {
        first = min(first, ticksUntil(sending.askedTick + sending.retryTicks))
      }
    }
    return first
  }

  private func ticksUntil(_ tick: UInt64) -> UInt64 { tick > ticks ? tick - ticks : 1 }

  /// Entries were handed out that are not yet known to be durable.
  var awaitsDisk: Bool { handouts.contains { $0.upTo > durable } }
}
