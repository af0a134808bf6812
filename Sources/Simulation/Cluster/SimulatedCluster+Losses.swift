import Basics
import Journal
import Raft
import ShardKVServer

/// What a group can bear to lose.
extension SimulatedCluster {
  /// The membership that is in force for a replica, running or not; `nil` if it cannot start.
  func membershipInForce(_ replica: Replica) -> Membership? {
    if let node = replica.node { return node.membership }
    return recovery(of: replica).map { DurableLog($0).membership() }
  }

  /// Whether a replica's disk may have forgotten something, as it shows, or would find if it
  /// started now.
  func isInDoubt(_ replica: Replica) -> Bool {
    if let node = replica.node { return node.observation.trust.cause != nil }
    return recovery(of: replica)?.state.trust.cause != nil
  }

  /// Whether a replica runs, or would if it were started.
  func canStart(_ replica: Replica) -> Bool { replica.host.isUp || recovery(of: replica) != nil }

  private func recovery(of replica: Replica) -> Recovery? {
    try? Journal.recover(replica.host.disk.reader, settings: settings.journal)
  }

  /// Whether a group can elect nobody, by the rules: a voter is lost for good, and those that are
  /// left and have nothing in doubt are no quorum. Only people can help it.
  func isStuck(_ position: Int) -> Bool {
    let members = intactMembers(of: position).filter(canStart)
    let trusted = members.filter { !isInDoubt($0) }.map(\.member.id)
    let present = members.map(\.member.id)
    let believed =
      members.compactMap(membershipInForce) + [watches[position].memberships.current]
    return believed.contains { membership in
      !membership.voters.isEmpty && !Quorum.holds(membership) { trusted.contains($0) }
        && !(membership.voters + membership.outgoing).allSatisfy { present.contains($0) }
    }
  }

  /// Whether a replica counts for any other of its group, as far as those know.
  func isBelieved(_ replica: Replica) -> Bool {
    replicas.contains {
      $0.group == replica.group && $0.host.index != replica.host.index && $0.host.isIntact
        && membershipInForce($0)?.includes(replica.member.id) == true
    }
  }

  /// Notes that a replica's disk is lost or damaged.
  func noteLoss(of replica: Replica) { lostAt[replica.group] = simulator.now }

  /// Until when nobody may ask a group to change its members: a leader only knows after an election
  /// timeout that a replica is gone, and would take another one out that is now needed.
  func changesAreSafe(in group: Int) -> UInt64 { lostAt[group].map { $0 + 1_500_000_000 } ?? 0 }

  /// Whether a change that was asked for may still be on its way to the leader, so that nobody
  /// knows yet who will be needed: while its clerk tries, and for a while afterwards. Behind a link
  /// that is cut, and in the mail of a process that is stopped or waits for its disk, it waits
  /// longer than in any other place.
  private func isAskedToChange(_ group: Int) -> Bool {
    if changesOpen[group, default: 0] > 0 { return true }
    guard let ended = changeEndedAt[group] else { return false }
    let isHeldUp =
      simulator.network.hasCuts
      || replicas.contains { $0.group == group && ($0.host.isPaused || $0.host.sync != nil) }
    return simulator.now < ended + (isHeldUp ? 15_000_000_000 : 500_000_000)
  }

  /// Whether a change that nobody waits for any more may still be made: a node that did not lead
  /// keeps it until somebody does.
  func mayStillChange(_ group: Int) -> Bool {
    changeLostAt[group].map { simulator.now < $0 + 15_000_000_000 } ?? false
  }

  /// Whether a replica that is down may lose its disk, without anything that was acknowledged being
  /// lost with it, and without replicas that know nothing of it making a quorum.
  ///
  /// - Of every membership that any replica goes by, joint ones included, a quorum remains of
  ///   replicas that are intact and have everything that this one has and that is committed, on
  ///   their disks.
  /// - With `comesBack` a new folder under its old id is to be expected: those that remain know its
  ///   old one, and the others are no quorum together with it.
  func canLose(_ lost: Replica, comesBack: Bool) -> Bool {
    guard lost.host.isIntact, !lost.host.isDamaged, !lost.host.isUp,
      !isAskedToChange(lost.group), let had = durableLog(of: lost)
    else { return false }
    let watch = watches[lost.group]
    var good: [ReplicaID] = []
    var believed = [watch.memberships.current]
    for replica in replicas
    where replica.group == lost.group && replica.host.index != lost.host.index
      && !replica.host.isRetired
    {
      guard replica.host.isIntact, !replica.host.isDamaged, !isInDoubt(replica),
        let log = durableLog(of: replica)
      else { continue }
      believed += [log.membership(), replica.node?.membership].compactMap(\.self)
      let known = log.membership(upTo: watch.furthest)
      let isBound =
        known.incarnation(of: lost.member.id)
        == ClusterPlan.incarnation(lost.member.id, lost.host.folder)
      if log.contains(had.last), log.last.index >= watch.furthest, isBound || !comesBack {
        good.append(replica.member.id)
      }
    }
    return believed.allSatisfy { membership in
      if membership.voters.isEmpty { return true }
      return Quorum.holds(membership) { good.contains($0) }
    }
  }
}
