import Clerk
import ShardMap
import Simulation
import Testing
import Wire

/// The scenarios of the 2025 lab that replicates a counter (`rsm`). Here the counter is a key that
/// each `Inc` makes a byte longer, so that the version that it is answered with is the count.
struct ReplicatedCounterScenarios {
  static let group = KeyValueLab.group
  static let key = "counter"
  static let servers = Array(0..<3)

  private func increment(_ client: LabClient, _ then: @escaping (UInt64) -> Void = { _ in }) {
    client.begin(.append([0x2B]), key: Self.key) { output in
      if case .written(let version?) = output { then(version) }
    }
  }

  /// So many one after the other, each within ten seconds.
  private func increment(_ lab: LabCluster, _ client: LabClient, times: Int) throws -> [UInt64] {
    var counts: [UInt64] = []
    for number in 0..<times {
      increment(client) { counts.append($0) }
      try lab.require("Inc number \(number)", within: 10) { counts.count > number }
    }
    return counts
  }

  /// All three have it, and the same.
  private func expect(_ count: Int, _ lab: LabCluster, _ client: LabClient) throws {
    #expect(try client.get(Self.key).count == count)
    try lab.require("the same state on all three", within: 2) {
      let nodes = lab.servers(of: Self.group).compactMap(\.node)
      return nodes.count == 3 && Set(nodes.map(\.observation.appliedIndex)).count == 1
        && Set(nodes.map { $0.stateHash() }).count == 1
    }
    #expect(try client.get(Self.key).count == count)
  }

  @Test("Basic4A") func basic() throws {
    let lab = try KeyValueLab.makeLab(servers: 3)
    let client = lab.makeClient()
    for number in 1...10 {
      #expect(try increment(lab, client, times: 1) == [UInt64(number)])
      try expect(number, lab, client)
    }
  }

  @Test("Concurrent4A") func concurrent() throws {
    let lab = try KeyValueLab.makeLab(servers: 3)
    var counts: [UInt64] = []
    let clients = (0..<50).map { _ in lab.makeClient() }
    for client in clients { increment(client) { counts.append($0) } }
    try lab.require("50 at once", within: 10) { counts.count == 50 }
    #expect(counts.sorted() == Array(1...50))
    try expect(50, lab, clients[0])
    try lab.checkHistory()
  }

  @Test("LeaderFailure4A") func leaderFailure() throws {
    let lab = try KeyValueLab.makeLab(servers: 3)
    let client = lab.makeClient()
    #expect(try increment(lab, client, times: 1) == [1])
    let leader = try lab.leader(of: Self.group)
    let others = Self.servers.filter { $0 != leader }
    lab.partition(Self.group, [[leader], others])
    client.reach(only: others, of: Self.group)
    #expect(try increment(lab, client, times: 1) == [2])
    lab.heal(Self.group)
    client.reach(only: Self.servers, of: Self.group)
    #expect(try increment(lab, client, times: 1) == [3])
    try expect(3, lab, client)
  }

  /// A `Dec` wants the counter as it was before the leader was cut off: once the others have gone
  /// on, none may have an effect.
  @Test("LeaderPartition4A") func leaderPartition() throws {
    let lab = try KeyValueLab.makeLab(servers: 3)
    let client = lab.makeClient()
    _ = try increment(lab, client, times: 1)
    let leader = try lab.leader(of: Self.group)
    let others = Self.servers.filter { $0 != leader }
    lab.partition(Self.group, [[leader], others])
    let unlucky = lab.makeClient()
    unlucky.reach(only: [leader], of: Self.group)
    client.reach(only: others, of: Self.group)
    var finished = 0
    for _ in 0..<100 {
      unlucky.begin(.compareAndSet(expected: [0x2B], value: []), key: Self.key) { output in
        #expect(output == .compareFailed)
        finished += 1
      }
    }
    let begin = lab.seconds
    #expect(try increment(lab, client, times: 10).last == 11)
    try lab.run(milliseconds: max(0, 1_000 - Int((lab.seconds - begin) * 1_000)))
    #expect(finished == 0, "nothing finishes in a minority")
    lab.heal(Self.group)
    for client in [client, unlucky] { client.reach(only: Self.servers, of: Self.group) }
    // The lab asks the servers themselves and gives them a second; a client notices in its own time
    // that it reaches the others again, as in OnePartition.
    try lab.require("every Dec to return", within: 3) { finished == 100 }
    try expect(11, lab, client)
    try lab.checkHistory()
  }

  @Test("RestartReplay4A") func restartReplay() throws {
    let lab = try KeyValueLab.makeLab(servers: 3)
    let client = lab.makeClient()
    #expect(try increment(lab, client, times: 100).last == 100)
    lab.stop(Self.group)
    try lab.run(milliseconds: 1_000)
    lab.start(Self.group)
    #expect(try increment(lab, client, times: 1) == [101])
    try expect(101, lab, client)
  }

  /// What became of so many that are begun at once, each with ten seconds.
  private final class Submitted {
    var done = 0
    var unknown = 0
    var notDone = 0
    var all: Int { done + unknown + notDone }

    init(_ count: Int, _ lab: LabCluster, _ client: LabClient) {
      for _ in 0..<count {
        lab.cluster.submit(
          .write(key: Array(ReplicatedCounterScenarios.key.utf8), .append(value: [0x2B])),
          by: client.client, timeout: 10_000_000_000
        ) { [self] outcome in
          switch outcome {
          case .reply: done += 1
          case .failed(let error) where error.mayHaveBeenApplied: unknown += 1
          case .failed: notDone += 1
          }
        }
      }
    }
  }

  /// Whether all, a minority or nobody is up while they are under way.
  @Test("Shutdown4A", arguments: [0, 1, 2])
  func shutdown(_ downBefore: Int) throws {
    let lab = try KeyValueLab.makeLab(servers: 3, seed: UInt64(downBefore + 1))
    let client = lab.makeClient()
    #expect(try increment(lab, client, times: 1) == [1])
    let leader = try lab.leader(of: Self.group)
    let followers = lab.servers(of: Self.group).indices.filter { $0 != leader }
    for follower in followers.prefix(downBefore) { lab.stop(lab.servers(of: Self.group)[follower]) }
    let submitted = Submitted(100, lab, client)
    try lab.run(milliseconds: 2)
    lab.stop(Self.group)
    try lab.require("100 submits to return", within: 11) { submitted.all == 100 }
    lab.start(Self.group)
    // What was answered is there, what was certainly not done is not.
    let count = try lab.makeClient().get(Self.key).count - 1
    #expect(submitted.done...submitted.done + submitted.unknown ~= count)
  }

  @Test("RestartSubmit4A") func restartSubmit() throws {
    let lab = try KeyValueLab.makeLab(servers: 3)
    let client = lab.makeClient()
    #expect(try increment(lab, client, times: 100).last == 100)
    lab.stop(Self.group)
    lab.start(Self.group)
    #expect(try increment(lab, client, times: 1) == [101])
    let submitted = Submitted(100, lab, client)
    try lab.run(milliseconds: 2)
    lab.stop(Self.group)
    try lab.run(milliseconds: 1_000)
    lab.start(Self.group)
    try lab.require("100 submits to return", within: 11) { submitted.all == 100 }
    // They were tried again after the start, and each was done once.
    #expect(submitted.done == 100)
    let other = lab.makeClient()
    #expect(try increment(lab, other, times: 1) == [202])
    try expect(202, lab, other)
  }

  @Test("Snapshot4C") func snapshot() throws {
    let lab = try KeyValueLab.makeLab(servers: 3, maxLogBytes: 1_000)
    let client = lab.makeClient()
    #expect(try increment(lab, client, times: 100).last == 100)
    try lab.run(milliseconds: 200)
    #expect(lab.logBytes(of: Self.group) <= 2_000)
    #expect(lab.snapshotBytes(of: Self.group) > 0)
    lab.stop(Self.group)
    lab.start(Self.group)
    #expect(try increment(lab, client, times: 1) == [101])
    try expect(101, lab, client)
  }
}
