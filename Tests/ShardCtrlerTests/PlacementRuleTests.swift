import Basics
import ShardCtrler
import ShardMap
import Testing

/// Weights, policies and drains: what they do, what is refused, and what is written down of them.
@Suite struct PlacementRuleTests {
  private func joined(_ groups: UInt32..., shardCount: Int = 12) throws -> Controller {
    var controller = try Controller(shardCount: shardCount)
    for group in groups { controller.join(group) }
    return controller
  }

  private func counts(_ controller: Controller) -> [Int] {
    controller.machine.current.groupIDs.map { group in
      controller.owners.count { $0 == group.rawValue }
    }
  }

  @Test func weightsCountUnderTheWeightedPolicyOnly() throws {
    var controller = try joined(1, 2, 3)
    #expect(controller.run(.weight(GroupID(1), 4)) == .done(ConfigNumber(4)))
    #expect(counts(controller) == [4, 4, 4])
    #expect(controller.run(.policy(.weighted)) == .done(ConfigNumber(5)))
    #expect(counts(controller) == [8, 2, 2])
    #expect(controller.machine.current.cause == .policy(.weighted))
    controller.run(.weight(GroupID(2), 0))
    #expect(counts(controller)[1] == 0)
    #expect(controller.machine.current.cause == .weight(GroupID(2), 0))
    controller.run(.policy(.balanced))
    #expect(counts(controller) == [6, 0, 6])
  }

  @Test func aDrainedGroupOwnsNothingAndKeepsItsWeight() throws {
    var controller = try joined(1, 2, 3)
    controller.run(.weight(GroupID(2), 5))
    #expect(controller.run(.drain([GroupID(2)])) == .done(ConfigNumber(5)))
    #expect(counts(controller) == [6, 0, 6])
    #expect(
      controller.machine.current.share(of: GroupID(2)) == GroupShare(weight: 5, isDrained: true))
    #expect(controller.run(.drain([GroupID(2)])) == .done(ConfigNumber(5)))
    let drained = controller
    let owners = controller.owners
    controller.leave(2)
    #expect(controller.owners == owners)
    controller = drained
    #expect(controller.run(.undrain([GroupID(2)])) == .done(ConfigNumber(6)))
    #expect(counts(controller) == [4, 4, 4])
    #expect(controller.machine.current.share(of: GroupID(2)).weight == 5)
  }

  @Test func aMoveSticksUntilShardsArePlacedAnew() throws {
    var controller = try joined(1, 2)
    let balanced = controller.owners
    let shard = try #require(balanced.firstIndex(of: 1))
    controller.move(shard, to: 2)
    controller.register(1, index: 7)
    #expect(controller.owners[shard] == 2)
    #expect(controller.run(.rebalance) == .done(ConfigNumber(4)))
    #expect(counts(controller) == [6, 6])
    #expect(controller.machine.current.cause == .rebalance)
    #expect(controller.run(.rebalance) == .done(ConfigNumber(4)))
  }

  @Test func aJoinMayBringAWeight() throws {
    var controller = try joined(1)
    controller.run(.policy(.weighted))
    controller.register(2)
    func join(_ weight: UInt32?) -> ControlCommand {
      .join([JoinRequest(group: GroupID(2), seeds: [], weight: weight)])
    }
    #expect(
      reason(controller.run(join(1_001)))
        == "weight 1001 is too much: from 0 to 1000 are possible, and only their proportions matter"
    )
    controller.run(join(3))
    #expect(counts(controller) == [3, 9])
    #expect(controller.machine.current.cause == .join([GroupID(2)]))
    #expect(controller.run(join(3)) == .done(ConfigNumber(3)))
    #expect(controller.run(join(nil)) == .done(ConfigNumber(3)))
    #expect(
      reason(controller.run(join(2)))
        == "group 2 is a member with weight 3: change it with 'weight 2 2'")
  }

  @Test func theLastGroupThatCanOwnShardsIsKept() throws {
    var controller = try joined(1, 2)
    controller.run(.drain([GroupID(1)]))
    let words =
      "no group would be left to own the 12 shards: all members would be drained or have weight 0;"
      + " join or undrain another group first, or give one a weight"
    #expect(reason(controller.run(.drain([GroupID(2)]))) == words)
    #expect(reason(controller.run(.weight(GroupID(2), 0))) == words)
    #expect(reason(controller.leave(2)) == words)
    #expect(controller.machine.current.number == ConfigNumber(3))
    controller.leave(2, force: true)
    #expect(controller.owners.allSatisfy { $0 == 0 })
    #expect(controller.machine.current.cause == .leave([GroupID(2)], forced: true))
    controller.run(.undrain([GroupID(1)]))
    #expect(counts(controller) == [12])
  }

  @Test func refusalsSayWhyAndWhatToDo() throws {
    var controller = try joined(1, 2)
    #expect(
      reason(controller.run(.weight(GroupID(9), 1)))
        == "group 9 is not a member: the members are 1, 2")
    #expect(reason(controller.run(.drain([GroupID(9)]))).hasPrefix("group 9 is not a member"))
    #expect(reason(controller.run(.drain([]))) == "drain names no group: name at least one")
    #expect(reason(controller.run(.undrain([]))) == "undrain names no group: name at least one")
    #expect(reason(controller.run(.weight(GroupID(1), .max))).contains("too much"))
    controller.run(.drain([GroupID(2)]))
    #expect(
      reason(controller.move(0, to: 2))
        == "group 2 is drained: undrain it before shards move to it")
    controller.run(.weight(GroupID(2), 0))
    controller.run(.undrain([GroupID(2)]))
    #expect(
      reason(controller.move(0, to: 2))
        == "group 2 has weight 0 and owns nothing: give it a weight before shards move to it")
    #expect(controller.run(.policy(.balanced)) == .done(controller.machine.current.number))
  }

  @Test func aRingHasRoomForSoMuchWeight() throws {
    var controller = try joined(1, 2, 3, 4, 5, 6, 7)
    for group in 1...7 as ClosedRange<UInt32> { controller.run(.weight(GroupID(group), 1_000)) }
    #expect(
      reason(controller.run(.policy(.consistentHash)))
        == "the weights come to 7000 in all, and a ring has room for 1600: give smaller weights in"
        + " the same proportion")
  }

  @Test func configurationsSayWhenTheyWereMade() throws {
    var controller = try joined(1, 2)
    controller.move(0, to: controller.owners[0] == 1 ? 2 : 1)
    let newest = controller.machine.current
    #expect(newest.madeAt == controller.stamp)
    #expect(controller.machine.configuration(newest.number) == newest)
    let first = controller.machine.configuration(.zero)
    #expect(first.madeAt == 0 && first.cause == .created)
    let second = controller.machine.configuration(ConfigNumber(1))
    #expect(second.madeAt > 0 && second.madeAt < newest.madeAt)
    #expect(second.cause == .join([GroupID(1)]))
  }
}
