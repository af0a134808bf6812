import Basics
import ShardMap
import Simulation

/// The generic load of the key-value scenarios: clients that append, read and put while the network
/// and the servers misbehave.
struct KeyValueLab {
  static let group = GroupID(1)

  /// The labs of 2023 have Get, Put and Append. Those of 2025 have Get, and a Put that names the
  /// version that it replaces: a compare-and-set here, with values that are never used twice.
  enum Edition: String, CaseIterable, Sendable {
    case labs2023, labs2025
  }

  var edition = Edition.labs2023
  var clients: Int
  var servers: Int
  var isUnreliable = false
  var restarts = false
  var partitions = false
  /// The size of the log that asks for a snapshot; `nil`: never.
  var maxLogBytes: Int?
  var randomKeys = false
  var seed: UInt64 = 1

  /// A cluster whose only group is at work.
  static func makeLab(
    servers: Int, isUnreliable: Bool = false, maxLogBytes: Int? = nil, retainedEntries: Int = 8,
    seed: UInt64 = 1
  ) throws -> LabCluster {
    guard let layout = ShardLayout(mapping: .slots, shardCount: 1) else {
      throw LabFailure("no layout")
    }
    var settings = LabCluster.Settings(layout: layout)
    settings.groups = [(group, servers)]
    settings.isUnreliable = isUnreliable
    settings.maxLogBytes = maxLogBytes
    settings.retainedEntries = retainedEntries
    settings.seed = seed
    let lab = LabCluster(settings)
    try lab.join([group])
    return lab
  }

  /// Three rounds of five seconds; then everything must be as the clients know it.
  func run() throws {
    let lab = try Self.makeLab(
      servers: servers, isUnreliable: isUnreliable, maxLogBytes: maxLogBytes, seed: seed)
    let checker = lab.makeClient()
    var values = Array(repeating: "", count: clients)
    switch edition {
    case .labs2023: for _ in 0..<3 { try round(lab, checker, &values) }
    case .labs2025: try ConditionalLoad(self, lab).run()
    }
    try lab.checkHistory()
  }

  /// What a round's clients share.
  private final class Load {
    var isOver = false
    var values: [String]
    var counts: [Int]
    init(_ values: [String]) {
      self.values = values
      counts = values.map { _ in 0 }
    }
  }

  private func round(
    _ lab: LabCluster, _ checker: LabClient, _ values: inout [String]
  ) throws {
    let load = Load(values)
    let workers = (0..<clients).map { number in
      let client = lab.makeClient()
      start(client, number, load, lab)
      return client
    }
    try disturb(lab, seconds: 5) { load.isOver = true }
    try lab.require("the clients to finish") { workers.allSatisfy { $0.openCount == 0 } }
    for number in 0..<clients where !randomKeys {
      // A lost message costs a client a second, so nothing is asked of it where many are lost.
      guard isUnreliable || load.counts[number] >= 10 else {
        throw LabFailure("client \(number) did only \(load.counts[number]) appends")
      }
      let value = try checker.get("\(number)")
      guard value == load.values[number] else {
        throw LabFailure("key \(number) is not its appends in order: \(value)")
      }
    }
    try lab.run(milliseconds: 200)
    try lab.checkLogs()
    values = load.values
  }

  /// Lets clients work while whatever is asked for goes on; `end` tells them to come to an end.
  func disturb(_ lab: LabCluster, seconds: Int, end: () -> Void) throws {
    let second = 1_000
    if partitions {
      let isOver = Flag()
      try lab.run(milliseconds: second)
      repartition(lab, isOver)
      try lab.run(milliseconds: (seconds - 1) * second)
      isOver.isOn = true
    } else {
      try lab.run(milliseconds: seconds * second)
    }
    end()
    if partitions {
      lab.heal(Self.group)
      try lab.run(milliseconds: second)
    }
    if restarts {
      lab.stop(Self.group)
      try lab.run(milliseconds: second)
      lab.start(Self.group)
      lab.heal(Self.group)
    }
  }

  private final class Flag {
    var isOn = false
  }

  /// Every server to one of two sides, again and again.
  private func repartition(_ lab: LabCluster, _ isOver: Flag) {
    guard !isOver.isOn else { return }
    let sides = (0..<servers).map { _ in lab.random(0...1) }
    lab.partition(
      Self.group, [0, 1].map { side in (0..<servers).filter { sides[$0] == side } })
    let pause = UInt64(1_000 + lab.random(0...200))
    lab.simulator.after(pause * nanosecondsPerMillisecond) { repartition(lab, isOver) }
  }

  private func start(_ client: LabClient, _ number: Int, _ load: Load, _ lab: LabCluster) {
    var appended = 0
    client.work { [self] in
      guard !load.isOver else { return nil }
      let key = randomKeys ? "\(lab.random(0...clients - 1))" : "\(number)"
      let dice = lab.random(0...999)
      if dice < 500 {
        let value = "x \(number) \(load.counts[number]) y"
        appended += 1
        load.counts[number] += 1
        return .operation(.append(Array(value.utf8)), key: key) { _ in
          if !randomKeys { load.values[number] += value }
        }
      }
      if randomKeys, dice < 600 {
        appended += 1
        load.counts[number] += 1
        return .operation(
          .put(Array("x \(number) \(load.counts[number]) y".utf8)), key: key
        ) { _ in }
      }
      return .operation(.get, key: key) { output in
        guard !randomKeys, case .value(let value, _) = output else { return }
        guard String(decoding: value ?? [], as: UTF8.self) == load.values[number] else {
          throw LabFailure("client \(number) read \(output), not \(load.values[number])")
        }
      }
    }
  }
}
