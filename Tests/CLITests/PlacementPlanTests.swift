import Basics
import ShardMap
import Testing

@testable import shardkv_cli

struct PlacementPlanTests {
  /// Shards with these owners in a configuration of groups 1 to 3.
  func configuration(_ number: UInt64, _ owners: [UInt32]) throws -> Configuration {
    let layout = try #require(ShardLayout(mapping: .slots, shardCount: owners.count))
    let record = GroupRecord(
      identity: GroupIdentity(rawValue: 1), membershipIndex: 0,
      replicas: [ReplicaAddress(id: ReplicaID(rawValue: 1), peer: "a:1")])
    var configuration = Configuration(layout: layout)
    configuration.number = ConfigNumber(number)
    configuration.shards = owners.map { ShardAssignment(owner: GroupID($0)) }
    configuration.groups = [GroupID(1): record, GroupID(2): record, GroupID(3): record]
    return configuration
  }

  @Test func movesThatGoTheSameWayAreOne() throws {
    let plan = PlacementPlan(
      from: try configuration(4, [1, 1, 1, 1, 1, 2]), to: try configuration(5, [2, 1, 2, 3, 1, 2]))
    #expect(
      plan.moves == [
        .init(
          shards: [0, 2], from: GroupID(1), to: GroupID(2), why: "group 1 has 5, its share is 2"),
        .init(shards: [3], from: GroupID(1), to: GroupID(3), why: "group 1 has 5, its share is 2"),
      ])
    #expect(plan.movedCount == 3)
    let lines = plan.lines()
    #expect(lines.first == "Configuration 5 would move 3 of 6 shards.")
    #expect(
      lines.last == "Shards: group 1 5 -> 2, group 2 1 -> 3, group 3 0 -> 1. Nothing was changed.")
  }

  @Test func everyMoveSaysWhy() throws {
    func why(_ change: (inout Configuration) -> Void, from: UInt32 = 1, to: UInt32 = 2) throws
      -> String?
    {
      var next = try configuration(2, [to, 3])
      change(&next)
      return PlacementPlan(from: try configuration(1, [from, 3]), to: next).moves.first?.why
    }
    #expect(try why { $0.cause = .move(ShardID(0), to: GroupID(2)) } == "asked for by hand")
    #expect(try why { $0.groups[GroupID(1)] = nil } == "group 1 leaves")
    #expect(
      try why { $0.setShare(GroupShare(isDrained: true), of: GroupID(1)) } == "group 1 is drained")
    #expect(
      try why { $0.setShare(GroupShare(weight: 0), of: GroupID(1)) } == "group 1 has weight 0")
    #expect(try why { $0.policy = .consistentHash } == "the ring gives it to group 2")
    #expect(try why({ _ in }, from: 0) == "nobody owns it")
    #expect(try why({ _ in }, to: 0) == "no group is left to own it")
  }

  @Test func nothingToMoveIsSaid() throws {
    let same = try configuration(1, [1, 2, 3])
    var next = same
    next.number = next.number.next
    #expect(
      PlacementPlan(from: same, to: next).lines() == ["Configuration 2 would move no shard."])
    #expect(PlacementPlan(unchanged: same.number).json.text.contains("\"wouldChange\":false"))
  }

  @Test func groupsJoinWithAddressesAndPerhapsAWeight() throws {
    let plain = try App.joinRequest("3=a:1,b:2")
    #expect(plain == JoinRequest(group: GroupID(3), seeds: ["a:1", "b:2"]))
    #expect(try App.joinRequest("3=a:1@7").weight == 7)
    for wrong in [
      "3", "3=", "0=a:1", "x=a:1", "3=a", "3=a:1@", "3=a:1@-1", "3=a:1@1001", "3=a:1@2@3",
    ] {
      #expect(throws: Failure.self, "\(wrong)") { try App.joinRequest(wrong) }
    }
  }

  @Test func timesAreUniversal() {
    #expect(UniversalTime(milliseconds: 0).text == "1970-01-01T00:00:00Z")
    #expect(UniversalTime(milliseconds: 1_795_248_733_372).text == "2026-11-21T08:12:13Z")
  }

  @Test func causesReadAsSentences() {
    #expect(ConfigurationCause.drain([GroupID(1)]).sentence == "drain of group 1")
    #expect(
      ConfigurationCause.leave([GroupID(1), GroupID(2)], forced: true).sentence
        == "forced leave of groups 1, 2")
  }
}
