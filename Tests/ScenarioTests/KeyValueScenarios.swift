import ShardMap
import Simulation
import Testing

/// The scenarios of the key-value labs on one Raft group, in virtual time, without snapshots: those
/// of 2023 (3A) and of 2025 (4B).
struct KeyValueScenarios {
  typealias Edition = KeyValueLab.Edition

  static let group = KeyValueLab.group

  @Test("Basic3A, Basic4B", arguments: Edition.allCases)
  func basic(_ edition: Edition) throws {
    try KeyValueLab(edition: edition, clients: 1, servers: 5).run()
  }

  @Test("Speed3A, Speed4B", arguments: Edition.allCases)
  func speed(_ edition: Edition) throws {
    try Self.speed(edition, maxLogBytes: nil)
  }

  @Test("Speed3B, Speed4C", arguments: Edition.allCases)
  func speedWithSnapshots(_ edition: Edition) throws {
    try Self.speed(edition, maxLogBytes: 1_000)
  }

  /// A thousand writes, one after the other, in at most 33.3 ms each.
  static func speed(_ edition: Edition, maxLogBytes: Int?) throws {
    let lab = try KeyValueLab.makeLab(servers: 3, maxLogBytes: maxLogBytes)
    let client = lab.makeClient()
    #expect(try client.get("x") == "")
    let begin = lab.seconds
    var expected = ""
    for number in 0..<1_000 {
      let value = "x 0 \(number) y"
      switch edition {
      case .labs2023:
        try client.append("x", value)
        expected += value
      case .labs2025:
        let version = try client.compareAndSet(
          "x", expected: number == 0 ? nil : expected, value: value)
        #expect(version == UInt64(number + 1))
        expected = value
      }
    }
    #expect(lab.seconds - begin <= 33.3)
    #expect(try client.get("x") == expected)
    try lab.checkLogs()
  }

  @Test("Concurrent3A, Concurrent4B", arguments: Edition.allCases)
  func concurrent(_ edition: Edition) throws {
    try KeyValueLab(edition: edition, clients: 5, servers: 5).run()
  }

  @Test("Unreliable3A, Unreliable4B", arguments: Edition.allCases)
  func unreliable(_ edition: Edition) throws {
    try KeyValueLab(edition: edition, clients: 5, servers: 5, isUnreliable: true).run()
  }

  @Test("UnreliableOneKey3A") func unreliableOneKey() throws {
    let lab = try KeyValueLab.makeLab(servers: 3, isUnreliable: true)
    let reader = lab.makeClient()
    try reader.put("k", "")
    let clients = (0..<5).map { _ in lab.makeClient() }
    for (number, client) in clients.enumerated() {
      var next = 0
      client.work {
        guard next < 10 else { return nil }
        defer { next += 1 }
        return .operation(.append(Array("x \(number) \(next) y".utf8)), key: "k") { _ in }
      }
    }
    try lab.require("all appends") { clients.allSatisfy { $0.openCount == 0 } }
    let value = try reader.get("k")
    #expect(value.count == 5 * 10 * "x 0 0 y".count)
    for number in 0..<5 {
      let offsets = (0..<10).map { value.ranges(of: "x \(number) \($0) y") }
      #expect(offsets.allSatisfy { $0.count == 1 }, "every element once")
      let order = offsets.compactMap { $0.first?.lowerBound }
      #expect(order == order.sorted(), "in the order of its client")
    }
    try lab.checkHistory()
  }

  @Test("OnePartition3A, OnePartition4B", arguments: Edition.allCases)
  func onePartition(_ edition: Edition) throws {
    let lab = try KeyValueLab.makeLab(servers: 5)
    let client = lab.makeClient()
    try client.put("1", "13")
    let leader = try lab.leader(of: Self.group)
    let others = (0..<5).filter { $0 != leader }
    let (majority, minority) = (Array(others.prefix(3)), [leader, others[3]])
    lab.partition(Self.group, [majority, minority])
    let lucky = lab.makeClient()
    lucky.reach(only: majority, of: Self.group)
    let unlucky = [lab.makeClient(), lab.makeClient()]
    for client in unlucky { client.reach(only: minority, of: Self.group) }

    try lucky.put("1", "14")
    #expect(try lucky.get("1") == "14")
    var finished: [String] = []
    begin15(edition, unlucky[0], over: "14") { finished.append("put") }
    unlucky[1].begin(.get, key: "1") { _ in finished.append("get") }
    try lab.run(milliseconds: 1_000)
    #expect(finished == [], "nothing finishes in a minority")
    #expect(try lucky.get("1") == "14")
    try lucky.put("1", "16")
    #expect(try lucky.get("1") == "16")

    lab.heal(Self.group)
    for client in unlucky { client.reach(only: Array(0..<5), of: Self.group) }
    lucky.reach(only: Array(0..<5), of: Self.group)
    try lab.run(milliseconds: 1_000)
    try lab.require("both operations of the minority", within: 3) { finished.count == 2 }
    #expect(try client.get("1") == "15")
    try lab.checkHistory()
  }

  /// Makes it 15, whatever it is; a conditional write that came too late is decided anew.
  private func begin15(
    _ edition: Edition, _ client: LabClient, over expected: String, _ done: @escaping () -> Void
  ) {
    let value = Array("15".utf8)
    switch edition {
    case .labs2023: client.begin(.put(value), key: "1") { _ in done() }
    case .labs2025:
      let input = RegisterOperation.Input.compareAndSet(
        expected: Array(expected.utf8), value: value)
      client.begin(input, key: "1") { output in
        if case .written = output { return done() }
        client.begin(.get, key: "1") { output in
          guard case .value(let held, _) = output else { return }
          let text = String(decoding: held ?? [], as: UTF8.self)
          self.begin15(edition, client, over: text, done)
        }
      }
    }
  }

  @Test("ManyPartitionsOneClient3A, ManyPartitionsOneClient4B", arguments: Edition.allCases)
  func manyPartitionsOneClient(_ edition: Edition) throws {
    try KeyValueLab(edition: edition, clients: 1, servers: 5, partitions: true).run()
  }

  @Test("ManyPartitionsManyClients3A, ManyPartitionsManyClients4B", arguments: Edition.allCases)
  func manyPartitionsManyClients(_ edition: Edition) throws {
    try KeyValueLab(edition: edition, clients: 5, servers: 5, partitions: true).run()
  }

  @Test("PersistOneClient3A, PersistOneClient4B", arguments: Edition.allCases)
  func persistOneClient(_ edition: Edition) throws {
    try KeyValueLab(edition: edition, clients: 1, servers: 5, restarts: true).run()
  }

  @Test("PersistConcurrent3A, PersistConcurrent4B", arguments: Edition.allCases)
  func persistConcurrent(_ edition: Edition) throws {
    try KeyValueLab(edition: edition, clients: 5, servers: 5, restarts: true).run()
  }

  @Test("PersistConcurrentUnreliable3A, PersistConcurrentUnreliable4B", arguments: Edition.allCases)
  func persistConcurrentUnreliable(_ edition: Edition) throws {
    try KeyValueLab(edition: edition, clients: 5, servers: 5, isUnreliable: true, restarts: true)
      .run()
  }

  @Test("PersistPartition3A, PersistPartition4B", arguments: Edition.allCases)
  func persistPartition(_ edition: Edition) throws {
    try KeyValueLab(edition: edition, clients: 5, servers: 5, restarts: true, partitions: true)
      .run()
  }

  @Test("PersistPartitionUnreliable3A, PersistPartitionUnreliable4B", arguments: Edition.allCases)
  func persistPartitionUnreliable(_ edition: Edition) throws {
    try KeyValueLab(
      edition: edition, clients: 5, servers: 5, isUnreliable: true, restarts: true, partitions: true
    ).run()
  }

  @Test(
    "PersistPartitionUnreliableLinearizable3A, PersistPartitionUnreliableLinearizable4B",
    arguments: Edition.allCases)
  func persistPartitionUnreliableLinearizable(_ edition: Edition) throws {
    try KeyValueLab(
      edition: edition, clients: 15, servers: 7, isUnreliable: true, restarts: true,
      partitions: true,
      randomKeys: true
    ).run()
  }
}
