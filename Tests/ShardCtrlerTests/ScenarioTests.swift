import Basics
import Sessions
import ShardCtrler
import ShardMap
import Testing

/// The classic lab's shard controller scenarios, against the machine alone.
@Suite struct ScenarioTests {
  @Test func theFirstConfigurationIsEmpty() throws {
    let controller = try Controller()
    let first = controller.machine.configuration(nil)
    #expect(first.number == .zero)
    #expect(first.groups.isEmpty && first.departed.isEmpty)
    #expect(first.shards == Array(repeating: ShardAssignment(), count: 10))
  }

  @Test func groupsJoinAndLeaveWithTheirServersIntact() throws {
    var controller = try Controller()
    #expect(controller.join(1) == .done(ConfigNumber(1)))
    controller.check(1)
    #expect(controller.join(2) == .done(ConfigNumber(2)))
    controller.check(1, 2)
    #expect(controller.machine.current.groups[GroupID(1)] == Controller.record(1))
    #expect(controller.machine.current.groups[GroupID(2)] == Controller.record(2))
    #expect(controller.leave(1) == .done(ConfigNumber(3)))
    controller.check(2)
    #expect(controller.leave(2, force: true) == .done(ConfigNumber(4)))
    controller.check()
    #expect(controller.owners.allSatisfy { $0 == 0 })
  }

  @Test func oldConfigurationsAreAnsweredUnchanged() throws {
    var controller = try Controller()
    var recorded = [controller.machine.current]
    for step in 0..<20 {
      switch step % 4 {
      case 0: controller.join(UInt32(step + 1))
      case 1: controller.join(UInt32(step + 1), 100)
      case 2: controller.move(step % 10, to: UInt32(step - 1))
      default: controller.leave(100)
      }
      recorded.append(controller.machine.current)
    }
    #expect(recorded.map(\.number.rawValue) == Array(0...20))
    for old in recorded { #expect(controller.machine.configuration(old.number) == old) }
    #expect(controller.machine.configuration(ConfigNumber(21)) == recorded.last)
    #expect(controller.machine.configuration(ConfigNumber(.max)) == recorded.last)
    #expect(controller.machine.configuration(nil) == recorded.last)
  }

  @Test func aMoveSticksAndCountsUpWhenTheOwnerChanges() throws {
    var controller = try Controller()
    controller.join(503, 504)
    for shard in 0..<10 {
      let before = controller.machine.current
      let group: UInt32 = shard < 5 ? 503 : 504
      let changes = before.shards[shard].owner != GroupID(group)
      controller.move(shard, to: group)
      let after = controller.machine.current
      #expect(after.number.rawValue == before.number.rawValue + (changes ? 1 : 0))
      #expect(after.shards[shard].owner == GroupID(group))
    }
    #expect(controller.owners == Array(repeating: 503, count: 5) + Array(repeating: 504, count: 5))
  }

  /// Ten clients at once: what each proposes was planned before the others' was applied, so all but
  /// one are stale and plan again.
  @Test func concurrentChangesAllHappenOnce() throws {
    var controller = try Controller()
    let groups = (1...10).map { UInt32($0 * 10) }
    for group in groups { controller.register(group, group + 1_000) }
    var sessions: [UInt32: SessionID] = [:]
    for group in groups {
      sessions[group] = controller.machine.issueSession(nonce: UInt64(group))
    }
    for step in 1...3 {
      var waiting = groups
      var rounds = 0
      while !waiting.isEmpty {
        rounds += 1
        let planned = try waiting.map { group in
          let session = try #require(sessions[group])
          let id = WriteID(
            session: session, sequence: UInt64(step), firstUnanswered: UInt64(step))
          let command: ControlCommand =
            switch step {
            case 1: .join([JoinRequest(group: GroupID(group + 1_000), seeds: [])])
            case 2: .join([JoinRequest(group: GroupID(group), seeds: [])])
            default: .leave([GroupID(group + 1_000)], force: false)
            }
          return controller.machine.plan(id, command)
        }
        var stale: [UInt32] = []
        for (group, plan) in zip(waiting, planned) {
          guard case .propose(let command) = plan else {
            Issue.record("\(plan)")
            return
          }
          if controller.apply(command) == .stale { stale.append(group) }
        }
        #expect(stale.count == waiting.count - 1)
        waiting = stale
      }
      #expect(rounds == 10)
    }
    #expect(controller.machine.current.number == ConfigNumber(30))
    controller.check(groups: groups)
  }

  @Test func joinsAndLeavesTransferAsLittleAsTheyCan() throws {
    var controller = try Controller(shardCount: 23)
    controller.join(10, 20, 30)
    for group in [40, 50, 60, 70, 80] as [UInt32] {
      let before = controller.owners
      controller.join(group)
      for (old, new) in zip(before, controller.owners) where old != new { #expect(new == group) }
    }
    controller.check(10, 20, 30, 40, 50, 60, 70, 80)
    for group in [40, 50, 60, 70, 80] as [UInt32] {
      let before = controller.owners
      controller.leave(group)
      for (old, new) in zip(before, controller.owners) where old != new { #expect(old == group) }
    }
    controller.check(10, 20, 30)
  }

  @Test func severalGroupsJoinAndLeaveAtOnce() throws {
    var controller = try Controller()
    #expect(controller.join(1, 2) == .done(ConfigNumber(1)))
    controller.check(1, 2)
    #expect(controller.join(3) == .done(ConfigNumber(2)))
    controller.check(1, 2, 3)
    #expect(controller.leave(1, 3) == .done(ConfigNumber(3)))
    controller.check(2)
    for group in stride(from: UInt32(100), to: 200, by: 10) {
      controller.join(group, group + 1, group + 2)
      controller.leave(group + 1, group + 2)
    }
    controller.leave(2)
    controller.check(groups: Array(stride(from: UInt32(100), to: 200, by: 10)))

    let before = controller.owners
    controller.join(300, 301, 302, 303, 304)
    for (old, new) in zip(before, controller.owners) where old != new { #expect(new >= 300) }
    let joined = controller.owners
    controller.leave(300, 301, 302, 303, 304)
    for (old, new) in zip(joined, controller.owners) where old != new { #expect(old >= 300) }
  }

  @Test func moreGroupsThanShards() throws {
    var controller = try Controller(shardCount: 3)
    controller.join(1, 2, 3, 4, 5)
    controller.check(1, 2, 3, 4, 5)
    #expect(Set(controller.owners).count == 3)
    controller.leave(1)
    controller.check(2, 3, 4, 5)
    controller.join(6)
    controller.check(2, 3, 4, 5, 6)
  }

  @Test func aRepeatedCommandIsAnsweredAndNotDoneAgain() throws {
    var controller = try Controller()
    controller.register(1, 2)
    let id = controller.nextID()
    let join = ControlCommand.join([JoinRequest(group: GroupID(1), seeds: [])])
    guard case .propose(let proposal) = controller.machine.plan(id, join) else {
      Issue.record("no proposal")
      return
    }
    #expect(controller.apply(proposal) == .done(ConfigNumber(1)))
    #expect(controller.apply(proposal) == .done(ConfigNumber(1)))
    controller.join(2)
    // Asked again before being proposed, and proposed twice by two leaders.
    #expect(controller.machine.plan(id, join) == .expired)
    #expect(controller.apply(proposal) == .expired)
    #expect(controller.machine.current.number == ConfigNumber(2))
  }

  @Test func aRepeatOfWhatChangedNothingChangesNothingLater() throws {
    var controller = try Controller()
    controller.join(1, 2)
    let owner = controller.owners[0]
    let other: UInt32 = owner == 1 ? 2 : 1
    let first = controller.nextID()
    let id = WriteID(session: first.session, sequence: first.sequence, firstUnanswered: 2)
    guard
      case .propose(let proposal) = controller.machine.plan(
        id, .move(ShardID(0), to: GroupID(owner)))
    else {
      Issue.record("no proposal")
      return
    }
    #expect(controller.apply(proposal) == .done(ConfigNumber(1)))
    // Another client, whose number says nothing of the first one's.
    let session = controller.machine.issueSession(nonce: 99)
    let otherID = WriteID(session: session, sequence: 1, firstUnanswered: 1)
    guard
      case .propose(let away) = controller.machine.plan(
        otherID, .move(ShardID(0), to: GroupID(other)))
    else {
      Issue.record("no proposal")
      return
    }
    #expect(controller.apply(away) == .done(ConfigNumber(2)))
    #expect(
      controller.machine.plan(id, .move(ShardID(0), to: GroupID(owner)))
        == .answered(ConfigNumber(1)))
    #expect(controller.apply(proposal) == .done(ConfigNumber(1)))
    #expect(controller.owners[0] == other)
  }

  @Test func whatWasFoundToChangeNothingIsPlannedAgainAfterAChange() throws {
    var controller = try Controller()
    controller.join(1, 2)
    let id = controller.nextID()
    guard
      case .propose(let proposal) = controller.machine.plan(
        id, .move(ShardID(0), to: GroupID(controller.owners[0])))
    else {
      Issue.record("no proposal")
      return
    }
    let session = controller.machine.issueSession(nonce: 5)
    let otherID = WriteID(session: session, sequence: 1, firstUnanswered: 1)
    let other: UInt32 = controller.owners[0] == 1 ? 2 : 1
    guard
      case .propose(let away) = controller.machine.plan(
        otherID, .move(ShardID(0), to: GroupID(other)))
    else {
      Issue.record("no proposal")
      return
    }
    controller.apply(away)
    #expect(controller.apply(proposal) == .stale)
  }
}
