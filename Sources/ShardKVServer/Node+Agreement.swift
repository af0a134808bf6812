import Basics
import Journal
import Raft
import ShardMap
import Wire

/// The states of a group's replicas are compared at fixed indexes: at each entry whose stamp is the
/// first after a multiple of ``NodeSettings/comparisonMilliseconds``. Which entries those are
/// follows from the log alone. The state is captured there in O(1), hashed in the background, and
/// the hashes are sent to all members. Each replica judges itself.
extension Node {
  private var period: UInt64 { settings.comparisonMilliseconds }

  /// Alone there is nobody to compare with.
  private var compares: Bool { period > 0 && members.count > 1 }

  // The fixed indexes.

  /// An entry was applied that found the clock so: captures the state if its stamp passed a
  /// multiple of the period. While the one before is still being hashed this one is left out.
  mutating func captureForComparison(passing clock: UInt64) {
    guard compares, service.clock / period > clock / period, comparison.hashing == nil else {
      return
    }
    comparison.hashing = applied
    effects.background.append(
      .digest(applied, format: Service.piecesFormat, service.pieces()))
  }

  /// Of a leader: finds out whether it is time for such an entry, for where nothing is written
  /// nobody else makes one. The clocks are asked only when it may be.
  mutating func lookForComparison() {
    comparison.isDue = false
    guard compares, raft.role == .leader else {
      comparison.nextLook = 0
      return
    }
    guard now.monotonic >= comparison.nextLook else { return }
    let clock = raft.clock
    if clock / period > raft.lastStamp / period {
      comparison.isDue = true
    } else {
      comparison.nextLook = now.monotonic + (period - clock % period) * nanosecondsPerMillisecond
    }
  }

  /// When to look next, monotonic nanoseconds.
  var comparisonDeadline: UInt64 {
    guard compares, raft.isReadyToServe, !refusesWrites else { return .max }
    return comparison.nextLook
  }

  // The digests.

  /// The captured state was hashed.
  mutating func digested(_ digest: StateDigest) {
    guard comparison.hashing == digest.index else { return }
    comparison.hashing = nil
    comparison.add(own: digest)
    tell(of: digest)
    compare()
  }

  private mutating func tell(of digest: StateDigest) {
    let report = StateReport(digest: digest, isInDoubt: raft.isInDoubt)
    for peer in peers where peer.isOpen && followed.includes(peer.address.id) {
      guard let connection = peer.connection else { continue }
      counters.messagesSent += 1
      counters.callsSent += 1
      outbox.send(.state(report), on: connection)
    }
  }

  /// Another replica says what its state was.
  mutating func heard(_ report: StateReport, from replica: ReplicaID) {
    guard period > 0, followed.includes(replica) else { return }
    comparison.add(report, of: replica, in: followed)
    compare()
  }

  private mutating func compare() {
    let findings = comparison.judge(
      identity.replica, isInDoubt: raft.isInDoubt, in: followed)
    for finding in findings { act(on: finding) }
  }

  private mutating func act(on finding: StateComparison.Finding) {
    switch finding {
    case .agreed:
      counters.statesAgreed += 1
      effects.rarePaths.insert(.statesAgreed)
    case .differs(let replica, let index, let parts):
      effects.rarePaths.insert(.statesDiffered)
      effects.events.append(
        NodeEvent(
          .warning,
          "replica \(replica) differs from its group at index \(index) in "
            + "\(names(of: parts)): it is to start again and get everything anew"))
    case .split(let index, let others, let parts):
      effects.rarePaths.insert(.statesDiffered)
      effects.events.append(
        NodeEvent(
          .error,
          "this replica and \(names(of: others)) differ at index \(index) in "
            + "\(names(of: parts)), and no quorum tells which is right: nothing is rebuilt. "
            + "Compare what they serve, and replace the wrong one ('shardkv-cli group replace')"))
    case .wrong(let index, let others, let parts):
      effects.rarePaths.insert(.statesDiffered)
      counters.statesDiffered += 1
      rebuild(
        "the state of this replica differs from its group at index \(index) in "
          + "\(names(of: parts)): \(names(of: others)) agree on another. It serves no more, and "
          + "starts again to get everything anew from its group")
    }
  }

  private mutating func rebuild(_ reason: String) {
    guard effects.stop == nil else { return }
    effects.stop = .rebuild(reason)
    effects.events.append(NodeEvent(.error, reason))
  }

  private func names(of parts: [Int]) -> String {
    Self.list(parts.map { Service.name(ofPart: $0) })
  }

  private func names(of replicas: [ReplicaID]) -> String {
    Self.list(replicas.map { "\($0)" })
  }

  /// The first few, and how many more there are.
  private static func list(_ names: [String]) -> String {
    let few = names.prefix(8).joined(separator: ", ")
    return names.count > 8 ? "\(few) and \(names.count - 8) more" : few
  }

  /// The state that everything else of this turn came from is wrong: all that is left is to say so,
  /// to the other replicas, too.
  mutating func endForRebuild() -> NodeEffects {
    outbox = Outbox()
    if let digest = comparison.newest { tell(of: digest) }
    var result = NodeEffects()
    outbox.flush(into: &result.links)
    result.events = effects.events
    result.rarePaths = effects.rarePaths
    result.stop = effects.stop
    effects = NodeEffects()
    return result
  }

  /// Flips a bit of the state as bad memory does; false if there is none. For simulations.
  package mutating func flipBit(_ bit: Int, ofValueOf key: [UInt8]) -> Bool {
    service.flipBit(bit, ofValueOf: key)
  }

  // The status.

  var agreementReport: NodeStatus.Agreement? {
    guard comparison.last != nil || counters.statesDiffered > 0 else { return nil }
    return NodeStatus.Agreement(
      index: comparison.last?.index ?? .zero, agreeing: comparison.last?.agreeing ?? 0,
      differed: counters.statesDiffered, isSplit: comparison.last?.isSplit ?? false)
  }
}
