import Basics

/// Why leadership is not handed over. Nothing has changed.
package enum TransferRefusal: Hashable, Sendable {
  case notLeader
  case alreadyLeader
  /// Learners and strangers cannot lead, nor can a voter that is on its way out.
  case notVoter(ReplicaID)
  /// It has not answered for as long as the shortest election timeout.
  case silent(ReplicaID)
  /// It may have forgotten something, and nothing has settled that yet.
  case inDoubt(ReplicaID)
  /// There is no other voter that is heard from.
  case nobodyElse
}

extension TransferRefusal: CustomStringConvertible {
  /// For people: what happened, and what to do next.
  package var description: String {
    "Leadership was not handed over: " + reason
  }

  private var reason: String {
    switch self {
    case .notLeader: "this replica does not lead its group. Ask the leader."
    case .alreadyLeader: "this replica leads already."
    case .notVoter(let replica): "\(replica) is not a voter of the group. Name a voter."
    case .silent(let replica): "\(replica) is not heard from. Name another voter."
    case .inDoubt(let replica):
      "\(replica) may lack what it had, and is being brought up to date. Name another voter, or "
        + "ask again when it is."
    case .nobodyElse: "no other voter is heard from. Bring one back first."
    }
  }
}

extension RaftNode {
  /// Whom leadership is being handed to; proposals are refused meanwhile.
  package var transferTarget: ReplicaID? { leadership.transfer?.target }

  /// Hands leadership to another voter, or for `nil` to the one that has most of the log: as soon
  /// as it has everything it is asked to campaign at once (thesis §3.10). Proposals are refused
  /// meanwhile, and taken again if it has not worked out within the longest election timeout.
  /// - Returns: `nil` if it has begun, or was under way.
  @discardableResult
  package mutating func transferLeadership(to wanted: ReplicaID?) -> TransferRefusal? {
    guard standing == .leader else { return .notLeader }
    guard let target = wanted ?? heir(where: { _ in true }) else { return .nobodyElse }
    if target == id { return .alreadyLeader }
    guard membership.voters.contains(target) else { return .notVoter(target) }
    guard hears(target) else { return .silent(target) }
    if isInDoubt(target) { return .inDoubt(target) }
    if leadership.transfer?.target == target { return nil }
    leadership.transfer = Leadership.Transfer(
      target: target, endTick: ticks + UInt64(settings.electionTicks.upperBound))
    continueTransfer()
    return nil
  }

  /// The voter that has most of the log, of those that answer and are such.
  private func heir(where isSuch: (Progress) -> Bool) -> ReplicaID? {
    let candidates = leadership.peers.filter {
      isSuch($0) && membership.voters.contains($0.id) && hears($0.id) && !$0.trust.isInDoubt
    }
    return candidates.max { ($0.match, $0.heardTick) < ($1.match, $1.heardTick) }?.id
  }

  /// Asks the target to campaign once it has everything, and again if that seems lost.
  mutating func continueTransfer() {
    guard let transfer = leadership.transfer,
      transfer.askedTick.map({ ticks - $0 >= UInt64(settings.heartbeatTicks) }) ?? true,
      let position = leadership.position(of: transfer.target),
      leadership.peers[position].match == log.last.index, !isInDoubt(transfer.target)
    else { return }
    leadership.transfer?.askedTick = ticks
    leadership.mayLease = false
    send(.timeoutNow, to: transfer.target)
  }

  /// Gives up a transfer that takes too long. Whoever cannot lead well goes without one.
  mutating func tickTransfer() {
    continueTransfer()
    guard let transfer = leadership.transfer, ticks >= transfer.endTick else { return }
    leadership.transfer = nil
    if isDiskStalled || !membership.isVoter(id) {
      becomeFollower(term: term, leader: nil)
    } else {
      settleMembership()
    }
  }

  /// Entries have waited for the disk for too long.
  var isDiskStalled: Bool { diskWaitTicks >= settings.diskPatienceTicks }

  /// Hands over because the own disk does nothing, if there is anybody to take over: a quorum of
  /// others may commit all the same, but this replica counts for nothing and its log fills memory.
  /// One whose disk has no room has to find somebody with room.
  mutating func handOverIfUnfit() {
    guard leadership.transfer == nil else { return }
    if isDiskStalled {
      transferLeadership(to: nil)
    } else if let heirWithRoom {
      transferLeadership(to: heirWithRoom)
    }
  }

  /// Who is to lead because this leader's disk has no room; `nil`: it has, or there is nobody. What
  /// fills one disk may fill the others at the same moment, so older word of them is not believed.
  package var heirWithRoom: ReplicaID? {
    guard isRefusingAppends || !hasRoom else { return nil }
    return heir { $0.hasRoom && $0.roomTick >= lacksRoomSince + Self.roomNewsTicks }
  }

  /// By then everybody has looked at its disk and was heard of.
  private static let roomNewsTicks: UInt64 = 15

  mutating func handleTimeoutNow(from sender: ReplicaID) {
    guard standing == .follower, leader == sender, membership.isVoter(id), !isRestoring,
      !isDiskStalled, !isInDoubt
    else { return }
    campaignForReal(isTransfer: true)
  }
}
