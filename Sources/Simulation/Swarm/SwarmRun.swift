import Basics
import Clerk
import Raft
import ShardKVServer
import ShardMap
import Wire

/// What one seed's run came to.
package struct SwarmResult: Sendable {
  package var seed: UInt64
  package var failure: SimulationFailure?
  package var traceHash: UInt64 = 0
  package var totals = SwarmTotals()
}

/// One seed: a cluster under faults while clients work, then healed; then it must come to rest,
/// with everything acknowledged readable and every history linearizable.
package final class SwarmRun {
  let options: SwarmOptions
  let cluster: SimulatedCluster
  private let nemesis: Nemesis
  let administrator: SwarmAdministrator
  private let notes = SwarmClient.Notes()
  var clients: [SwarmClient] = []
  private let desk = SwarmOperator.Desk()
  private var operators: [SwarmOperator] = []
  private var rival: SwarmRival?
  private var cores = 0
  private var stuck = 0
  var simulator: Simulator { cluster.simulator }

  /// Virtual nanoseconds that the cluster has after everything healed for all that is still open,
  /// and again for coming to rest.
  package static let recoveryTime: UInt64 = 30_000_000_000
  /// What one configuration may take a group besides: the next one that moves a shard waits until
  /// all of that shard has arrived, and a run's chunks are tiny.
  private static let handOverTime: UInt64 = 5_000_000_000

  package init(_ options: SwarmOptions, tracer: ((String) -> Void)? = nil) {
    self.options = options
    var generator = SeededGenerator(seed: options.seed ^ 0x5EED_0F57_A271_1E55)
    cluster = SimulatedCluster(
      plan: Self.plan(options), settings: Self.settings(options), seed: generator.next())
    cluster.simulator.tracer = tracer
    cluster.simulator.syncsInThread = options.syncsInThread
    nemesis = Nemesis(cluster, options, seed: generator.next())
    administrator = SwarmAdministrator(cluster, options, generator: generator.fork())
    for number in 1...options.clients {
      clients.append(
        SwarmClient(
          number: number, cluster: cluster, options: options, notes: notes,
          generator: generator.fork()))
    }
    for _ in 0..<options.operators {
      operators.append(SwarmOperator(cluster, options, desk, generator: generator.fork()))
    }
    if options.rivalPause > 0 {
      rival = SwarmRival(cluster, options, generator: generator.fork())
    }
  }

  private static func plan(_ options: SwarmOptions) -> ClusterPlan {
    guard let layout = ShardLayout(mapping: options.mapping, shardCount: options.shardCount) else {
      fatalError("the options ask for \(options.shardCount) shards")
    }
    var plan = ClusterPlan(
      layout: layout, controllers: options.controllers,
      groups: options.groups.enumerated().map { (GroupID(UInt32($0 + 1)), $1) })
    plan.bindsFolders = options.changesMembers
    plan.spareControllers = options.changesMembers ? SwarmOperator.replicasMax : 0
    return plan
  }

  private static func settings(_ options: SwarmOptions) -> NodeSettings {
    var settings = NodeSettings()
    settings.journal.segmentBytes = options.segmentBytes
    settings.snapshotBytes = options.snapshotBytes
    settings.raft.retainedEntries = options.retainedEntries
    settings.raft.appendBytesMax = options.appendBytesMax
    settings.raft.leaseReads = options.leaseReads
    settings.raft.clockDriftPercentMax = UInt64(options.clockDriftPercentMax)
    settings.raft.promotionLagMax = options.promotionLagMax
    settings.shardChunkBytes = 512
    settings.shardGroup.sectionBytesMax = options.sectionBytes
    settings.shardGroup.pieceBytesMin = options.pieceBytes
    settings.shardGroup.sessions.sessionsMax = options.sessionsMax
    settings.shardGroup.sessions.idleMilliseconds = options.sessionIdleMilliseconds
    settings.receivedSectionsMax = options.receivedSectionsMax
    settings.comparisonMilliseconds = 10_000
    settings.scrubBytesPerSecond = options.scrubPause > 0 ? 4 << 20 : 0
    settings.scrubMilliseconds = UInt64(options.scrubPause)
    if options.keepsTwoSnapshots { settings.folderFactor = .infinity }
    settings.bugs = options.bugs
    return settings
  }

  package func run() -> SwarmResult {
    cluster.startAll()
    let all = cluster.plan.groups.dropFirst().map(\.id)
    administrator.begin(joining: Array(all.prefix(max(1, all.count - 1))))
    simulator.after(1_000_000_000) { [unowned self] in
      nemesis.begin()
      for client in clients { client.begin() }
      for person in operators { person.begin() }
      rival?.begin()
    }
    let end = UInt64(options.seconds) * 1_000_000_000
    simulator.run(until: end * 3 / 4)
    rest()
    if simulator.failure == nil, let failure = notes.history.check() {
      simulator.fail(.wrongResult, failure.description)
    }
    // A quiet cluster goes on sending heartbeats for what is left.
    simulator.run(until: end)
    return result()
  }

  /// Heals everything, perhaps a core before, and asks for what a healthy cluster must be able to
  /// do.
  private func rest() {
    let isChanging = options.healsCore && !operatorsRest()
    if cluster.plan.groups.indices.contains(where: cluster.isStuck) {
      simulator.trace("a group lacks a voter for good, and another is in doubt")
      stuck += 1
      for client in clients { client.giveUp() }
      return
    }
    if options.healsCore {
      let core = nemesis.healCore(isChanging: isChanging)
      converge("a core", core)
      if simulator.failure != nil { return }
      cores += 1
    }
    nemesis.heal()
    converge("a healthy cluster", nil)
    if simulator.failure == nil { workEverywhere("a healthy cluster") }
    if simulator.failure == nil, options.changesMembers { finishChanges() }
    if simulator.failure == nil, options.losesGroup { loseGroup() }
  }

  /// Operators begin nothing more, and what they asked for has arrived or never will.
  /// - Returns: whether it came to that; those who go on may still take replicas into a quorum.
  private func operatorsRest() -> Bool {
    guard !operators.isEmpty else { return true }
    for person in operators { person.isStopping = true }
    let deadline = simulator.now + 3_000_000_000
    while operators.contains(where: \.isBusy) {
      guard simulator.failure == nil, simulator.now < deadline else { return false }
      simulator.run(until: simulator.now + 50_000_000)
    }
    simulator.run(until: simulator.now + 1_000_000_000)
    return true
  }

  /// Folders that were made anew are refused; all that are lost can be replaced, and what was begun
  /// be ended. Then nobody disturbs anybody.
  private func finishChanges() {
    wait("replicas with new folders to be dismissed", nil) { [self] in
      !cluster.replicas.contains { replica in
        replica.host.isWiped && replica.host.isUp
          && cluster.watches[replica.group].memberships.current.includes(replica.member.id)
      }
    }
    guard let person = operators.first, simulator.failure == nil else { return }
    var isDone = false
    person.finish { isDone = true }
    wait("changes of replicas to be ended", nil, patience: .max / 2) { isDone }
    wait("rest after all changes", nil) { [self] in
      cluster.disagreement(among: cluster.plan.groups.dropFirst().map(\.id)) == nil
    }
    if simulator.failure == nil { workEverywhere("a cluster that has changed") }
    // A leader whose disk stands still from before hands over.
    let stall = simulator.hosts.map(\.stallEnds).max() ?? 0
    if stall > simulator.now { simulator.run(until: stall + 1_000_000_000) }
    let before = cluster.leaderships
    simulator.run(until: simulator.now + 4_000_000_000)
    if simulator.failure == nil, cluster.leaderships != before {
      simulator.fail(
        .noProgress, "elections disturb a quiet cluster: \(before), then \(cluster.leaderships)")
    }
  }

  /// What was open ends, all groups can join, all keys can be written and read, shards and replicas
  /// come to rest.
  private func converge(_ place: String, _ core: [Bool]?) {
    for client in clients { client.isStopping = true }
    for person in operators { person.isStopping = true }
    administrator.isStopping = true
    rival?.isStopping = true
    wait("operations that were under way when all was well with \(place)", core) { [self] in
      !clients.contains(where: \.isBusy) && !administrator.isBusy && rival?.isBusy != true
        && !operators.contains(where: \.isBusy)
    }
    var haveJoined = false
    administrator.joinAll { haveJoined = true }
    wait("all groups to join \(place)", core) { haveJoined }
    workEverywhere(place)
    wait("rest in \(place)", core, whileGroupsCatchUp: true) { [self] in
      cluster.disagreement(among: cluster.plan.groups.dropFirst().map(\.id), core: core) == nil
    }
  }

  /// A write by each client, then every key is read by every client at once: what was acknowledged
  /// must be readable.
  func workEverywhere(_ place: String) {
    var left = clients.count
    for client in clients {
      write(by: client, place) { [unowned self] in read(0, by: client, place) { left -= 1 } }
    }
    wait("a write and reads of every key in \(place)", nil, whileGroupsCatchUp: true) {
      left == 0
    }
  }

  /// Where sessions are forgotten a write may end without anybody knowing whether it was applied.
  private func write(by client: SwarmClient, _ place: String, then: @escaping () -> Void) {
    client.write(timeout: patienceWithGroups) { [unowned self] outcome in
      if case .failed(let error) = outcome, error.code == .outcomeUnknown, options.forgetsSessions {
        return write(by: client, place, then: then)
      }
      require(outcome, "a write", place)
      then()
    }
  }

  private func read(
    _ number: Int, by client: SwarmClient, _ place: String, then: @escaping () -> Void
  ) {
    guard number < options.keys else { return then() }
    client.run(.get, key: SwarmClient.key(number), timeout: patienceWithGroups) {
      [unowned self] outcome in
      require(outcome, "a read of key \(number)", place)
      read(number + 1, by: client, place, then: then)
    }
  }

  func require(_ outcome: ClerkOutcome, _ what: String, _ place: String) {
    if case .failed(let error) = outcome {
      simulator.trace(cluster.summary)
      simulator.fail(.noProgress, "\(what) failed in \(place): \(error)")
    }
  }

  /// How many configurations the group that is furthest behind has yet to go through.
  private var lag: UInt64 {
    let newest = cluster.configuration.rawValue
    return cluster.watches.dropFirst().map { watch in
      newest - min(newest, watch.configuration.rawValue)
    }.max() ?? 0
  }

  private var patienceWithGroups: UInt64 { Self.recoveryTime + lag * Self.handOverTime }

  /// - Parameter whileGroupsCatchUp: patience begins anew when the group furthest behind has come
  ///   to a configuration, up to ``handOverTime`` for each that it lacks now. Groups go through all
  ///   of them, so whoever moves a shard faster than it can follow leaves them work for long.
  func wait(
    _ what: String, _ core: [Bool]?, patience: UInt64 = SwarmRun.recoveryTime,
    whileGroupsCatchUp: Bool = false, until isDone: () -> Bool
  ) {
    var deadline = simulator.now + patience
    let end = whileGroupsCatchUp ? simulator.now + patienceWithGroups : deadline
    var least = lag
    while simulator.failure == nil, !isDone() {
      if end > deadline, lag < least {
        least = lag
        deadline = min(end, simulator.now + patience)
      }
      guard simulator.now < deadline else {
        let missing =
          cluster.disagreement(among: cluster.plan.groups.map(\.id), core: core) ?? "nothing else"
        simulator.trace(cluster.summary)
        simulator.fail(.noProgress, "waited too long for \(what): \(missing)")
        return
      }
      simulator.run(until: simulator.now + 50_000_000)
    }
  }

  private func result() -> SwarmResult {
    var totals = SwarmTotals()
    totals.events = simulator.eventCount
    totals.turns = simulator.turnCount
    totals.operations = notes.completed
    totals.unknown = notes.unknown
    totals.unavailable = notes.unavailable
    totals.leaderChanges = cluster.watches.reduce(0) { $0 + $1.leaderChanges }
    totals.commands = cluster.watches.reduce(0) { $0 + $1.commandCount }
    totals.configurations = Int(clamping: cluster.configuration.rawValue)
    totals.handOvers = cluster.handOvers
    totals.quorumChecks = cluster.quorumChecks
    totals.changes = administrator.counters
    totals.rival = rival?.counters ?? totals.rival
    totals.faults = nemesis.counters
    totals.network = simulator.network.counters
    totals.disks = simulator.diskCounters
    totals.cores = cores
    totals.stuck = stuck
    totals.operators = desk.counters
    totals.drained = simulator.drains
    for watch in cluster.watches { totals.members.add(watch.memberships.counters) }
    totals.repeatedChunks = cluster.watches.reduce(0) { $0 + $1.repeatedChunks }
    totals.rarePaths = cluster.rarePaths
    totals.tornWrites = simulator.hosts.reduce(0) { $0 + $1.disk.tornWrites }
    totals.lostWrites = simulator.hosts.reduce(0) { $0 + $1.disk.lostWrites }
    return SwarmResult(
      seed: options.seed, failure: simulator.failure, traceHash: simulator.traceHash,
      totals: totals)
  }
}
