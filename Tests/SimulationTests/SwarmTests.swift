import Basics
import Simulation
import Testing

/// Whole clusters, each for some virtual seconds: that the simulator repeats itself, and that it
/// sees what it must see.
struct SwarmTests {
  /// A small cluster whose nodes lose their power again and again.
  static func options(seed: UInt64, bugs: PlantedBugs = []) -> SwarmOptions {
    var options = SwarmOptions(seed: seed, seconds: 12, bugs: bugs)
    options.controllers = 1
    options.groups = [3]
    options.clients = 2
    options.thinkTime = 5...20
    options.crashPause = 400
    options.powerCutShare = 1
    options.massCrashPause = 0
    options.partitionPause = 0
    options.stopPause = 0
    options.syncStallPause = 0
    options.downTime = 100...500
    options.driftPPM = 0
    return options
  }

  @Test func aSeedRepeatsItsRunAndAnotherDoesNot() {
    let first = SwarmRun(Self.options(seed: 3)).run()
    let second = SwarmRun(Self.options(seed: 3)).run()
    let other = SwarmRun(Self.options(seed: 4)).run()
    #expect(first.failure == nil)
    #expect(other.failure == nil)
    #expect(first.traceHash == second.traceHash)
    #expect(first.totals.values == second.totals.values)
    #expect(first.traceHash != other.traceHash)
    #expect(first.totals.operations > 20)
    #expect(first.totals.faults.powerCuts > 3)
  }

  @Test(arguments: [PlantedBugs.replyBeforeDisk, .voteNotDurable])
  func brokenPromisesToTheDiskAreSeen(_ bug: PlantedBugs) {
    let found = (1...5).contains { (seed: UInt64) in
      let result = SwarmRun(Self.options(seed: seed, bugs: bug)).run()
      return result.failure?.kind == .wrongResult
    }
    #expect(found)
  }

  /// Two administrators move the only shard to and fro, faster than its tiny chunks can follow, so
  /// that groups lack many configurations when all is well: of one run writes would be given up
  /// after the usual time, of the other rest.
  @Test(arguments: [16, 4] as [UInt64])
  func groupsThatAreFarBehindHaveTimeToCatchUp(_ seed: UInt64) {
    var options = SwarmOptions(seed: seed, seconds: 40)
    options.controllers = 1
    (options.groups, options.shardCount) = ([1, 1, 1], 1)
    (options.clients, options.keys, options.valueBytes) = (2, 12, 1_500...2_000)
    options.thinkTime = 5...20
    options.conditions = NetworkConditions()
    (options.crashPause, options.massCrashPause) = (0, 0)
    (options.partitionPause, options.stopPause) = (0, 0)
    (options.misdirectPause, options.damagePause) = (0, 0)
    (options.changesMembers, options.operators) = (false, 0)
    (options.wipePause, options.drainPause) = (0, 0)
    (options.healsCore, options.losesGroup) = (false, false)
    (options.movesOneShard, options.controlPause, options.rivalPause) = (true, 300, 100)
    let result = SwarmRun(options).run()
    #expect(result.failure == nil)
    #expect(result.totals["configurations"] ?? 0 > 30)
  }

  @Test func countsAreCarriedByTheirNames() {
    var totals = SwarmTotals(values: Array(1...SwarmTotals.names.count))
    totals.add(totals)
    #expect(totals.values == (1...SwarmTotals.names.count).map { 2 * $0 })
    #expect(totals["events"] == 2)
    #expect(totals["no such count"] == nil)
    #expect(Set(SwarmTotals.names).count == SwarmTotals.names.count)
  }
}
