import Basics
import ShardMap
import Simulation
import Testing

/// Three groups of three servers, three controllers, ten shards by first byte, and the keys that
/// hit all of them: the stage of the sharded key-value scenarios.
final class ShardedLab {
  static let groups = [GroupID(100), GroupID(101), GroupID(102)]

  let lab: LabCluster
  let client: LabClient
  /// What every key must hold.
  var model: [String] = []

  init(isUnreliable: Bool = false, maxLogBytes: Int? = nil, seed: UInt64 = 1) throws {
    guard let layout = ShardLayout(mapping: .firstByte, shardCount: 10) else {
      throw LabFailure("no layout")
    }
    var settings = LabCluster.Settings(layout: layout)
    settings.groups = Self.groups.map { ($0, 3) }
    settings.isUnreliable = isUnreliable
    settings.maxLogBytes = maxLogBytes
    settings.seed = seed
    lab = LabCluster(settings)
    client = lab.makeClient()
  }

  func join(_ groups: Int...) throws { try lab.join(groups.map { Self.groups[$0] }) }

  func leave(_ groups: Int...) throws { try lab.leave(groups.map { Self.groups[$0] }) }

  func stop(_ groups: Int...) { for group in groups { lab.stop(Self.groups[group]) } }

  func start(_ groups: Int...) { for group in groups { lab.start(Self.groups[group]) } }

  /// One server of each group.
  func stopServer(_ number: Int) {
    for group in Self.groups { lab.stop(lab.servers(of: group)[number]) }
  }

  func startServer(_ number: Int) {
    for group in Self.groups { lab.start(lab.servers(of: group)[number]) }
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
      return configuration.owner(of: shard) == Self.groups[group]
    }
  }

  /// How many shards the leader of a group owns and serves.
  func servedShards(of group: Int) -> Int {
    let reports = lab.cluster.leader(of: Self.groups[group])?.node?.shardReports() ?? []
    return reports.count { $0.isOwned && ($0.status == .serving || $0.status == .gcing) }
  }
}
