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
    package var node: (any SimulatedNode)? { host.process as? any SimulatedNode }
  }

  package struct Client {
    package let host: SimulatedHost
    package let process: ClerkProcess
  }

  package let simulator: Simulator
  package let plan: ClusterPlan
  package let settings: NodeSettings
  package private(set) var replicas: [Replica] = []
  package private(set) var clients: [Client] = []
  package private(set) var watches: [GroupWatch] = []
  package private(set) var handOvers = 0
  package private(set) var quorumChecks = 0
  /// How many turns took each of ``RarePaths/names``.
  package private(set) var rarePaths = Array(repeating: 0, count: RarePaths.names.count)

  /// One commit of so many is checked against the disks.
  package var quorumCheckInterval = 25
  /// State hashes are compared at applied indexes that this divides.
  package var hashInterval: UInt64 = 32

  /// By host; `nil` for those of clients.
  private var replicaOfHost: [Int?] = []
  private let ledger = WriteLedger()
  private var lastCommit: [LogIndex] = []
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
      watches.append(
        GroupWatch(group: group.id, ledger: ledger) { [unowned simulator] message in
          simulator.fail(.wrongResult, "group \(group.id): \(message)")
        })
      lastCommit.append(.zero)
      for (number, member) in group.members.enumerated() {
        addReplica(position, member, name: ClusterPlan.name(group.id, number + 1))
      }
    }
    simulator.didTurn = { [unowned self] host, effects in observe(host, effects) }
  }

  private func addReplica(_ position: Int, _ member: ReplicaAddress, name: String) {
    let settings = self.settings
    let isController = plan.groups[position].id == .none
    let host = simulator.addHost(name: name, address: member.peer) {
      [unowned simulator] host, now in
      let seed = simulator.generator.next()
      if isController {
        return try NodeProcess<ControllerService>(host, settings, seed: seed, now: now)
      }
      return try NodeProcess<ShardGroupService>(host, settings, seed: seed, now: now)
    }
    let identity = plan.identity(of: plan.groups[position], member: member)
    do {
      for effect in Journal.format(identity, settings: settings.journal) {
        try host.disk.execute(effect)
      }
    } catch {
      simulator.fail(.wrongResult, "\(name) cannot be made: \(error)")
    }
    while replicaOfHost.count < host.index { replicaOfHost.append(nil) }
    replicaOfHost.append(replicas.count)
    replicas.append(Replica(host: host, group: position, member: member))
  }

  package func startAll() {
    for replica in replicas { simulator.start(replica.host) }
  }

  /// A new client on its own machine.
  package func addClient(_ clerkSettings: ClerkSettings = ClerkSettings()) -> Client {
    let clerk = Clerk(
      settings: clerkSettings, controllers: plan.controllerAddresses, cluster: plan.cluster,
      firstConnection: 1, seed: simulator.generator.next())
    let client = Client(
      host: simulator.addHost(name: "client\(clients.count + 1)", address: nil),
      process: ClerkProcess(clerk))
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
    if !effects.rarePaths.isEmpty {
      for path in rarePaths.indices where effects.rarePaths.rawValue >> path & 1 == 1 {
        rarePaths[path] += 1
      }
    }
    let position = replicas[index].group
    let watch = watches[position]
    let observation = node.observation
    let wasFurthest = watch.furthest
    watch.observe(
      observation, host: host.index, incarnation: host.incarnation, isSettled: host.sync == nil,
      name: host.name)
    for command in effects.applied { watch.applied(command, name: host.name) }
    guard !effects.applied.isEmpty else { return }
    if observation.appliedIndex.rawValue % hashInterval == 0 {
      watch.hash(
        node.stateHash(), at: observation.appliedIndex, host: host.index, name: host.name)
    }
    if observation.appliedIndex > wasFurthest {
      if watch.group != .none { checkServers(node, watch) }
      commitsSeen += 1
      if commitsSeen % quorumCheckInterval == 0 { checkQuorum(position, observation.commitIndex) }
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

  /// What is committed is on the disks of a quorum, even if all lost their power now.
  private func checkQuorum(_ position: Int, _ index: LogIndex) {
    quorumChecks += 1
    let members = replicas.filter { $0.group == position }
    let holders = members.count { replica in
      // What a disk lost by itself was there: the others must be enough without it.
      if replica.host.isDamaged { return true }
      let disk = replica.host.disk.afterLosingEverythingUnsynced()
      do {
        let state = try Journal.recover(disk.reader, settings: settings.journal).state
        let last = state.entries.last?.index ?? .zero
        return max(last, state.snapshot?.last.index ?? .zero) >= index
      } catch {
        simulator.fail(
          .wrongResult, "\(replica.host.name) could not start after losing its power: \(error)")
        return false
      }
    }
    if 2 * holders <= members.count {
      simulator.fail(
        .wrongResult,
        "group \(plan.groups[position].id): entry \(index) is committed and durable on only "
          + "\(holders) of \(members.count)")
    }
  }

  /// What every replica is and knows, a line each, for reports.
  package var summary: String {
    replicas.map { replica in
      let shards = replica.node?.shardReports().map {
        "\($0.shard)\($0.isOwned ? "" : "(not owned)"):\($0.status.name)"
      }
      return "\(replica.host.name): \(replica.node?.summary ?? "down") "
        + (shards ?? []).joined(separator: " ")
    }.joined(separator: "\n")
  }

  /// What is missing until every replica of every group is up to date and nothing moves; `nil` when
  /// nothing is. Only replicas in `core` are looked at, by their hosts, and none that gave up.
  package func disagreement(among groups: [GroupID], core: [Bool]? = nil) -> String? {
    for (position, group) in plan.groups.enumerated() {
      let members = replicas.filter {
        $0.group == position && !$0.host.isGivenUp && core?[$0.host.index] ?? true
      }
      let nodes = members.compactMap(\.node)
      guard nodes.count == members.count else { return "a replica of group \(group.id) is down" }
      guard nodes.contains(where: { $0.observation.role == .leader }) else {
        return "group \(group.id) has no leader"
      }
      guard Set(nodes.map(\.observation.appliedIndex.rawValue)).count == 1 else {
        return "replicas of group \(group.id) applied up to "
          + "\(nodes.map(\.observation.appliedIndex))"
      }
      guard Set(nodes.map { $0.stateHash() }).count == 1 else {
        return "replicas of group \(group.id) differ in state"
      }
      guard groups.contains(group.id), let node = nodes.first else { continue }
      guard node.observation.configuration == configuration else {
        return "group \(group.id) is in configuration \(node.observation.configuration) of "
          + "\(configuration)"
      }
      if let report = node.shardReports().first(where: { $0.status != .serving }) {
        return "shard \(report.shard) of group \(group.id) is \(report.status.name)"
      }
    }
    return nil
  }
}
