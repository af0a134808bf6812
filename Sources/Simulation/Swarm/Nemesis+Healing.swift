import Basics
import Raft

/// The ends of faults.
extension Nemesis {
  /// No more faults, and all that were made are over.
  func heal() {
    calm()
    gone = []
    simulator.trace("everything heals")
    for replica in cluster.replicas { restore(replica.host) }
  }

  /// No more faults, and those within a core are over for good: a quorum of each group and all
  /// clients; nobody whose disk is damaged. Everybody else is gone for good, or cut off, or can
  /// only speak, or can only listen. Some of those that are no members stay in touch: they must do
  /// no harm.
  /// - Parameter isChanging: operators may have asked a leader for another quorum than is known to
  ///   anyone else, so whoever may be needed stays.
  /// - Returns: whether each host is in the core.
  func healCore(isChanging: Bool) -> [Bool] {
    calm()
    var isInCore = simulator.hosts.map { !cluster.isReplica($0.index) }
    for group in cluster.plan.groups.indices {
      // Who is in doubt may be needed by all others, and needs all of them.
      let members = cluster.intactMembers(of: group).filter(cluster.canStart)
      if members.contains(where: cluster.isInDoubt) {
        for replica in members { isInCore[replica.host.index] = true }
        continue
      }
      if options.changesMembers {
        let mayChange = isChanging || cluster.mayStillChange(group)
        for host in coreOfMembers(group, mayChange) { isInCore[host] = true }
        continue
      }
      let count = cluster.plan.groups[group].members.count
      var hosts = members.map(\.host.index)
      let majority = count / 2 + 1
      let most = max(majority, hosts.count - 1)
      for _ in 0..<generator.next(in: majority...most) where !hosts.isEmpty {
        isInCore[hosts.remove(at: generator.next(in: 0..<hosts.count))] = true
      }
    }
    simulator.trace("a core heals: \(simulator.hosts.filter { isInCore[$0.index] }.map(\.name))")
    simulator.changeNetwork { $0.conditions.cutStyle = options.conditions.cutStyle }
    for replica in cluster.replicas {
      if isInCore[replica.host.index] {
        restore(replica.host)
      } else {
        banish(replica.host, from: isInCore)
      }
    }
    return isInCore
  }

  /// A quorum of every membership that it goes by itself, some more members perhaps, and some that
  /// are no members.
  private func coreOfMembers(_ group: Int, _ isChanging: Bool) -> [Int] {
    var others = cluster.intactMembers(of: group).filter { !$0.host.isDamaged }
    var core: [SimulatedCluster.Replica] = []
    var believed = [cluster.watches[group].memberships.current]
    func isQuorum() -> Bool {
      believed.allSatisfy { membership in
        Quorum.holds(membership) { voter in core.contains { $0.member.id == voter } }
      }
    }
    while !others.isEmpty, isChanging || !isQuorum() || generator.chance(0.3) {
      let next = others.remove(at: generator.next(in: 0..<others.count))
      core.append(next)
      if let membership = cluster.membershipInForce(next), !membership.voters.isEmpty {
        believed.append(membership)
      }
    }
    let members = cluster.watches[group].memberships.current
    let strangers = cluster.replicas.filter { replica in
      replica.group == group && generator.chance(0.5)
        && (replica.host.isWiped || !members.includes(replica.member.id))
    }
    return (core + strangers).map(\.host.index)
  }

  private func calm() {
    isActive = false
    simulator.changeNetwork { network in
      network.conditions = NetworkConditions()
      network.healAll(now: simulator.now)
    }
    simulator.timing = Simulator.Timing()
  }

  private func restore(_ host: SimulatedHost) {
    host.failsNextSync = false
    host.losesPowerInNextSync = false
    host.syncStall = 0
    host.backgroundStall = 0
    host.losesPowerInBackground = false
    if host.disk.capacity != nil { simulator.leaveRoom(nil, on: host) }
    simulator.resume(host)
    simulator.start(host)
  }

  private func banish(_ host: SimulatedHost, from core: [Bool]) {
    let fate = generator.next(in: 0..<6)
    // One that is paused, too: if it has just ended by request, a supervisor would start it.
    if fate <= 2 { gone.insert(host.index) }
    switch fate {
    case 0: simulator.crash(host, losesUnsynced: true, silently: true)
    case 1: simulator.crash(host, losesUnsynced: false, silently: false)
    case 2: simulator.pause(host)
    default:
      restore(host)
      let (speaks, hears) = (fate == 3, fate == 4)
      simulator.trace("\(host.name) \(speaks ? "only speaks" : hears ? "only hears" : "is alone")")
      simulator.changeNetwork { network in
        for other in core.indices where core[other] {
          if !speaks { network.cut(from: host.index, to: other) }
          if !hears { network.cut(from: other, to: host.index) }
        }
      }
    }
  }
}
