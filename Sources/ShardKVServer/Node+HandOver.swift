import Basics
import Raft
import ShardMap
import Wire

/// Leadership that is being handed over, and who waits for it.
struct HandOver: Sendable {
  /// `nil`: whoever has most of the log.
  var target: ReplicaID?
  /// The operator who asked for it.
  var asker: Asker?
  /// What was proposed before is waited for until then, monotonic nanoseconds.
  var quietDeadline: UInt64
  var hasBegun = false
}

/// A request that came while leadership was being handed over.
struct HeldRequest: Sendable {
  var asker: Asker
  var body: Request.Body
}

extension Node {
  /// How long what is under way may take before leadership is handed over regardless.
  private static var quietNanoseconds: UInt64 { 500 * nanosecondsPerMillisecond }
  /// How long a request waits for the next leader to be known.
  private static var holdNanoseconds: UInt64 { 1_000 * nanosecondsPerMillisecond }

  /// New requests wait: whoever leads next is to answer them.
  var isHandingOver: Bool {
    handOver != nil || drainDeadline != nil || raft.transferTarget != nil
  }

  /// Begins to hand over: proposals and reads that are under way are finished first.
  mutating func beginHandOver(to target: ReplicaID?, for asker: Asker?) {
    handOver = HandOver(
      target: target, asker: asker, quietDeadline: now.monotonic + Self.quietNanoseconds)
  }

  /// Whether a request is to wait until it is known who leads. One that left the group is not told
  /// by the next leader that it leads, so nobody waits for that.
  var holdsRequests: Bool {
    if raft.role == .leader {
      return isHandingOver && !settings.bugs.contains(.writesDuringTransfer)
    }
    return raft.leader == nil && !raft.isRemoved && now.monotonic < holdDeadline
  }

  mutating func hold(_ asker: Asker, _ body: Request.Body) {
    guard held.count < settings.requestsMax else { return reply(asker, .refused(.overloaded)) }
    held.append(HeldRequest(asker: asker, body: body))
  }

  /// Goes on with a hand-over, and answers those that waited for it.
  mutating func continueHandOver() {
    if raft.role == .leader, isHandingOver { holdDeadline = now.monotonic + Self.holdNanoseconds }
    successor = raft.transferTarget ?? successor
    if drainDeadline != nil, handOver == nil, raft.role == .leader, !isAlone {
      beginHandOver(to: nil, for: nil)
    }
    advanceHandOver()
    releaseHeld()
  }

  /// There is nobody to hand over to.
  var isAlone: Bool { raft.membership.voters == [identity.replica] }

  private mutating func advanceHandOver() {
    guard let current = handOver else { return }
    guard raft.role == .leader else {
      let answer: Reply.Body =
        current.hasBegun ? .done(.zero) : .refused(.wrongLeader(hint: leaderAddress))
      if let asker = current.asker { reply(asker, answer) }
      handOver = nil
      return
    }
    if current.hasBegun {
      guard raft.transferTarget == nil else { return }
      fail(current, "the other did not take over in time. This replica still leads; ask again.")
    } else if (proposals.isEmpty && waitingReads == 0) || now.monotonic >= current.quietDeadline {
      if let refusal = raft.transferLeadership(to: current.target) {
        return fail(current, "\(refusal)")
      }
      handOver?.hasBegun = true
      settle()
    }
  }

  private mutating func fail(_ current: HandOver, _ reason: String) {
    if let asker = current.asker { reply(asker, .refused(.invalid(reason))) }
    handOver = nil
  }

  private mutating func releaseHeld() {
    guard !held.isEmpty, !holdsRequests || isAlone else { return }
    let waiting = held
    held = []
    for request in waiting { decide(request.asker, request.body) }
    settle()
  }

  // Stopping.

  /// New requests wait for the next leader, and leadership is handed to whoever has most.
  mutating func beginDraining() {
    guard drainDeadline == nil else { return }
    drainDeadline = now.monotonic + settings.drainMilliseconds * nanosecondsPerMillisecond
  }

  /// Ends a node that was asked to stop, once nobody waits for it.
  mutating func drain() {
    guard let deadline = drainDeadline else { return }
    let isIdle =
      proposals.isEmpty && readRounds.isEmpty && held.isEmpty && !redis.isBusy
      && disk.flight == nil && effects.sync == nil
    let mayGo = isIdle && (raft.role != .leader || isAlone)
    guard mayGo || now.monotonic >= deadline else { return }
    for request in held { reply(request.asker, .refused(.wrongLeader(hint: leaderAddress))) }
    held = []
    effects.stop = effects.stop ?? .drained
  }
}
