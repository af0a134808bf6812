import Basics
import Clerk
import Raft
import ShardKVServer
import ShardMap
import Wire

/// What a scenario did not get.
package struct LabFailure: Error, CustomStringConvertible {
  package var description: String
  package init(_ description: String) { self.description = description }
}

/// A cluster for scenarios that are told step by step: calls drive virtual time until they are
/// done.
package final class LabCluster {
  package struct Settings: Sendable {
    /// Each group's number and how many replicas it has.
    package var groups: [(id: GroupID, replicas: Int)] = [(GroupID(1), 3)]
    package var controllers = 3
    package var layout: ShardLayout
    /// A snapshot is taken when the log is this large; `nil`: never.
    package var maxLogBytes: Int?
    /// Entries kept behind a snapshot; sixteen times as many while a follower receives an older
    /// one, which must be enough for what is written meanwhile.
    package var retainedEntries = 8
    package var isUnreliable = false
    /// See ``NodeSettings/diskReserveBytes``.
    package var diskReserveBytes: UInt64?
    /// The replicas of groups have a port for Redis' clients, which routes so; `nil`: none.
    package var redis: RedisSettings.Routing?
    package var seed: UInt64 = 1

    package init(layout: ShardLayout) { self.layout = layout }
  }

  package let cluster: SimulatedCluster
  package let settings: Settings
  /// Everything that clients did, for the checker.
  package var history = History()
  var generator: SeededGenerator
  private var administrator: SimulatedCluster.Client?

  /// Virtual seconds that any single call may take.
  package static let callSeconds = 120.0

  package init(_ settings: Settings) {
    self.settings = settings
    generator = SeededGenerator(seed: settings.seed)
    var node = NodeSettings()
    node.journal.segmentBytes = 64 << 10
    node.snapshotBytes = settings.maxLogBytes.map { UInt64($0) } ?? UInt64.max / 4
    node.snapshotFactor = 0
    node.diskReserveBytes = settings.diskReserveBytes
    node.raft.retainedEntries = settings.retainedEntries
    if let routing = settings.redis { node.redis.routing = routing }
    cluster = SimulatedCluster(
      plan: ClusterPlan(
        layout: settings.layout, controllers: settings.controllers, groups: settings.groups,
        servesRedis: settings.redis != nil),
      settings: node, seed: generator.next())
    cluster.startAll()
    setReliable(!settings.isUnreliable)
  }

  package var simulator: Simulator { cluster.simulator }

  /// Virtual seconds since the beginning.
  package var seconds: Double { Double(simulator.now) / 1e9 }

  /// As the labs' network: each message up to 26 ms late, a tenth of them lost.
  package func setReliable(_ isReliable: Bool) {
    var conditions = NetworkConditions()
    if !isReliable {
      conditions.latency = 0...26_000_000
      conditions.loss = 0.1
    }
    simulator.changeNetwork { $0.conditions = conditions }
  }

  /// A whole number of `range`, from the scenario's seed.
  package func random(_ range: ClosedRange<Int>) -> Int { generator.next(in: range) }

  /// So many letters.
  package func randomText(_ count: Int) -> String {
    String(decoding: (0..<count).map { _ in UInt8(97 + random(0...25)) }, as: UTF8.self)
  }

  package func run(milliseconds: Int) throws {
    simulator.run(until: simulator.now + UInt64(milliseconds) * nanosecondsPerMillisecond)
    try check()
  }

  /// Lets time go on until `isDone`; false if it was not within that time.
  package func wait(
    upToMilliseconds limit: Int, until isDone: () -> Bool
  ) throws -> Bool {
    let deadline = simulator.now + UInt64(limit) * nanosecondsPerMillisecond
    while !isDone() {
      guard simulator.now < deadline else { return false }
      simulator.run(until: min(deadline, simulator.now + 200_000))
      try check()
    }
    return true
  }

  /// The same, and to be late is a failure.
  package func require(
    _ what: String, within seconds: Double = LabCluster.callSeconds, until isDone: () -> Bool
  ) throws {
    guard try wait(upToMilliseconds: Int(seconds * 1_000), until: isDone) else {
      throw LabFailure("\(what): not within \(seconds) s")
    }
  }

  /// Throws if a check of the simulation failed.
  package func check() throws {
    if let failure = simulator.failure { throw failure }
  }

  /// Throws unless every history is linearizable.
  package func checkHistory() throws {
    if let failure = history.check() { throw LabFailure(failure.description) }
  }

  package func makeClient() -> LabClient { LabClient(self, cluster.addClient()) }

  /// A client of Redis, who knows the ports of all groups.
  package func makeRedisClient() -> LabRedisClient { LabRedisClient(self) }

  // Servers.

  package func servers(of group: GroupID) -> [SimulatedCluster.Replica] {
    cluster.replicas(of: group)
  }

  /// Ends the process; what it synced stays.
  package func stop(_ server: SimulatedCluster.Replica) {
    simulator.crash(server.host, losesUnsynced: true, silently: false)
  }

  /// Asks the process to end by itself.
  package func terminate(_ server: SimulatedCluster.Replica) { simulator.terminate(server.host) }

  package func start(_ server: SimulatedCluster.Replica) { simulator.start(server.host) }

  package func stop(_ group: GroupID) {
    for server in servers(of: group) { stop(server) }
  }

  package func start(_ group: GroupID) {
    for server in servers(of: group) { start(server) }
  }

  /// Servers of one group on sides that do not hear each other; everybody else hears all.
  package func partition(_ group: GroupID, _ sides: [[Int]]) {
    let servers = self.servers(of: group).map(\.host.index)
    heal(group)
    simulator.changeNetwork { network in
      for (number, side) in sides.enumerated() {
        for from in side {
          for to in sides[..<number].joined() {
            network.cut(from: servers[from], to: servers[to])
            network.cut(from: servers[to], to: servers[from])
          }
        }
      }
    }
  }

  /// Only those ways between servers of a group are open that `isOpen` says, each direction by
  /// itself; connections stay, so that what is sent on a closed way is lost.
  package func link(_ group: GroupID, where isOpen: (_ from: Int, _ to: Int) -> Bool) {
    let servers = self.servers(of: group).map(\.host.index)
    heal(group)
    simulator.changeNetwork { network in
      for from in servers.indices {
        for to in servers.indices where from != to && !isOpen(from, to) {
          network.cut(from: servers[from], to: servers[to])
        }
      }
    }
  }

  /// All servers of a group hear each other again.
  package func heal(_ group: GroupID) {
    let servers = self.servers(of: group).map(\.host.index)
    simulator.changeNetwork { network in
      for from in servers {
        for to in servers where network.isCut(from: from, to: to) {
          network.heal(from: from, to: to, now: simulator.now)
        }
      }
    }
  }

  /// The position of the leader among its group's servers; waits for one.
  package func leader(of group: GroupID) throws -> Int {
    var found: Int?
    try require("a leader of group \(group)", within: 10) {
      let leader = cluster.leader(of: group)?.host.index
      found = servers(of: group).firstIndex { $0.host.index == leader }
      return found != nil
    }
    return found ?? 0
  }

  // Logs.

  /// The greatest number of bytes that a running server of the group holds in its log behind the
  /// newest snapshot.
  package func logBytes(of group: GroupID) -> Int {
    servers(of: group).compactMap { $0.node.map { Int(clamping: $0.logBytes) } }.max() ?? 0
  }

  /// The greatest size of a snapshot.
  package func snapshotBytes(of group: GroupID) -> Int {
    servers(of: group).compactMap { $0.node.map { Int(clamping: $0.snapshotBytes) } }.max() ?? 0
  }

  /// At most eight times the size that asks for a snapshot; without such a size, no snapshot at
  /// all.
  package func checkLogs() throws {
    for group in settings.groups {
      let (log, snapshot) = (logBytes(of: group.id), snapshotBytes(of: group.id))
      if let limit = settings.maxLogBytes, log > 8 * limit {
        throw LabFailure("group \(group.id) has a log of \(log) bytes, more than 8 × \(limit)")
      }
      if settings.maxLogBytes == nil, snapshot > 0 {
        throw LabFailure("group \(group.id) took a snapshot of \(snapshot) bytes unasked")
      }
    }
  }

  // The controller.

  package func join(_ groups: [GroupID]) throws {
    let requests = cluster.plan.groups.filter { groups.contains($0.id) }.map {
      JoinRequest(group: $0.id, seeds: $0.members.map(\.peer))
    }
    try control(.join(requests))
  }

  package func leave(_ groups: [GroupID]) throws { try control(.leave(groups, force: true)) }

  package func move(_ shard: ShardID, to group: GroupID) throws {
    try control(.move(shard, to: group))
  }

  /// Asks until it is done: a group can join once its leader has registered it.
  package func control(_ command: ControlCommand) throws {
    let client = administratorClient()
    let deadline = seconds + Self.callSeconds
    while true {
      switch try client.outcome(of: .control(command)) {
      case .reply(.done): return
      case .reply(.refused(.invalid(let reason))):
        try patience(until: deadline, "\(command): \(reason)")
      case .failed(let error) where error.code == .invalid:
        try patience(until: deadline, "\(command): \(error)")
      case let outcome: throw LabFailure("\(command): \(outcome)")
      }
    }
  }

  private func patience(until deadline: Double, _ reason: String) throws {
    guard seconds < deadline else { throw LabFailure(reason) }
    try run(milliseconds: 100)
  }

  package func query(_ number: ConfigNumber? = nil) throws -> Configuration {
    let outcome = try administratorClient().outcome(of: .query(number))
    guard case .reply(.configuration(let configuration, _)) = outcome else {
      throw LabFailure("query: \(outcome)")
    }
    return configuration
  }

  private func administratorClient() -> LabClient {
    let client = administrator ?? cluster.addClient()
    administrator = client
    return LabClient(self, client)
  }
}
