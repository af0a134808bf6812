import ShardMap
import Simulation
import Testing

/// The scenarios of the 2025 sharded lab in which groups or administrators are gone in the middle
/// of a change (5B), and in which several administrators are at work (5C).
struct AdministratorScenarios {
  @Test("JoinLeave5B") func joinLeave() throws {
    let stage = try ShardedLab.with2025(groups: 2)
    try expectUnfinished(stage, without: 0) { try stage.join(1) }
    try expectUnfinished(stage, without: 1) { try stage.leave(0) }
  }

  /// A change that a group is needed for that is down: made at once, carried out within two seconds
  /// of the group's return.
  private func expectUnfinished(
    _ stage: ShardedLab, without group: Int, _ change: () throws -> Void
  ) throws {
    let before = try stage.lab.query()
    stage.stop(group)
    try change()
    let after = try stage.lab.query()
    #expect(after.number == before.number.next)
    try stage.lab.run(milliseconds: 2_000)
    #expect(!stage.isSettled(after.number, members: after.groupIDs))
    stage.start(group)
    try stage.settle(within: 2)
    #expect(try stage.lab.query() == after)
    try stage.check()
  }

  @Test("RecoverCtrler5B") func recoverController() throws {
    let stage = try ShardedLab.with2025(groups: 3)
    for _ in 0..<5 { try partitionController(stage, isSuperseded: false) }
  }

  @Test(
    "PartitionRecoveryReliableNoClerk5C, PartitionRecoveryUnreliableNoClerk5C",
    arguments: [false, true])
  func partitionRecovery(isUnreliable: Bool) throws {
    let stage = try ShardedLab.with2025(groups: 3, isUnreliable: isUnreliable)
    for _ in 0..<(isUnreliable ? 3 : 5) { try partitionController(stage, isSuperseded: true) }
  }

  @Test(
    "PartitionRecoveryReliableClerks5C, PartitionRecoveryUnreliableClerks5C",
    arguments: [false, true])
  func partitionRecoveryWithClerks(isUnreliable: Bool) throws {
    let stage = try ShardedLab.with2025(groups: 3, isUnreliable: isUnreliable, maxLogBytes: 8_000)
    let clerks = stage.startClerks(5)
    for _ in 0..<(isUnreliable ? 3 : 5) { try partitionController(stage, isSuperseded: true) }
    try stage.finish(clerks)
  }

  /// One administrator is cut off while its change waits for a group that is down. The group comes
  /// back, and the next administrator finds the change carried out. It makes another one, and the
  /// first, when it is back, changes nothing any more.
  private func partitionController(_ stage: ShardedLab, isSuperseded: Bool) throws {
    let lab = stage.lab
    let before = try lab.query().number
    let first = Administrator(stage, of: 1)
    first.begin()
    try lab.run(milliseconds: lab.random(1_000...1_400))
    stage.stop(0)
    try lab.run(milliseconds: 1_000)
    var pending: (number: ConfigNumber, isMember: Bool)?
    try lab.require("the administrator to wait for the group") {
      guard case .moving(let number, let isMember) = first.phase else { return false }
      pending = (number, isMember)
      return true
    }
    first.setCutOff(true)
    if isSuperseded { try lab.run(milliseconds: 1_000) }
    stage.start(0)

    // Whoever is next.
    let found = try lab.query()
    #expect(found.number == pending?.number && found.number > before)
    #expect((found.groups[stage.groups[1]] != nil) == pending?.isMember)
    try stage.settle()
    if isSuperseded {
      try stage.joinAndSettle(2)
      let newest = try lab.query()
      first.setCutOff(false)
      try lab.require("the first administrator to notice", within: 10) {
        first.phase == .superseded
      }
      try lab.run(milliseconds: 500)
      #expect(first.refused == 1)
      #expect(try lab.query() == newest)
      try stage.leaveAndSettle(2)
    }
    first.isOver = true
    try stage.check()
    if try lab.query().groups[stage.groups[1]] != nil { try stage.leaveAndSettle(1) }
  }

  @Test("PartitionControllerJoin5C") func partitionControllerJoin() throws {
    let stage = try ShardedLab.with2025(groups: 3)
    let lab = stage.lab
    // A group that can join has registered, and may be gone since.
    try stage.joinAndSettle(1)
    try stage.leaveAndSettle(1)
    stage.stop(1)
    let first = Administrator(stage, of: 1)
    first.begin()
    try lab.run(milliseconds: 1_000)
    guard case .moving = first.phase else {
      Issue.record("the administrator is \(first.phase)")
      return
    }
    first.setCutOff(true)
    stage.start(1)
    try stage.settle()
    #expect(try lab.query().groups[stage.groups[1]] != nil)
    try stage.joinAndSettle(2)
    let newest = try lab.query()
    first.setCutOff(false)
    try lab.require("the first administrator to notice", within: 10) { first.phase == .superseded }
    try lab.run(milliseconds: 1_000)
    #expect(try lab.query() == newest)
    try stage.check()
  }

  /// The same when it was cut off in the very moment of asking: its clerk asks until it is heard.
  @Test("B39: a change that was asked for long ago", arguments: UInt64(1)...10)
  func lateChange(seed: UInt64) throws {
    let stage = try ShardedLab.with2025(groups: 3, seed: seed)
    let lab = stage.lab
    let first = Administrator(stage, of: 1)
    first.begin()
    try lab.require("the administrator to ask") { first.phase == .asking }
    let wasAsked = try lab.wait(upToMilliseconds: lab.random(0...2)) { false }
    #expect(!wasAsked)
    first.setCutOff(true)
    first.isOver = true
    try stage.joinAndSettle(2)
    let newest = try lab.query()
    first.setCutOff(false)
    try lab.run(milliseconds: 5_000)
    #expect(try lab.query() == newest)
    // It was done before the other's, or never.
    let wasDone = newest.groups[stage.groups[1]] != nil
    #expect(first.phase == (wasDone ? .idle : .superseded))
    try stage.check()
  }

  @Test("ConcurrentReliable5C, AcquireLockConcurrentUnreliable5C", arguments: [false, true])
  func concurrentAdministrators(isUnreliable: Bool) throws {
    let stage = try ShardedLab.with2025(groups: 5, isUnreliable: isUnreliable)
    let administrators = (1...4).map { Administrator(stage, of: $0) }
    for administrator in administrators {
      administrator.goesOn = true
      administrator.begin()
    }
    try stage.lab.run(milliseconds: 2_000)
    for administrator in administrators { administrator.isOver = true }
    try stage.lab.require("the administrators to finish", within: 30) {
      administrators.allSatisfy { $0.phase == .idle || $0.phase == .superseded }
    }
    try stage.settle()
    try stage.check()
    let finished = administrators.reduce(0) { $0 + $1.finished }
    #expect(finished > 0)
    // One configuration for each change, and none for those that came second.
    let number = try stage.lab.query().number.rawValue
    #expect(number == 1 + UInt64(finished))
  }
}
