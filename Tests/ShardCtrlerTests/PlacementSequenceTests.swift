import Basics
import ShardCtrler
import ShardMap
import Testing

/// Random operators: joins, leaves, weights, drains, policies, moves, one after the other. Each
/// configuration is held against the rules of its policy, worked out anew here.
@Suite struct PlacementSequenceTests {
  #if DEBUG
  static let sequences = 300
  #else
  static let sequences = 10_000
  #endif
  /// Over the states after the first hundred sequences. Each run of the tests is another process
  /// and hashes with another seed, so it fails if the order of a hash table ever matters.
  static let digest: UInt64 = 11_051_055_225_584_996_573

  @Test func everyConfigurationKeepsTheRulesOfItsPolicy() throws {
    var seen = Seen()
    var hash = StableHash()
    for seed in 0..<UInt64(Self.sequences) {
      var operatorAtWork = try RandomOperator(seed: seed)
      for _ in 0..<operatorAtWork.random.next(in: 4...16) {
        try operatorAtWork.step(&seen)
      }
      let machine = operatorAtWork.controller.machine
      if seed < 100 { hash.add(machine.stateHash()) }
      try #require(try restored(machine).stateHash() == machine.stateHash())
    }
    print("\(Self.sequences) sequences: \(seen)")
    #expect(hash.value == Self.digest, "the digest is \(hash.value)")
    #expect(seen.bruteForced > Self.sequences / 4)
    #expect(seen.refused > 0 && seen.unchanged > 0 && seen.moved > 0 && seen.ringed > 0)
  }

  private func restored(_ machine: ControllerMachine) throws -> ControllerMachine {
    var capture = machine.capture()
    var restorer = ControllerMachine.Restorer(layout: machine.current.layout)
    while let section = capture.nextSection() { try restorer.consume(section) }
    let restored = try restorer.finish()
    #expect(restored.current == machine.current)
    return restored
  }
}

/// How often what was tried.
private struct Seen {
  var changed = 0
  var unchanged = 0
  var refused = 0
  var moved = 0
  var ringed = 0
  var bruteForced = 0
}

private struct RandomOperator {
  var random: SeededGenerator
  var controller: Controller
  private let groupCount: Int
  private let isSmall: Bool
  /// Whether shards were moved by hand since they were placed last.
  private var isMovedByHand = false

  init(seed: UInt64) throws {
    random = SeededGenerator(seed: seed)
    isSmall = seed % 5 == 0
    groupCount = isSmall ? 4 : random.next(in: 2...10)
    controller = try Controller(shardCount: random.next(in: 1...(isSmall ? 7 : 64)))
    for group in 1...groupCount { controller.register(UInt32(group)) }
    controller.join(1, 2)
  }

  private mutating func command() -> ControlCommand {
    let group = GroupID(UInt32(random.next(in: 1...groupCount)))
    let other = GroupID(UInt32(random.next(in: 1...groupCount)))
    switch random.next(in: 0..<14) {
    case 0...3:
      let weight = random.chance(0.5) ? nil : UInt32(random.next(in: 0...5))
      return .join([
        JoinRequest(group: group, seeds: [], weight: weight),
        JoinRequest(group: other, seeds: [], weight: other == group ? weight : nil),
      ])
    case 4: return .leave(group == other ? [group] : [group, other], force: random.chance(0.2))
    case 5: return .leave([group], force: random.chance(0.2))
    case 6, 7: return .weight(group, UInt32(random.next(in: 0...7)))
    case 8: return .policy(PlacementPolicy.allCases[random.next(in: 0..<3)])
    case 9: return .drain(random.chance(0.7) ? [group] : [group, other])
    case 10: return .undrain([group])
    case 11: return .rebalance
    default:
      return .move(ShardID(random.next(in: 0..<controller.owners.count)), to: group)
    }
  }

  mutating func step(_ seen: inout Seen) throws {
    let command = command()
    let old = controller.machine.current
    let preview = controller.machine.preview(command)
    let output = controller.run(command)
    let new = controller.machine.current
    switch preview {
    case .refused(let reason):
      seen.refused += 1
      try #require(output == .refused(reason) && new == old)
      return
    case .unchanged:
      seen.unchanged += 1
      try #require(output == .done(old.number) && new == old)
      return
    case .change(var planned):
      seen.changed += 1
      planned.madeAt = controller.stamp
      try #require(output == .done(old.number.next) && new == planned)
    }
    try checkInvariants(old, new)
    if case .move(let shard, let group) = command {
      seen.moved += 1
      isMovedByHand = true
      for index in new.shards.indices where index != shard.index {
        try #require(new.shards[index] == old.shards[index])
      }
      try #require(new.owner(of: shard) == group && new.cause == .move(shard, to: group))
    } else if new.policy == .consistentHash {
      seen.ringed += 1
      try checkRing(old, new)
      isMovedByHand = false
    } else {
      try checkQuotas(old, new, &seen)
      isMovedByHand = false
    }
  }

  private func checkInvariants(_ old: Configuration, _ new: Configuration) throws {
    var sources: Set<GroupID> = []
    for (before, after) in zip(old.shards, new.shards) {
      try #require(after == before.handedOver(to: after.owner, in: new.number))
      try #require(after.owner == .none || new.share(of: after.owner).effectiveWeight > 0)
      try #require(after.owner == .none || new.groups[after.owner] != nil)
      if after.source != .none, new.groups[after.source] == nil { sources.insert(after.source) }
    }
    try #require(Set(new.departed.keys) == sources)
    try #require(new.shares.keys.allSatisfy { new.groups[$0] != nil })
  }

  /// Groups and what counts of their weights.
  private func weights(_ configuration: Configuration) -> [(group: GroupID, weight: Int)] {
    configuration.groupIDs.compactMap { group in
      let share = configuration.share(of: group)
      guard !share.isDrained, share.weight > 0 else { return nil }
      return (group, configuration.policy == .balanced ? 1 : Int(share.weight))
    }
  }

  private func checkQuotas(_ old: Configuration, _ new: Configuration, _ seen: inout Seen) throws {
    let weights = weights(new)
    guard !weights.isEmpty else {
      try #require(new.shards.allSatisfy { $0.owner == .none })
      return
    }
    let total = weights.reduce(0) { $0 + $1.weight }
    let shards = new.shards.count
    var kept = 0
    var saved = 0
    var larger = shards
    for (group, weight) in weights {
      let count = new.shards.count { $0.owner == group }
      // Within one of the ideal, and exactly it where it is whole.
      try #require(abs(count * total - shards * weight) < total)
      let before = old.shards.count { $0.owner == group }
      let least = shards * weight / total
      larger -= least
      kept += min(before, least)
      if before > least, shards * weight % total > 0 { saved += 1 }
    }
    let moves = zip(old.shards, new.shards).count { $0.owner != $1.owner }
    try #require(moves == shards - kept - min(saved, larger))
    if isSmall {
      seen.bruteForced += 1
      var search = Search(
        owners: old.shards.map(\.owner), weights: weights, total: total)
      try #require(moves == search.leastMoves())
    }
  }

  /// A shard only moves to a group whose points became more, or from one whose points became fewer.
  private func checkRing(_ old: Configuration, _ new: Configuration) throws {
    // After a move by hand the shards were not where the ring has them.
    guard old.policy == .consistentHash, !isMovedByHand else { return }
    let (before, after) = (weights(old), weights(new))
    guard !before.isEmpty else { return }
    func weight(_ group: GroupID, _ list: [(group: GroupID, weight: Int)]) -> Int {
      list.first { $0.group == group }?.weight ?? 0
    }
    for (left, right) in zip(old.shards, new.shards) where left.owner != right.owner {
      try #require(
        weight(right.owner, after) > weight(right.owner, before)
          || weight(left.owner, after) < weight(left.owner, before))
    }
  }
}

/// All placements that keep the rule, one by one.
private struct Search {
  let owners: [GroupID]
  let weights: [(group: GroupID, weight: Int)]
  let total: Int
  private var counts: [Int] = []
  private var best = Int.max

  init(owners: [GroupID], weights: [(group: GroupID, weight: Int)], total: Int) {
    self.owners = owners
    self.weights = weights
    self.total = total
    counts = Array(repeating: 0, count: weights.count)
  }

  mutating func leastMoves() -> Int {
    place(0, moves: 0)
    return best
  }

  private mutating func place(_ shard: Int, moves: Int) {
    if shard == owners.count {
      for (count, weight) in zip(counts, weights) {
        guard abs(count * total - owners.count * weight.weight) < total else { return }
      }
      best = min(best, moves)
      return
    }
    for index in weights.indices {
      counts[index] += 1
      place(shard + 1, moves: moves + (weights[index].group == owners[shard] ? 0 : 1))
      counts[index] -= 1
    }
  }
}
