import Basics
import Clerk
import Journal
import Raft
import ShardKVServer
import ShardMap
import Wire

/// A cluster in a ``Simulator``: controllers, groups and clients, and the watch over all of them.
package final class SimulatedCluster {
  package struct Replica {
    package let host: SimulatedHost
    /// The position of its group in ``ClusterPlan/groups``.
    package let group: Int
    package let member: ReplicaAddress
    /// Counted from 1 in its group.
    package let number: Int
    package var node: (any SimulatedNode)? { host.process?.simulatedNode }
  }

  package struct Client {
    package let host: SimulatedHost
    package let process: ClerkProcess
  }

  package let simulator: Simulator
  package let plan: ClusterPlan
  package let settings: NodeSettings
  @exclusivity(unchecked) package private(set) var replicas: [Replica] = []
  package private(set) var clients: [Client] = []
  @exclusivity(unchecked) package private(set) var watches: [GroupWatch] = []
  package private(set) var handOvers = 0
  package internal(set) var quorumChecks = 0
  /// How many turns took each of ``RarePaths/names``.
  @exclusivity(unchecked) package private(set) var rarePaths = Array(
    repeating: 0, count: RarePaths.names.count)

  /// One commit of so many is checked against the disks.
  package var quorumCheckInterval = 25
  /// State hashes are compared at applied indexes that this divides.
  package var hashInterval: UInt64 = 32

  /// Bits of the memory of replicas are flipped: their states may differ until that is found.
  package private(set) var flipsBits = false

  /// By host; `nil` for those of clients.
  @exclusivity(unchecked) private var replicaOfHost: [Int?] = []
  private let ledger = WriteLedger()
  /// Called with a leader that put a membership into its log.
  package var didChangeMembership: ((SimulatedHost) -> Void)?
  /// Where the membership in force stood when each of ``replicas`` was last looked at.
  @exclusivity(unchecked) var membershipSeen:
    [(life: HostLife, index: LogIndex, isCommitted: Bool)?] = []
  private var lastCommit: [LogIndex] = []
  /// When each group last lost a replica for good, in virtual nanoseconds.
  var lostAt: [Int: UInt64] = [:]
  /// How many changes of its members each group is asked for now, and when that last came to an
  /// end.
  var changesOpen: [Int: Int] = [:]
  var changeEndedAt: [Int: UInt64] = [:]
  /// When an operator last gave up waiting for a change that may still be made.
  var changeLostAt: [Int: UInt64] = [:]
  /// The group that serves each shard, as far as that group's furthest replica has applied.
  private var server: [GroupID]
  private var commitsSeen = 0

  package init(plan: ClusterPlan, settings: NodeSettings, seed: UInt64) {
    self.plan = plan
    var settings = settings
    settings.controllers = plan.controllerAddresses
    settings.tellsWhatIsApplied = true
    self.settings = settings
    simulator = Simulator(seed: seed)
    server = Array(repeating: .none, count: plan.layout.shardCount)
    for (position, group) in plan.groups.enumerated() {
      let members = Membership(voters: group.members.map(\.id))
      watches.append(
        GroupWatch(group: group.id, members: members, ledger: ledger) {
          [unowned simulator] message in
          simulator.fail(.wrongResult, "group \(group.id): \(message)")
        })
      lastCommit.append(.zero)
      for number in group.members.indices { addReplica(position, number + 1) }
    }
    simulator.didTurn = { [unowned self] host, effects in observe(host, effects) }
  }

  private func addReplica(_ position: Int, _ number: Int) {
    let settings = self.settings
    let group = plan.groups[position]
    let planned = group.members.indices.contains(number - 1) ? group.members[number - 1] : nil
    let member = planned ?? ClusterPlan.member(group.id, number)
    let isController = group.id == .none
    let host = simulator.addHost(
      name: ClusterPlan.name(group.id, number), address: member.peer
    ) { [unowned simulator] host, now in
      let seed = simulator.generator.next()
      let note = { (text: String) in simulator.trace("\(host.name) [warning] \(text)") }
      if isController {
        return try NodeProcess<ControllerService>(
          host, settings, seed: seed, now: now, note: note)
      }
      return try NodeProcess<ShardGroupService>(host, settings, seed: seed, now: now, note: note)
    }
    if !member.redis.isEmpty {
      simulator.network.listenForRedis(at: member.redis, on: host.index)
    }
    let replica = Replica(host: host, group: position, member: member, number: number)
    while replicaOfHost.count < host.index { replicaOfHost.append(nil) }
    replicaOfHost.append(replicas.count)
    replicas.append(replica)
    membershipSeen.append(nil)
    format(replica, isJoiner: number > group.members.count)
  }

  /// Makes the folder of a replica, as `init` does.
  private func format(_ replica: Replica, isJoiner: Bool) {
    let identity = plan.identity(
      of: plan.groups[replica.group], member: replica.member, folder: replica.host.folder,
      isJoiner: isJoiner)
    do {
      for effect in Journal.format(identity, settings: settings.journal) {
        try replica.host.disk.execute(effect)
      }
    } catch {
      simulator.fail(.wrongResult, "\(replica.host.name) cannot be made: \(error)")
    }
  }

  /// A new replica for a group that exists; nobody has started it.
  package func addJoiner(to position: Int) -> Replica {
    addReplica(position, 1 + replicas.count { $0.group == position })
    let replica = replicas[replicas.count - 1]
    replica.host.disk.remembersWrites = replicas[0].host.disk.remembersWrites
    return replica
  }

  /// A replica that is down loses its folder, and with `remade` somebody makes a new one under its
  /// old id: as it was made at first, or for the group that exists.
  package func loseFolder(of replica: Replica, remade: Bool, isJoiner: Bool) {
    invariant(!replica.host.isUp, "\(replica.host.name) runs while its folder is lost")
    replica.host.disk.loseEverything()
    replica.host.isWiped = true
    replica.host.folder += 1
    simulator.trace("\(replica.host.name) lost its folder\(remade ? ", which is made anew" : "")")
    if remade { format(replica, isJoiner: isJoiner) }
  }

  package func isReplica(_ host: Int) -> Bool {
    host < replicaOfHost.count && replicaOfHost[host] != nil
  }

  package func startAll() {
    for replica in replicas { simulator.start(replica.host) }
  }

  /// A new client on its own machine.
  package func addClient(_ clerkSettings: ClerkSettings = ClerkSettings()) -> Client {
    var clerkSettings = clerkSettings
    clerkSettings.bugs = settings.bugs
    let clerk = Clerk(
      settings: clerkSettings, controllers: plan.controllerAddresses, cluster: plan.cluster,
      firstConnection: 1, seed: simulator.generator.next())
    let client = Client(
      host: simulator.addHost(name: "client\(clients.count + 1)", address: nil),
      process: ClerkProcess(clerk))
    client.process.didSpin = { [unowned simulator, name = client.host.name] problem in
      simulator.fail(.noProgress, "\(name) \(problem)")
    }
    simulator.start(client.host, with: client.process)
    clients.append(client)
    return client
  }

  /// Lets the client begin an operation; `completion` hears when and how it ended.
  package func submit(
    _ operation: ClerkOperation, by client: Client, timeout: UInt64,
    completion: @escaping (ClerkOutcome) -> Void
  ) {
    client.process.submit(operation, timeout: timeout, completion: completion)
    simulator.wake(client.host)
  }

  package func replicas(of group: GroupID) -> [Replica] {
    replicas.filter { plan.groups[$0.group].id == group }
  }

  /// Flips a bit in the memory of a replica that runs, of a group in the value of that key.
  /// - Returns: whether there was one.
  package func flipBit(_ bit: Int, ofValueOf key: [UInt8], in replica: Replica) -> Bool {
    guard let node = replica.node, node.flipBit(bit, ofValueOf: key) else { return false }
    flipsBits = true
    replica.host.hasFlippedBit = true
    simulator.trace("\(replica.host.name) has a bit flipped in its memory")
    return true
  }

  /// The newest configuration that any controller applied.
  package var configuration: ConfigNumber { watches[0].configuration }

  /// The replica of a group that leads in the highest term now.
  package func leader(of group: GroupID) -> Replica? {
    replicas(of: group).filter { $0.node?.observation.role == .leader }.max {
      ($0.node?.observation.term ?? .zero) < ($1.node?.observation.term ?? .zero)
    }
  }

  private func observe(_ host: SimulatedHost, _ effects: NodeEffects) {
    guard host.index < replicaOfHost.count, let index = replicaOfHost[host.index],
      let node = replicas[index].node
    else { return }
    if effects.rarePaths.contains(.damageFound), !host.isDamaged {
      simulator.fail(.wrongResult, "\(host.name) takes a file for damaged that is not")
    }
    if effects.rarePaths.contains(.statesDiffered), !flipsBits {
      simulator.fail(.wrongResult, "\(host.name) found replicas whose states differ")
    }
    if !effects.rarePaths.isEmpty {
      for path in rarePaths.indices where effects.rarePaths.rawValue >> path & 1 == 1 {
        rarePaths[path] += 1
      }
    }
    let position = replicas[index].group
    let watch = watches[position]
    let observation = node.observation
    let wasFurthest = watch.furthest
    let before = watch.membershipShown(by: host.index)
    host.doubts = observation.trust.doubts
    if host.isDamaged, host.sync == nil, observation.trust.cause == nil {
      simulator.noteRepaired(host)
    }
    for next in effects.memberships { noteCommitted(next, of: replicas[index]) }
    noteMembership(observation, of: index, node)
    watch.observeReads(
      effects, host: host.index, incarnation: host.incarnation, name: host.name)
    watch.observe(
      observation, life: HostLife(host), incarnation: host.incarnation,
      isSettled: host.sync == nil, name: host.name)
    for command in effects.applied { watch.applied(command, name: host.name) }
    watch.answered(effects.answered, name: host.name)
    guard !effects.applied.isEmpty else { return }
    if observation.appliedIndex.rawValue % hashInterval == 0, !flipsBits {
      watch.hash(
        node.stateHash(), at: observation.appliedIndex, host: host.index, name: host.name)
    }
    if observation.appliedIndex > wasFurthest {
      if watch.group != .none { checkServers(node, watch) }
      commitsSeen += 1
      if commitsSeen % quorumCheckInterval == 0 {
        // A leader may commit before, and after, it proposes another membership in the same turn.
        let isProposed = observation.membershipIndex > observation.commitIndex
        let former = isProposed ? before : nil
        checkQuorum(
          position, observation.commitIndex,
          of: observation.role == .leader
            ? node.membership : watch.memberships.membership(at: observation.commitIndex),
          or: observation.role == .leader ? former : nil)
      }
    }
  }

  /// At most one group serves a shard: among what each group has committed.
  private func checkServers(_ node: any SimulatedNode, _ watch: GroupWatch) {
    guard watch.takeHandOver() else { return }
    var served: [Bool] = Array(repeating: false, count: server.count)
    for report in node.shardReports() where report.isOwned && report.shard.index < served.count {
      served[report.shard.index] = report.status == .serving || report.status == .gcing
    }
    for shard in served.indices {
      if served[shard] {
        if server[shard] != .none, server[shard] != watch.group {
          simulator.fail(
            .wrongResult, "groups \(server[shard]) and \(watch.group) both serve shard \(shard)")
        }
        if server[shard] != watch.group { handOvers += 1 }
        server[shard] = watch.group
      } else if server[shard] == watch.group {
        server[shard] = .none
      }
    }
  }

  /// What every replica is and knows, a line each, for reports.
  package var summary: String {
    let waiting = clients.flatMap { client in
      client.process.report.map { "\(client.host.name): \($0)" }
    }
    return
      (replicas.map { replica in
        let shards = replica.node?.shardReports().map {
          "\($0.shard)\($0.isOwned ? "" : "(not owned)"):\($0.status.name)"
        }
        return "\(replica.host.name): \(replica.node?.summary ?? "down") "
          + (shards ?? []).joined(separator: " ")
      } + waiting).joined(separator: "\n")
  }
}
