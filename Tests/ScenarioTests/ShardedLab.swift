import Basics
import ShardMap
import Simulation
import Testing

/// Groups of three servers, three controllers, and keys that hit all shards: the stage of the
/// sharded key-value scenarios. In the labs of 2023 there are three groups and ten shards by first
/// byte; in those of 2025 there are twelve shards, and the first group serves from the beginning.
final class ShardedLab {
  let groups: [GroupID]

  let lab: LabCluster
  let client: LabClient
  /// What every key must hold.
  var model: [String] = []

  convenience init(isUnreliable: Bool = false, maxLogBytes: Int? = nil, seed: UInt64 = 1) throws {
    try self.init(
      groups: [100, 101, 102], ShardLayout(mapping: .firstByte, shardCount: 10),
      isUnreliable: isUnreliable, maxLogBytes: maxLogBytes, seed: seed)
  }

  /// The stage of 2025, with sixty keys in the first of so many groups.
  static func with2025(
    groups: Int, isUnreliable: Bool = false, maxLogBytes: Int? = nil, valueBytes: Int = 5,
    seed: UInt64 = 1
  ) throws -> ShardedLab {
    let stage = try ShardedLab(
      groups: (1...UInt32(groups)).map { $0 }, ShardLayout(mapping: .slots, shardCount: 12),
      isUnreliable: isUnreliable, maxLogBytes: maxLogBytes, seed: seed)
    try stage.join(0)
    try stage.put(keys: 60, valueBytes: valueBytes)
    return stage
  }

  private init(
    groups: [UInt32], _ layout: ShardLayout?, isUnreliable: Bool, maxLogBytes: Int?, seed: UInt64
  ) throws {
    guard let layout else { throw LabFailure("no layout") }
    self.groups = groups.map { GroupID($0) }
    var settings = LabCluster.Settings(layout: layout)
    settings.groups = self.groups.map { ($0, 3) }
    settings.isUnreliable = isUnreliable
    settings.maxLogBytes = maxLogBytes
    settings.seed = seed
    lab = LabCluster(settings)
    client = lab.makeClient()
  }

  func join(_ groups: Int...) throws { try lab.join(groups.map { self.groups[$0] }) }

  func leave(_ groups: Int...) throws { try lab.leave(groups.map { self.groups[$0] }) }

  func stop(_ groups: Int...) { for group in groups { lab.stop(self.groups[group]) } }

  func start(_ groups: Int...) { for group in groups { lab.start(self.groups[group]) } }

  /// One server of each group.
  func stopServer(_ number: Int) {
    for group in groups { lab.stop(lab.servers(of: group)[number]) }
  }

  func startServer(_ number: Int) {
    for group in groups { lab.start(lab.servers(of: group)[number]) }
  }

  func put(keys count: Int, valueBytes: Int = 5) throws {
    model = (0..<count).map { _ in lab.randomText(valueBytes) }
    for key in 0..<count { try client.put("\(key)", model[key]) }
  }

  func check() throws {
    for key in model.indices { try check(key) }
  }

  func check(_ key: Int) throws {
    let value = try client.get("\(key)")
    guard value == model[key] else {
      throw LabFailure("key \(key) holds '\(value)', not '\(model[key])'")
    }
  }

  func checkAndAppend() throws {
    for key in model.indices {
      try check(key)
      let more = lab.randomText(5)
      try client.append("\(key)", more)
      model[key] += more
    }
  }

  /// One client for each key that appends without end.
  final class Appenders {
    var isOver = false
    fileprivate var clients: [LabClient] = []
  }

  func startAppenders(pauseMilliseconds: Int) -> Appenders {
    let appenders = Appenders()
    for key in model.indices {
      let client = lab.makeClient()
      appenders.clients.append(client)
      var pauses = false
      client.work { [self] in
        guard !appenders.isOver else { return nil }
        pauses.toggle()
        if !pauses, pauseMilliseconds > 0 { return .pause(milliseconds: pauseMilliseconds) }
        let more = lab.randomText(5)
        return .operation(.append(Array(more.utf8)), key: "\(key)") { _ in
          self.model[key] += more
        }
      }
    }
    return appenders
  }

  func finish(_ appenders: Appenders) throws {
    appenders.isOver = true
    try lab.require("the appenders to finish") {
      appenders.clients.allSatisfy { $0.openCount == 0 }
    }
  }

  /// The keys whose shards a group owns in the newest configuration.
  func keys(of group: Int) throws -> [Int] {
    let configuration = try lab.query()
    return model.indices.filter { key in
      let shard = configuration.layout.shard(of: Array("\(key)".utf8))
      return configuration.owner(of: shard) == groups[group]
    }
  }

  /// How many shards the leader of a group owns and serves.
  func servedShards(of group: Int) -> Int {
    let reports = lab.cluster.leader(of: groups[group])?.node?.shardReports() ?? []
    return reports.count { $0.isOwned && ($0.status == .serving || $0.status == .gcing) }
  }
}
