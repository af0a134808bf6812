import ShardKVServer

/// Counts of what happened, of one run or of many together.
package struct SwarmTotals: Sendable {
  package var events = 0
  package var turns = 0
  package var operations = 0
  package var unknown = 0
  package var unavailable = 0
  package var commands = 0
  package var leaderChanges = 0
  package var configurations = 0
  package var handOvers = 0
  package var quorumChecks = 0
  package var lostWrites = 0
  package var tornWrites = 0
  var changes = SwarmAdministrator.Counters()
  var rival = SwarmRival.Counters()
  package var faults = Nemesis.Counters()
  package var network = NetworkCounters()
  package var disks = DiskCounters()
  var operators = SwarmOperator.Counters()
  var members = MembershipWatch.Counters()
  /// Processes that ended as they were asked to.
  package var drained = 0
  /// Runs that healed a core first.
  package var cores = 0
  /// Runs that ended early, because a group lacked a voter for good while another was in doubt.
  package var stuck = 0
  /// Chunks of moving shards that were in the log before.
  package var repeatedChunks = 0
  /// How many turns took each of ``RarePaths/names``.
  package var rarePaths = Array(repeating: 0, count: RarePaths.names.count)

  package init() {}

  /// Every count under its name, in the order they are shown.
  private static var fields: [(name: String, path: WritableKeyPath<SwarmTotals, Int>)] {
    [
      ("events", \.events), ("turns", \.turns), ("operations", \.operations),
      ("unknownOutcomes", \.unknown), ("unavailable", \.unavailable), ("commands", \.commands),
      ("leaderChanges", \.leaderChanges), ("configurations", \.configurations),
      ("shardMoves", \.handOvers), ("quorumChecks", \.quorumChecks),
      ("joins", \.changes.joins), ("leaves", \.changes.leaves), ("moves", \.changes.moves),
      ("weights", \.changes.weights), ("policies", \.changes.policies),
      ("drains", \.changes.drains), ("undrains", \.changes.undrains),
      ("rebalances", \.changes.rebalances),
      ("rivalsDone", \.rival.done), ("rivalsRefused", \.rival.refused),
      ("crashes", \.faults.crashes), ("powerCuts", \.faults.powerCuts),
      ("massCrashes", \.faults.massCrashes), ("struckLeaders", \.faults.strikes),
      ("lostWrites", \.lostWrites),
      ("tornWrites", \.tornWrites), ("partitions", \.faults.partitions),
      ("oneWayPartitions", \.faults.oneWayPartitions), ("stops", \.faults.stops),
      ("clockSteps", \.faults.clockSteps), ("syncStalls", \.faults.syncStalls),
      ("syncFailures", \.faults.syncFailures), ("connections", \.network.connections),
      ("refusedConnections", \.network.refused), ("brokenConnections", \.network.broken),
      ("frames", \.network.frames), ("lostFrames", \.network.lost),
      ("duplicatedFrames", \.network.duplicated), ("heldFrames", \.network.held),
      ("corruptedFrames", \.network.corrupted), ("splitDeliveries", \.network.split),
      ("cutOffDeliveries", \.network.cutOff), ("linkGraphs", \.faults.graphs),
      ("flappingLinks", \.faults.flaps), ("driftingClocks", \.faults.drifts),
      ("fullDiskStops", \.disks.fullStops), ("waitsForRoom", \.disks.waitsForRoom),
      ("backgroundStalls", \.disks.backgroundStalls),
      ("flippedBits", \.disks.flippedBits), ("cutOffFiles", \.disks.cutOffFiles),
      ("damagedDisks", \.disks.damages), ("refusedDisks", \.disks.refusals),
      ("healedCores", \.cores), ("repeatedChunks", \.repeatedChunks),
    ] + memberFields
      + RarePaths.names.indices.map { (RarePaths.names[$0], \.rarePaths[$0]) }
  }

  private static var memberFields: [(name: String, path: WritableKeyPath<SwarmTotals, Int>)] {
    [
      ("boundFolders", \.members.boundFolders), ("learnersAdded", \.members.learners),
      ("learnersPromoted", \.members.promotions), ("jointMemberships", \.members.joints),
      ("replicasRemoved", \.members.removals), ("leadersRemoved", \.members.leaderRemovals),
      ("changesBegun", \.operators.begun), ("changesDone", \.operators.done),
      ("changesRefused", \.operators.refused),
      ("changesInterrupted", \.operators.interrupted),
      ("changesResumed", \.operators.resumed), ("replicasReplaced", \.operators.replaced),
      ("transfersAsked", \.operators.transfers), ("transfersDone", \.operators.transfersDone),
      ("transfersRefused", \.operators.transfersRefused),
      ("blunders", \.operators.blunders), ("blundersTaken", \.operators.blundersDone),
      ("stopsAsked", \.faults.drains), ("drained", \.drained),
      ("struckChangers", \.faults.struckChangers),
      ("struckCandidates", \.faults.struckCandidates),
      ("wipedFolders", \.disks.wipes), ("wipedRefused", \.disks.wipedRefusals),
      ("misdirectedWrites", \.disks.misdirected),
      ("harmlessDamages", \.disks.harmless), ("repairedDisks", \.disks.repairs),
      ("groupsLeftInDoubt", \.stuck),
    ]
  }

  package static var names: [String] { fields.map(\.name) }

  package var values: [Int] { Self.fields.map { self[keyPath: $0.path] } }

  /// The counts in the order of ``names``; missing ones are 0.
  package init(values: [Int]) {
    for (field, value) in zip(Self.fields, values) { self[keyPath: field.path] = value }
  }

  package mutating func add(_ other: SwarmTotals) {
    for field in Self.fields { self[keyPath: field.path] += other[keyPath: field.path] }
  }

  package subscript(name: String) -> Int? {
    Self.fields.first { $0.name == name }.map { self[keyPath: $0.path] }
  }
}

extension SwarmTotals: CustomStringConvertible {
  /// All counts, and the names of those that nothing was counted under.
  package var description: String {
    let never = Self.fields.filter { self[keyPath: $0.path] == 0 }.map(\.name)
    return Self.fields.map { "\($0.name)=\(self[keyPath: $0.path])" }.joined(separator: " ")
      + " never=[\(never.joined(separator: ","))]"
  }
}
