import ShardMap
import Simulation
import Testing

/// The scenarios of the 2025 sharded lab in which one administrator lets groups join and leave
/// (5A), each a fifth of a second after the shards of the last change have moved.
struct ReconfigurationScenarios {
  static let pause = 200

  @Test("InitQuery5A") func initQuery() throws {
    let stage = try ShardedLab.with2025(groups: 1)
    let configuration = try stage.lab.query()
    #expect(configuration.number == ConfigNumber(1))
    #expect(configuration.shards.allSatisfy { $0.owner == stage.groups[0] })
  }

  @Test("StaticOneShardGroup5A") func staticOneShardGroup() throws {
    let stage = try ShardedLab.with2025(groups: 1)
    let leader = try stage.lab.leader(of: stage.groups[0])
    stage.lab.stop(stage.lab.servers(of: stage.groups[0])[leader])
    try stage.check()
  }

  @Test("JoinBasic5A") func joinBasic() throws {
    let stage = try ShardedLab.with2025(groups: 2)
    let before = try stage.lab.query().number
    try stage.joinAndSettle(1)
    let after = try stage.lab.query()
    #expect(after.number == before.next)
    #expect(after.groupIDs == stage.groups)
    try stage.checkShutdownSharding(0)
    try stage.check()
    try stage.checkShutdownSharding(1)
    try stage.check()
  }

  @Test("DeleteBasic5A") func deleteBasic() throws {
    let stage = try ShardedLab.with2025(groups: 2, maxLogBytes: 1, valueBytes: 1_000)
    func bytes() -> Int {
      stage.groups.flatMap { stage.lab.servers(of: $0) }.compactMap(\.node)
        .reduce(0) { $0 + Int($1.logBytes + $1.snapshotBytes) }
    }
    try stage.check()
    try stage.lab.run(milliseconds: 1_000)
    let before = bytes()
    #expect(before > 3 * 60 * 1_000)
    try stage.joinAndSettle(1)
    for _ in 0..<5 { try stage.check() }
    try stage.lab.run(milliseconds: 1_000)
    // Six servers together; the lab allows as much for two.
    #expect(bytes() <= before + 10_000)
  }

  @Test("JoinLeaveBasic5A") func joinLeaveBasic() throws {
    let stage = try ShardedLab.with2025(groups: 2)
    try stage.joinAndSettle(1)
    try stage.leaveAndSettle(0)
    stage.stop(0)
    try stage.check()
    stage.start(0)
    try stage.joinAndSettle(0)
    try stage.check()
    try stage.checkShutdownSharding(1)
  }

  @Test("ManyJoinLeaveReliable5A, ManyJoinLeaveUnreliable5A", arguments: [false, true])
  func manyJoinLeave(isUnreliable: Bool) throws {
    let stage = try ShardedLab.with2025(groups: 9, isUnreliable: isUnreliable)
    try joinAll(stage)
    try stage.check()
    try leaveAll(stage)
    try stage.check()
  }

  @Test("Shutdown5A") func shutdown() throws {
    let stage = try ShardedLab.with2025(groups: 3)
    try joinAll(stage)
    stage.stop(0, 1, 2)
    stage.start(0, 1, 2)
    try stage.check()
  }

  @Test("ProgressShutdown5A") func progressShutdown() throws {
    let stage = try ShardedLab.with2025(groups: 5)
    try joinAll(stage)
    let down = try Set(stage.keys(of: 1) + stage.keys(of: 2))
    stage.stop(1, 2)
    var completed = 0
    let others = stage.model.indices.filter { !down.contains($0) }
    for key in others {
      stage.client.begin(.get, key: "\(key)") { output in
        #expect(output == .value(Array(stage.model[key].utf8), version: 1))
        completed += 1
      }
    }
    try stage.lab.require("the keys of the other groups", within: 2) {
      completed == others.count
    }
    stage.start(1, 2)
    try stage.check()
  }

  /// Shards that stay where they are, in groups that give or get others: at least a hundred reads
  /// of them in four seconds.
  @Test("ProgressJoin5A") func progressJoin() throws {
    let stage = try ShardedLab.with2025(groups: 6)
    for group in 1...4 { try stage.joinAndSettle(group) }
    let first = try stage.lab.query().number
    let administrator = Administrator(stage, of: 5)
    administrator.begin()
    var reads = Array(repeating: 0, count: stage.model.count)
    var isOver = false
    let readers = stage.model.indices.map { key in
      let client = stage.lab.makeClient()
      var pauses = false
      client.work {
        if isOver { return nil }
        pauses.toggle()
        if pauses { return .pause(milliseconds: 50) }
        return .operation(.get, key: "\(key)") { _ in reads[key] += 1 }
      }
      return client
    }
    try stage.lab.run(milliseconds: 4_000)
    isOver = true
    administrator.isOver = true
    try stage.lab.require("the reads to finish") { readers.allSatisfy { $0.openCount == 0 } }
    #expect(administrator.finished >= 4)

    let last = try stage.lab.query()
    let configurations = try (first.rawValue...last.number.rawValue).map {
      try stage.lab.query(ConfigNumber($0))
    }
    let layout = last.layout
    let stayed = (0..<layout.shardCount).filter { shard in
      Set(configurations.map { $0.shards[shard].owner }).count == 1
    }
    let taking = Set(
      (0..<layout.shardCount).filter { !stayed.contains($0) }.flatMap { shard in
        configurations.map { $0.shards[shard].owner }
      })
    let counted = stage.model.indices.filter { key in
      let shard = layout.shard(of: Array("\(key)".utf8))
      return stayed.contains(shard.index) && taking.contains(last.owner(of: shard))
    }
    #expect(counted.reduce(0) { $0 + reads[$1] } >= 100)
    try stage.check()
  }

  @Test("OneConcurrentClerkReliable5A, OneConcurrentClerkUnreliable5A", arguments: [false, true])
  func oneConcurrentClerk(isUnreliable: Bool) throws {
    try concurrentClerks(1, isUnreliable: isUnreliable)
  }

  @Test("ManyConcurrentClerkReliable5A, ManyConcurrentClerkUnreliable5A", arguments: [false, true])
  func manyConcurrentClerks(isUnreliable: Bool) throws {
    try concurrentClerks(10, isUnreliable: isUnreliable)
  }

  private func concurrentClerks(_ count: Int, isUnreliable: Bool) throws {
    let stage = try ShardedLab.with2025(groups: 9, isUnreliable: isUnreliable, maxLogBytes: 8_000)
    let clerks = stage.startClerks(count)
    let begin = stage.lab.seconds
    try joinAll(stage)
    try leaveAll(stage)
    try stage.lab.run(milliseconds: max(0, 20_000 - Int((stage.lab.seconds - begin) * 1_000)))
    try stage.finish(clerks)
    try stage.check()
  }

  private func joinAll(_ stage: ShardedLab) throws {
    for group in stage.groups.indices.dropFirst() {
      try stage.joinAndSettle(group)
      try stage.lab.run(milliseconds: Self.pause)
    }
  }

  private func leaveAll(_ stage: ShardedLab) throws {
    for group in stage.groups.indices.dropFirst() {
      try stage.leaveAndSettle(group)
      try stage.lab.run(milliseconds: Self.pause)
    }
  }
}
