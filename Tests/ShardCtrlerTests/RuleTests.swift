import Basics
import Sessions
import ShardCtrler
import ShardMap
import Testing

/// What is refused and with which words, who may register, and where data is said to be.
@Suite struct RuleTests {
  @Test func refusalsSayWhyAndWhatToDo() throws {
    var controller = try Controller()
    #expect(
      reason(controller.run(.join([JoinRequest(group: GroupID(7), seeds: ["a:1"])])))
        == "group 7 has not registered: start its replicas with this controller's addresses,"
        + " wait until one leads, then join again")
    controller.register(7)
    #expect(
      reason(controller.run(.join([JoinRequest(group: GroupID(7), seeds: ["7-0:1", "a:1"])])))
        == "a:1 is not an address of group 7, which registered 7-0:1, 7-1:1, 7-2:1:"
        + " join with these")
    #expect(
      reason(controller.run(.join([JoinRequest(group: .none, seeds: [])])))
        == "group 0 cannot join: it means no group; number groups from 1")
    #expect(reason(controller.run(.join([]))) == "join names no group: name at least one")
    #expect(reason(controller.leave()) == "leave names no group: name at least one")
    #expect(reason(controller.leave(7)) == "group 7 is not a member: there are none")
    #expect(
      reason(controller.move(0, to: 7))
        == "group 7 is not a member: let it join before shards move to it")
    controller.join(7)
    #expect(reason(controller.leave(8)) == "group 8 is not a member: the members are 7")
    #expect(reason(controller.leave(7, 8, force: true)).hasPrefix("group 8 is not a member"))
    #expect(
      reason(controller.leave(7))
        == "no group would be left to own the 10 shards: join another group first, or force it:"
        + " the data then stays where it is, unserved, until a group joins")
    #expect(
      reason(controller.move(10, to: 7)) == "there is no shard 10: shards are 0 to 9")
    #expect(reason(controller.move(0, to: 0)).hasPrefix("group 0 is not a member"))
    #expect(controller.machine.current.number == ConfigNumber(1))
  }

  @Test func joiningAMemberAgainChangesNothing() throws {
    var controller = try Controller()
    controller.join(1)
    #expect(controller.join(1) == .done(ConfigNumber(1)))
    #expect(controller.join(1, 2) == .done(ConfigNumber(2)))
    #expect(
      controller.run(
        .join([
          JoinRequest(group: GroupID(1), seeds: ["unknown:1"]),
          JoinRequest(group: GroupID(1), seeds: []),
        ])) == .done(ConfigNumber(2)))
  }

  @Test func aCommandForAnOldConfigurationChangesNothing() throws {
    var controller = try Controller()
    controller.join(1, 2)
    controller.register(3)
    let join = ControlCommand.join([JoinRequest(group: GroupID(3), seeds: [])])
    let first = controller.nextID()
    let second = controller.nextID()
    guard
      case .propose(let early) = controller.machine.plan(first, join, expected: ConfigNumber(1)),
      case .propose(let late) = controller.machine.plan(
        second, .drain([GroupID(2)]), expected: ConfigNumber(1))
    else {
      Issue.record("what was expected is the newest")
      return
    }
    #expect(controller.apply(early) == .done(ConfigNumber(2)))
    // A repeat of what was done is answered all the same.
    let again = controller.machine.plan(first, join, expected: ConfigNumber(1))
    #expect(again == .answered(ConfigNumber(2)))
    // Proposed at the same time, and planned again now: refused for good.
    #expect(controller.apply(late) == .stale)
    let plan = controller.machine.plan(second, .drain([GroupID(2)]), expected: ConfigNumber(1))
    #expect(
      plan
        == .refused(
          "configuration 2 is the newest, not 1: it was changed meanwhile."
            + " Look at it, and ask again if that is still wanted"))
    #expect(controller.machine.current.number == ConfigNumber(2))
  }

  @Test func aCommandOfAForgottenSessionIsRefused() throws {
    var controller = try Controller()
    controller.register(1)
    let id = WriteID(
      session: SessionID(issued: 0, nonce: 3), sequence: 1, firstUnanswered: 1)
    let join = ControlCommand.join([JoinRequest(group: GroupID(1), seeds: [])])
    #expect(controller.machine.plan(id, join) == .expired)
    #expect(
      controller.apply(.change(id, controller.machine.current)) == .expired)
  }

  @Test func registeringTellsAddressesWithoutANewNumber() throws {
    var controller = try Controller()
    controller.join(1, 2)
    #expect(controller.register(1) == .unchanged)
    controller.register(1, index: 5)
    #expect(controller.machine.current.number == ConfigNumber(1))
    #expect(controller.machine.current.groups[GroupID(1)] == Controller.record(1, index: 5))
    // A message of an older membership, late.
    #expect(controller.register(1, index: 4) == .unchanged)
    #expect(
      controller.apply(.register(GroupID(1), Controller.record(1, index: 4)))
        == .done(ConfigNumber(1)))
    #expect(controller.machine.current.groups[GroupID(1)] == Controller.record(1, index: 5))
    controller.join(3)
    controller.register(2, index: 9)
    #expect(
      controller.machine.configuration(ConfigNumber(1)).groups[GroupID(2)]
        == Controller.record(2, index: 9))
  }

  @Test func aMemberCannotBeReplacedByAnotherGroupOfItsNumber() throws {
    var controller = try Controller()
    controller.join(1, 2)
    let impostor = Controller.record(1, identity: 999, index: 50)
    let words =
      "group 1 is another group: 000000000000000b is a member, and 00000000000003e7 asks to be"
      + " it. Give the new group a number that is not in use"
    #expect(controller.machine.planRegistration(GroupID(1), impostor) == .refused(words))
    #expect(controller.apply(.register(GroupID(1), impostor)) == .refused(words))
    controller.leave(1)
    #expect(
      controller.machine.planRegistration(GroupID(1), impostor)
        == .refused(
          words.replacing("is a member", with: "still has data of shards it left")))
    // Once every shard has moved on, the number is free again.
    controller.join(3)
    controller.leave(2)
    controller.join(2)
    controller.leave(3)
    controller.join(3)
    for shard in 0..<10 {
      controller.move(shard, to: 2)
      controller.move(shard, to: 3)
    }
    #expect(controller.machine.current.departed.isEmpty)
    let number = controller.machine.current.number
    controller.register(1, identity: 999, index: 1)
    #expect(controller.machine.registered(GroupID(1))?.identity.rawValue == 999)
    controller.run(.join([JoinRequest(group: GroupID(1), seeds: [])]))
    #expect(controller.machine.current.groups[GroupID(1)]?.identity.rawValue == 999)
    // The old configurations still name the old group.
    let old = controller.machine.configuration(ConfigNumber(1))
    #expect(old.groups[GroupID(1)] == Controller.record(1))
    #expect(controller.machine.configuration(number).groups[GroupID(1)] == nil)
  }

  @Test func aGroupThatNeverJoinedMayBeReplaced() throws {
    var controller = try Controller()
    controller.register(1)
    controller.register(1, identity: 5, index: 0)
    #expect(controller.machine.registered(GroupID(1))?.identity.rawValue == 5)
    #expect(controller.machine.registeredCount == 1)
  }

  @Test func impossibleRegistrationsAreRefused() throws {
    let controller = try Controller()
    func words(_ group: UInt32, _ change: (inout GroupRecord) -> Void) -> String {
      var record = Controller.record(group)
      change(&record)
      guard case .refused(let words) = controller.machine.planRegistration(GroupID(group), record)
      else { return "" }
      return words
    }
    #expect(words(0) { _ in } == "group 0 is the controller itself: number groups from 1")
    #expect(
      words(1) { $0.replicas = [] } == "group 1 registers 0 replicas: from 1 to 15 are possible")
    #expect(words(1) { $0.replicas[1] = $0.replicas[0] }.contains("two replicas with one id"))
    #expect(
      words(1) { $0.replicas[2].http = String(repeating: "a", count: 262) }
        .contains("more than 261 bytes"))
    #expect(words(1) { _ in } == "")
  }

  @Test func theNumberOfKnownGroupsIsBounded() throws {
    var machine = try Controller().machine
    for group in 1...UInt32(Limits.groupsMax) {
      let command = ControllerMachine.Command.register(GroupID(group), Controller.record(group))
      _ = machine.apply(stamp: 2_000, payload: ControllerMachine.encode(command))
    }
    #expect(machine.registeredCount == Limits.groupsMax)
    #expect(
      machine.planRegistration(GroupID(5_000), Controller.record(5_000))
        == .refused("1024 groups are known already, the most that are possible"))
    #expect(machine.planRegistration(GroupID(7), Controller.record(7)) == .unchanged)
  }

  @Test func eachShardNamesTheGroupThatHadItBefore() throws {
    var controller = try Controller(shardCount: 2)
    controller.join(1)
    let first = ShardAssignment(owner: GroupID(1), since: ConfigNumber(1))
    #expect(controller.machine.current.shards == [first, first])
    controller.join(2)
    let second = ShardAssignment(
      owner: GroupID(2), since: ConfigNumber(2), source: GroupID(1), left: ConfigNumber(2))
    #expect(controller.machine.current.shards == [second, first])
    controller.move(0, to: 1)
    #expect(
      controller.machine.current.shards[0]
        == ShardAssignment(
          owner: GroupID(1), since: ConfigNumber(3), source: GroupID(2), left: ConfigNumber(3)))
    controller.leave(2)
    #expect(controller.machine.current.departed == [GroupID(2): Controller.record(2)])
  }

  @Test func aForcedLeaveLeavesTheDataWhereItIsUntilSomebodyTakesIt() throws {
    var controller = try Controller(shardCount: 2)
    controller.join(1)
    controller.leave(1, force: true)
    let orphan = ShardAssignment(
      owner: .none, since: ConfigNumber(2), source: GroupID(1), left: ConfigNumber(2))
    #expect(controller.machine.current.shards == [orphan, orphan])
    #expect(controller.machine.current.groups.isEmpty)
    #expect(controller.machine.current.departed == [GroupID(1): Controller.record(1)])
    // Its addresses may still change.
    controller.register(1, index: 8)
    #expect(
      controller.machine.current.departed == [GroupID(1): Controller.record(1, index: 8)])
    controller.join(2)
    let taken = ShardAssignment(
      owner: GroupID(2), since: ConfigNumber(3), source: GroupID(1), left: ConfigNumber(2))
    #expect(controller.machine.current.shards == [taken, taken])
    controller.leave(2, force: true)
    controller.run(.join([JoinRequest(group: GroupID(1), seeds: [])]))
    #expect(
      controller.machine.current.shards[0]
        == ShardAssignment(
          owner: GroupID(1), since: ConfigNumber(5), source: GroupID(2), left: ConfigNumber(4)))
    #expect(controller.machine.current.departed == [GroupID(2): Controller.record(2)])
  }

  @Test func configurationsThatDoNotFollowAreStale() throws {
    var controller = try Controller()
    controller.join(1, 2)
    let current = controller.machine.current
    func change(_ change: (inout Configuration) -> Void) -> ControllerMachine.Command {
      var next = current
      next.number = current.number.next
      change(&next)
      return .change(controller.nextID(), next)
    }
    let wrong: [(inout Configuration) -> Void] = [
      { $0.number = current.number },
      { $0.number = current.number.next.next },
      { $0.groups[GroupID(3)] = Controller.record(3) },
      { $0.groups[GroupID(1)]?.identity = GroupIdentity(rawValue: 4) },
      { $0.groups[GroupID(1)] = nil },
      { $0.departed[GroupID(1)] = Controller.record(1) },
      { $0.departed[GroupID(9)] = Controller.record(9) },
      { $0.shards[0].owner = GroupID(3) },
      { $0.shards[0].source = GroupID(3) },
      { $0.shards[0].since = ConfigNumber(9) },
      { $0.shards[0].left = ConfigNumber(9) },
    ]
    for wrong in wrong { #expect(controller.apply(change(wrong)) == .stale) }
    #expect(controller.machine.current == current)
    #expect(controller.apply(change { _ in }) == .done(ConfigNumber(2)))
  }

  @Test func bytesThatAreNoCommandChangeNothing() throws {
    var controller = try Controller()
    controller.join(1)
    let before = controller.machine.current
    for payload in [[], [2], [1, 0], [2, 9], [2, 0, 255]] as [[UInt8]] {
      var machine = controller.machine
      #expect(!reason(machine.apply(stamp: 9_000, payload: payload)).isEmpty)
      #expect(machine.current == before)
      #expect(machine.clock == 9_000)
    }
    #expect(controller.machine.clock == controller.stamp)
  }
}
