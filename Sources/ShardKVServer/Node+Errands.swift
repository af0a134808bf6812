import Basics
import Clerk
import Raft
import ShardMap
import Wire

extension Node {
  /// Begins what a leader has to ask of others, and takes in what came back.
  mutating func runErrands(_ inputs: [LinkInput]) {
    beginErrands()
    guard !inputs.isEmpty || (clerk.nextDeadline ?? .max) <= now.monotonic else { return }
    let result = clerk.turn(now, inputs)
    effects.links += result.links
    for (operation, outcome) in result.finished {
      if let errand = errands.removeValue(forKey: operation) {
        finish(errand, outcome)
      } else if !remoteFinished(operation, outcome) {
        noteLeader(operation, outcome)
      }
    }
  }

  /// When errands are to be looked for, monotonic nanoseconds: a while after the last time if what
  /// they depend on may have changed, and otherwise when the service says.
  var nextErrandLook: UInt64 {
    guard raft.isReadyToServe, drainDeadline == nil else { return .max }
    let hasNews = haveErrandsChanged || applied != errandsSeen
    return hasNews ? nextErrands : max(nextErrands, service.nextErrands)
  }

  private mutating func beginErrands() {
    guard now.monotonic >= nextErrandLook else { return }
    errandsSeen = applied
    haveErrandsChanged = !bindIncarnations()
    nextErrands = now.monotonic + settings.errandMilliseconds * nanosecondsPerMillisecond
    let context = LeaderContext(now: now, term: raft.term, record: record)
    let deadline =
      now.monotonic + settings.errandTimeoutMilliseconds * nanosecondsPerMillisecond
    for errand in service.errands(context) where mayBegin(errand) {
      guard errands.count < settings.errandsMax else { return }
      if let busy = busyErrands[errand.key] {
        // Asked, or proposed and not applied yet.
        guard let index = busy, index <= applied else { continue }
      }
      busyErrands[errand.key] = .some(nil)
      let operation = clerk.submit(errand.operation, deadline: deadline, now: now)
      errands[operation] = errand
    }
  }

  private mutating func finish(_ errand: Errand, _ outcome: ClerkOutcome) {
    busyErrands[errand.key] = nil
    haveErrandsChanged = true
    if case .failed = outcome { effects.rarePaths.insert(.errandFailed) }
    guard raft.isReadyToServe, raft.term == errand.term else {
      effects.rarePaths.insert(.errandOutlivedLeadership)
      return
    }
    for payload in service.finished(errand, outcome) {
      guard let id = raft.propose(payload) else { return }
      busyErrands[errand.key] = .some(id.index)
    }
    // What it led to can be gone on with as soon as it is applied.
    nextErrands = 0
  }

  /// This group as the controller shall know it; `nil` while its membership may be taken back:
  /// the controller would keep it, since it takes the higher index.
  private var record: GroupRecord? {
    guard raft.isMembershipSettled else { return nil }
    return GroupRecord(
      identity: identity.groupIdentity, membershipIndex: raft.membershipIndex.rawValue,
      replicas: members.map(\.address).filter { raft.membership.isVoter($0.id) })
  }
}
