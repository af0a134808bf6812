import Basics
import Clerk
import ShardMap
import Simulation
import Testing
import Wire

/// What a thousand clients do to a cluster when something changes, and it to them.
struct HerdScenarios {
  /// Two groups of three, and clients that append to a key of their own without end.
  final class Herd {
    let lab: LabCluster
    var clients: [LabClient] = []
    var appended: [Int]
    /// The longest operation of each client since it was last cleared, and how many were longer
    /// than an attempt may take; nanoseconds.
    var longest: [UInt64]
    var slow: [Int]
    var isOver = false

    static let attempt = ClerkSettings().attemptTimeout

    init(_ count: Int) throws {
      guard let layout = ShardLayout(mapping: .slots, shardCount: 16) else {
        throw LabFailure("no layout")
      }
      var settings = LabCluster.Settings(layout: layout)
      settings.groups = [(GroupID(1), 3), (GroupID(2), 3)]
      lab = LabCluster(settings)
      appended = Array(repeating: 0, count: count)
      longest = Array(repeating: 0, count: count)
      slow = longest.map { _ in 0 }
      try lab.join([GroupID(1)])
      for number in 0..<count {
        let client = lab.makeClient()
        clients.append(client)
        var began: UInt64 = 0
        var pauses = false
        client.work { [unowned self] in
          if isOver { return nil }
          pauses.toggle()
          if pauses { return .pause(milliseconds: lab.random(100...500)) }
          began = lab.simulator.now
          return .operation(.append([120]), key: "client\(number)") { _ in
            self.appended[number] += 1
            let took = self.lab.simulator.now - began
            self.longest[number] = max(self.longest[number], took)
            if took >= Self.attempt { self.slow[number] += 1 }
          }
        }
      }
      try lab.run(milliseconds: 3_000)
    }

    var fetches: UInt64 {
      lab.servers(of: .none).reduce(0) { $0 + ($1.node?.counters.configurationFetches ?? 0) }
    }

    func requests(_ group: GroupID) -> [UInt64] {
      lab.servers(of: group).map { $0.node?.counters.requests ?? 0 }
    }

    /// Nothing failed, or its lab would have; nothing was lost or doubled.
    func finish() throws {
      isOver = true
      try lab.require("the clients to finish") { clients.allSatisfy { $0.openCount == 0 } }
      for number in clients.indices {
        #expect(try clients[number].get("client\(number)").count == appended[number])
      }
      try lab.checkHistory()
    }
  }

  @Test("a change of configuration costs the controller at most 50 questions of 1,000 clients")
  func change() throws {
    let herd = try Herd(1_000)
    let before = herd.fetches
    // Each had to ask once in the beginning, or nothing is counted.
    #expect(before >= 1_000)
    try herd.lab.join([GroupID(2)])
    try herd.lab.run(milliseconds: 4_000)
    #expect(herd.fetches - before <= 50, "\(herd.fetches - before) fetches")
    #expect(herd.requests(GroupID(2)).reduce(0, +) > 1_000)
    print("questions of 1,000 clients after a join: \(herd.fetches - before)")
    try herd.finish()
  }

  @Test("a leader in a black hole costs each of 1,000 clients one timeout, and is used again")
  func blackHole() throws {
    let herd = try Herd(1_000)
    let lab = herd.lab
    let leader = try lab.leader(of: GroupID(1))
    let hole = lab.servers(of: GroupID(1))[leader].host.index
    herd.longest = herd.longest.map { _ in 0 }
    let others = lab.simulator.hosts.map(\.index).filter { $0 != hole }
    lab.simulator.changeNetwork { network in
      for other in others {
        network.cut(from: hole, to: other)
        network.cut(from: other, to: hole)
      }
    }
    try lab.run(milliseconds: 6_000)
    let worst = herd.longest.max() ?? 0
    print("the longest operation around a black hole: \(worst / 1_000_000) ms")
    #expect(worst <= Herd.attempt + 1_500_000_000)
    #expect(herd.slow.allSatisfy { $0 <= 1 })
    lab.simulator.changeNetwork { network in
      for other in others {
        network.heal(from: hole, to: other, now: lab.simulator.now)
        network.heal(from: other, to: hole, now: lab.simulator.now)
      }
    }
    try lab.run(milliseconds: 2_000)
    try herd.finish()
    let before = herd.requests(GroupID(1))[leader]
    for _ in 0..<15 {
      for client in herd.clients.prefix(20) {
        _ = try client.outcome(of: .get(key: Array("client1".utf8), .stale))
      }
      try lab.run(milliseconds: 1_000)
    }
    #expect(herd.requests(GroupID(1))[leader] > before + 20)
  }

  @Test("stale reads are spread over the replicas, and tell how old they may be")
  func staleReads() throws {
    let herd = try Herd(30)
    try herd.finish()
    let lab = herd.lab
    let before = herd.requests(GroupID(1))
    for number in 0..<900 {
      let outcome = try herd.clients[number % 30].outcome(
        of: .get(key: Array("client1".utf8), .stale))
      guard case .reply(.stale(let answer)) = outcome else {
        throw LabFailure("a stale read: \(outcome)")
      }
      #expect(answer.value?.count == herd.appended[1] && answer.age <= 150)
    }
    let counts = zip(herd.requests(GroupID(1)), before).map { $0 - $1 }
    #expect(counts.allSatisfy { 270...330 ~= $0 }, "\(counts)")

    let follower = try (lab.leader(of: GroupID(1)) + 1) % 3
    lab.partition(GroupID(1), [[follower], [0, 1, 2].filter { $0 != follower }])
    let client = herd.clients[0]
    client.reach(only: [follower], of: GroupID(1))
    var ages: [UInt64] = []
    for _ in 0..<4 {
      try lab.run(milliseconds: 2_000)
      let outcome = try client.outcome(of: .get(key: Array("client1".utf8), .stale))
      guard case .reply(.stale(let answer)) = outcome else {
        throw LabFailure("a stale read of an isolated follower: \(outcome)")
      }
      ages.append(answer.age)
    }
    for (earlier, later) in zip(ages, ages.dropFirst()) { #expect(later >= earlier + 1_900) }
  }
}
