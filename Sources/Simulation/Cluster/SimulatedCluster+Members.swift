import Basics
import Journal
import Raft
import ShardKVServer
import ShardMap

/// What must hold of memberships, and of what their quorums have.
extension SimulatedCluster {
  func noteCommitted(_ applied: AppliedMembership, of replica: Replica) {
    let watch = watches[replica.group]
    let leader = leader(of: watch.group)?.member.id
    let (isNew, problem) = watch.memberships.committed(applied, leader: leader)
    if let problem { fail(watch, "\(replica.host.name) \(problem)") }
    guard isNew else { return }
    simulator.trace("group \(watch.group) has \(applied.membership.text) at \(applied.entry)")
    checkQuorum(replica.group, applied.entry.index, of: applied.membership)
  }

  func noteMembership(
    _ observation: NodeObservation, of index: Int, _ node: any SimulatedNode
  ) {
    let isCommitted = observation.membershipIndex <= observation.appliedIndex
    let before = membershipSeen[index]
    if let before, before.index == observation.membershipIndex, before.isCommitted == isCommitted,
      before.life.folder == replicas[index].host.folder
    {
      return
    }
    let (replica, host) = (replicas[index], replicas[index].host)
    let watch = watches[replica.group]
    membershipSeen[index] = (HostLife(host), observation.membershipIndex, isCommitted)
    if observation.membershipIndex > observation.lastIndex {
      fail(
        watch,
        "\(host.name) has a membership of index \(observation.membershipIndex) in force, and its "
          + "log ends at \(observation.lastIndex)")
    }
    let problem = watch.memberships.problem(
      of: node.membership, at: observation.membershipIndex, applied: observation.appliedIndex)
    if let problem { fail(watch, "\(host.name) \(problem)") }
    guard observation.role == .leader, let before, before.index < observation.membershipIndex,
      observation.membershipIndex == observation.lastIndex
    else { return }
    if !observation.isReadyToServe || before.index > observation.commitIndex {
      fail(
        watch,
        "\(host.name) changes the membership at \(observation.membershipIndex), and has committed "
          + "neither the one at \(before.index) nor anything of its term, or not both")
    }
    checkPromotion(in: node.membership, at: observation.membershipIndex, of: replica)
    didChangeMembership?(host)
  }

  private func fail(_ watch: GroupWatch, _ message: String) {
    simulator.fail(.wrongResult, "group \(watch.group): \(message)")
  }

  /// Whoever begins to be counted has nearly everything, so that nothing has to wait for it.
  private func checkPromotion(
    in membership: Membership, at index: LogIndex, of leader: Replica
  ) {
    guard !membership.outgoing.isEmpty else { return }
    for replica in replicas
    where replica.group == leader.group && membership.voters.contains(replica.member.id)
      && !membership.outgoing.contains(replica.member.id) && !replica.host.isWiped
      && !replica.host.isGivenUp && !replica.host.isDamaged
    {
      let last = durableLog(of: replica)?.last.index ?? .zero
      if last.rawValue + settings.raft.promotionLagMax < index.previous.rawValue {
        fail(
          watches[leader.group],
          "\(leader.host.name) promotes \(replica.host.name), which has \(last) of "
            + "\(index.previous) entries")
      }
    }
  }

  /// What a replica would find after the most forgetful power cut; `nil` if it could not start.
  func durableLog(of replica: Replica) -> DurableLog? {
    let disk = replica.host.disk.afterLosingEverythingUnsynced()
    do {
      return DurableLog(try Journal.recover(disk.reader, settings: settings.journal))
    } catch {
      if !replica.host.isDamaged, replica.host.isIntact {
        simulator.fail(
          .wrongResult, "\(replica.host.name) could not start after losing its power: \(error)")
      }
      return nil
    }
  }

  /// What is committed is on the disks of a quorum of the membership in force, of both in joint
  /// consensus, even if all lost their power now. Where two were in force in one turn, one of them
  /// has counted.
  func checkQuorum(
    _ position: Int, _ index: LogIndex, of membership: Membership, or former: Membership? = nil
  ) {
    quorumChecks += 1
    var holders: [ReplicaID] = []
    for replica in replicas
    where replica.group == position
      && (membership.isVoter(replica.member.id) || former?.isVoter(replica.member.id) ?? false)
    {
      // What a disk lost by itself was there: the others must be enough without it.
      let holds =
        replica.host.isDamaged
        || (!replica.host.isWiped
          && durableLog(of: replica).map { $0.last.index >= index } ?? false)
      if holds { holders.append(replica.member.id) }
    }
    if ![membership, former ?? membership].contains(where: { counted in
      Quorum.holds(counted, agrees: { holders.contains($0) })
    }) {
      fail(
        watches[position],
        "entry \(index) is committed and durable on only \(holders) of \(membership.text)")
    }
  }
}

/// The log of a replica as its disk has it.
struct DurableLog {
  private let snapshot: EntryID
  private let entries: [Entry]
  /// Every membership that the disk knows of, ascending by index; empty for a joiner.
  let memberships: [(index: LogIndex, membership: Membership)]

  init(_ recovery: Recovery) {
    let state = recovery.state
    snapshot = state.snapshot?.last ?? .zero
    entries = state.entries
    var found = [
      (
        LogIndex.zero,
        Membership(first: recovery.identity.members, isJoiner: recovery.identity.isJoiner)
      )
    ]
    if let kept = state.snapshot { found.append((kept.membershipIndex, kept.membership)) }
    for entry in entries where entry.kind == .membership && entry.index > snapshot.index {
      if let next = try? Membership(encoded: entry.payload) { found.append((entry.index, next)) }
    }
    memberships = found
  }

  var last: EntryID {
    guard let last = entries.last?.id, last.index > snapshot.index else { return snapshot }
    return last
  }

  func contains(_ id: EntryID) -> Bool {
    if id.index <= snapshot.index { return true }
    return entries.contains { $0.id == id }
  }

  /// The membership in force, or the last one of those that stand at `limit` or before.
  func membership(upTo limit: LogIndex = LogIndex(.max)) -> Membership {
    (memberships.last { $0.index <= limit } ?? memberships[0]).membership
  }
}
