import Basics
import ShardMap
import Simulation
import Testing

/// Fuzz suites of Raft libraries, on whole servers: five of them, and a few clients that append
/// without a pause.
struct FuzzScenarios {
  static let group = KeyValueLab.group

  /// Appends by three clients while `disturb` goes on; then every append must be there, once and in
  /// its client's order.
  static func load(_ seed: UInt64, _ disturb: (LabCluster) throws -> Void) throws {
    // A snapshot takes some seconds to get to a server that says everything two seconds late.
    let lab = try KeyValueLab.makeLab(
      servers: 5, maxLogBytes: 8_000, retainedEntries: 64, seed: seed)
    var isOver = false
    var expected = Array(repeating: "", count: 3)
    let clients = (0..<3).map { _ in lab.makeClient() }
    for (number, client) in clients.enumerated() {
      var pauses = false
      client.work {
        guard !isOver else { return nil }
        pauses.toggle()
        if !pauses { return .pause(milliseconds: 20) }
        let value = lab.randomText(3)
        return .operation(.append(Array(value.utf8)), key: "\(number)") { _ in
          expected[number] += value
        }
      }
    }
    try disturb(lab)
    isOver = true
    lab.heal(group)
    try lab.require("the appends that were begun", within: 10) {
      clients.allSatisfy { $0.openCount == 0 }
    }
    for number in clients.indices {
      #expect(try clients[number].get("\(number)") == expected[number])
    }
    #expect(expected.allSatisfy { $0.count >= 30 }, "some work was done")
    try lab.require("the same log everywhere", within: 5) {
      let applied = lab.servers(of: group).map { $0.node?.observation.appliedIndex }
      return applied.allSatisfy { $0 != nil && $0 == applied[0] }
    }
    #expect(Set(lab.servers(of: group).map { $0.node?.stateHash() }).count == 1)
    try lab.checkHistory()
  }

  /// Ten times the leader and some others are apart for four seconds; then all, some or none heal.
  @Test("LeaderPartitions", arguments: UInt64(1)...3)
  func leaderPartitions(_ seed: UInt64) throws {
    try Self.load(seed) { lab in
      for _ in 0..<10 {
        let leader = lab.cluster.leader(of: Self.group)?.host.index
        let side = (0..<5).map { server in
          lab.servers(of: Self.group)[server].host.index == leader || lab.random(0...2) == 0
        }
        let halves = [true, false].map { half in (0..<5).filter { side[$0] == half } }
        lab.partition(Self.group, halves)
        try lab.run(milliseconds: 4_000)
        switch lab.random(0...2) {
        case 0: lab.heal(Self.group)
        case 1: lab.partition(Self.group, [halves[0], Array(halves[1].dropFirst())])
        default: break
        }
        try lab.run(milliseconds: 5_000)
      }
    }
  }

  /// Two of five say everything a second or two late, votes included: the others lead.
  @Test("SlowSendVote", arguments: UInt64(1)...3)
  func slowSendVote(_ seed: UInt64) throws {
    try Self.load(seed) { try Self.slowDown(2, of: $0) }
  }

  /// Three of five do: there is still one leader at a time, though it may take long to find him.
  @Test("SlowRecvVote", arguments: UInt64(1)...3)
  func slowReceiveVote(_ seed: UInt64) throws {
    try Self.load(seed) { try Self.slowDown(3, of: $0) }
  }

  private static func slowDown(_ count: Int, of lab: LabCluster) throws {
    try lab.run(milliseconds: 5_000)
    let slow = lab.servers(of: group).prefix(count).map(\.host.index)
    for round in 0..<5 {
      lab.simulator.changeNetwork { network in
        for host in slow {
          let delay = round % 2 == 0 ? lab.random(1_000...2_000) : 0
          network.setExtraLatency(delay * Int(nanosecondsPerMillisecond), of: host)
        }
      }
      try lab.run(milliseconds: 5_000)
    }
    lab.simulator.changeNetwork { network in
      for host in slow { network.setExtraLatency(0, of: host) }
    }
    try lab.run(milliseconds: 5_000)
  }
}
