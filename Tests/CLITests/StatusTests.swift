import Basics
import Clerk
import Raft
import ShardMap
import Testing
import Wire

@testable import shardkv_cli

struct StatusTests {
  let layout = ShardLayout(mapping: .slots, shardCount: 4)

  func replicas(_ group: UInt32) -> [ReplicaAddress] {
    (1...3).map {
      ReplicaAddress(id: ReplicaID(rawValue: UInt64(group * 10 + $0)), peer: "h:71\(group)\($0)")
    }
  }

  /// Two groups of three; group 1 owns shards 0 and 1.
  func configuration() throws -> Configuration {
    var configuration = Configuration(layout: try #require(layout))
    configuration.number = ConfigNumber(2)
    for number in [UInt32(1), 2] {
      configuration.groups[GroupID(number)] = GroupRecord(
        identity: GroupIdentity(rawValue: UInt64(number)), membershipIndex: 1,
        replicas: replicas(number))
    }
    for shard in 0..<4 { configuration.shards[shard].owner = GroupID(shard < 2 ? 1 : 2) }
    return configuration
  }

  /// Every node answers; the first of each group leads.
  func statuses() -> [String: NodeStatus] {
    var all: [String: NodeStatus] = [:]
    for group in [UInt32(0), 1, 2] {
      let replicas = replicas(group)
      for (index, replica) in replicas.enumerated() {
        all[replica.peer] = NodeStatus(
          cluster: ClusterID(rawValue: 1), group: GroupID(group), replica: replica.id,
          role: index == 0 ? .leader : .follower, term: Term(3), leader: replicas[0].id,
          firstIndex: LogIndex(1), lastIndex: LogIndex(9), commitIndex: LogIndex(9),
          appliedIndex: LogIndex(9), snapshotIndex: .zero, journalBytes: 100, snapshotBytes: 0,
          configuration: ConfigNumber(2), replicas: replicas, voters: replicas.map(\.id),
          shards: group == 0
            ? []
            : [0, 1].map {
              NodeStatus.ShardReport(
                shard: ShardID($0 + (group == 1 ? 0 : 2)), status: .serving, isOwned: true, keys: 1,
                bytes: 10)
            }, counters: [])
      }
    }
    return all
  }

  func view(_ statuses: [String: NodeStatus]) throws -> ClusterView {
    ClusterView(
      try configuration(), nil, controllers: replicas(0).map(\.peer), statuses)
  }

  @Test func aWholeClusterInOneSentence() throws {
    let view = try view(statuses())
    #expect(view.sentences().map(\.text) == ["Every group survives 1 failure."])
    #expect(view.isHealthy)
    #expect(view.moves.isEmpty)
    #expect(view.unsettled(empty: []) == nil)
  }

  @Test func aSilentReplicaIsNamed() throws {
    var statuses = statuses()
    statuses["h:7112"] = nil
    let texts = try view(statuses).sentences().map(\.text)
    #expect(
      texts == [
        "The controllers survive 1 failure.",
        "Group 1 survives no failure (h:7112 does not answer).", "Group 2 survives 1 failure.",
      ])
  }

  @Test func aLostMajorityNamesItsShards() throws {
    var statuses = statuses()
    statuses["h:7121"] = nil
    statuses["h:7123"] = nil
    let view = try view(statuses)
    let text = view.sentences().map(\.text).joined(separator: "\n")
    #expect(text.contains("Group 2 has lost the majority (h:7121, h:7123 does not answer)"))
    #expect(text.contains("shards 2-3 are unavailable"))
    #expect(!view.isHealthy)
  }

  @Test func fullDisksAreNamed() throws {
    var statuses = statuses()
    statuses["h:7101"]?.disk = NodeStatus.Disk(free: 9 << 30, total: 10 << 30, room: .enough)
    statuses["h:7112"]?.disk = NodeStatus.Disk(free: 3 << 20, total: 1 << 30, room: .low)
    statuses["h:7121"]?.disk = NodeStatus.Disk(free: 0, total: 1 << 30, room: .out)
    let view = try view(statuses)
    #expect(
      view.sentences().map(\.text) == [
        "Every group survives 1 failure.",
        "The disk of h:7112 (group 1) is nearly full, 3.0 MiB free: while it leads reads and deletes "
          + "are served. Free some.",
        "The disk of h:7121 (group 2) is nearly full, 0 B free: while it leads only reads are "
          + "served. Free some.",
      ])
    #expect(view.json.text.contains(#""diskFree":3145728,"diskTotal":1073741824,"diskRoom":"low""#))
  }

  @Test func whoDiffersIsNamed() throws {
    var statuses = statuses()
    func agreement(_ differed: UInt64, isSplit: Bool = false) -> NodeStatus.Agreement {
      NodeStatus.Agreement(
        index: LogIndex(40), agreeing: 2, differed: differed, isSplit: isSplit)
    }
    statuses["h:7101"]?.agreement = agreement(0)
    statuses["h:7112"]?.agreement = agreement(1)
    #expect(
      try view(statuses).sentences().map(\.text) == [
        "Every group survives 1 failure.",
        "h:7112 (group 1) was found to differ from its group and got its state anew: if that happens "
          + "again, look at the machine's memory.",
      ])
    #expect(try view(statuses).isHealthy)
    statuses["h:7121"]?.agreement = agreement(0, isSplit: true)
    let view = try view(statuses)
    #expect(
      view.sentences().last?.text
        == "h:7121 (group 2) and others differ in their state at index 40, and nobody can tell "
        + "which is right: see its log.")
    #expect(!view.isHealthy)
    #expect(
      view.json.text.contains(
        #""comparedIndex":40,"agreeing":2,"differed":1,"split":false"#))
  }

  @Test func whoCountsForNothingIsNamed() throws {
    var statuses = statuses()
    statuses["h:7112"]?.doubt = .tornTail
    let doubt =
      "h:7112 (group 1) may lack what it had acknowledged, since its last write was torn: it "
      + "neither votes nor counts until its leader has given it that."
    let view = try view(statuses)
    #expect(
      view.sentences().map(\.text) == [
        "The controllers survive 1 failure.", "Group 1 survives no failure.",
        "Group 2 survives 1 failure.", doubt,
      ])
    #expect(view.json.text.contains(#""doubt":"torn""#) && !view.isHealthy)
    // A learner counts for nothing anyway.
    let voters = self.statuses()["h:7112"]?.voters.filter { $0 != ReplicaID(rawValue: 12) } ?? []
    for index in 1...3 { statuses["h:711\(index)"]?.voters = voters }
    #expect(try self.view(statuses).isHealthy)
  }

  /// With two of three in doubt only an election that everyone grants counts, and that only while
  /// two of them know what they acknowledged.
  @Test func aGroupThatCanElectNobodySaysWhy() throws {
    var statuses = statuses()
    for index in 1...3 { statuses["h:711\(index)"]?.role = .follower }
    for index in 1...2 { statuses["h:711\(index)"]?.doubt = .tornTail }
    func sentence(_ statuses: [String: NodeStatus]) throws -> String {
      try #require(view(statuses).sentences().map(\.text).first { $0.hasPrefix("Group 1") })
    }
    #expect(
      try sentence(statuses) == "Group 1: no leader right now, an election should end this soon.")
    statuses["h:7113"] = nil
    #expect(
      try sentence(statuses)
        == "Group 1: nobody can be elected without h:7111, h:7112, and only if every replica "
        + "answers: shards 0-1 are unavailable. Start h:7113 again.")
    statuses["h:7113"] = self.statuses()["h:7113"]
    for index in 1...2 { statuses["h:711\(index)"]?.doubt = .damage }
    #expect(
      try sentence(statuses)
        == "Group 1: nobody can be elected without h:7111, h:7112, and those that answer may not "
        + "have all that was acknowledged: shards 0-1 are unavailable. Bring back the folder of one "
        + "of them as it was before it was damaged.")
    #expect(try !view(statuses).isHealthy)
  }

  @Test func aFullDiskHasAnExitCodeAndSaysWhatToDo() {
    let failure = App.failure(
      ClerkError(
        code: .noRoom, message: "too full", endpoint: "h:7111", attempts: 1,
        mayHaveBeenApplied: false), .usage)
    #expect(failure.code.rawValue == 73)
    #expect(
      failure.message
        == "too full (attempts: 1, last asked: h:7111)\nNothing was applied. Delete keys, free disk "
        + "space on these servers or move shards to another group, then ask again; "
        + "'shardkv-cli status' shows the disks.")
  }

  @Test func movesAreSeenFromBothSidesAndBeforeTheyBegin() throws {
    var statuses = statuses()
    statuses["h:7111"]?.shards[1].status = .bePulling
    statuses["h:7121"]?.shards[0].status = .pulling
    var configuration = try configuration()
    configuration.shards[1] = ShardAssignment(
      owner: GroupID(2), since: ConfigNumber(2), source: GroupID(1), left: ConfigNumber(2))
    configuration.shards[2] = ShardAssignment(
      owner: GroupID(2), since: ConfigNumber(2), source: GroupID(1), left: ConfigNumber(2))
    configuration.shards[3] = ShardAssignment(
      owner: GroupID(1), since: ConfigNumber(3), source: GroupID(2), left: ConfigNumber(3))
    let view = ClusterView(
      configuration, nil, controllers: replicas(0).map(\.peer), statuses)
    #expect(
      view.moves.map { "\($0.shard) \($0.from)-\($0.to) \($0.state)" } == [
        "1 1-2 BePulling", "2 1-2 Pulling", "3 2-1 Waiting",
      ])
    #expect(view.unsettled(empty: []) != nil)
  }
}
