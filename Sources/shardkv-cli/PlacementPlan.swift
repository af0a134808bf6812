import Basics
import ShardMap

/// What a change of the configuration moves: from where, to where and why.
struct PlacementPlan {
  /// Shards that go the same way for the same reason.
  struct Move: Hashable {
    var shards: [Int]
    /// ``GroupID/none``: nobody owns them.
    var from: GroupID
    var to: GroupID
    var why: String
  }

  /// The configuration that would be made, or the newest one if nothing would change.
  var number: ConfigNumber
  var isChange: Bool
  var moves: [Move] = []
  var shardCount = 0
  /// Shards of each group before and after.
  var counts: [(group: GroupID, before: Int, after: Int)] = []

  init(unchanged number: ConfigNumber) {
    self.number = number
    isChange = false
  }

  /// What differs between a configuration and the one after it.
  init(from current: Configuration, to next: Configuration) {
    number = next.number
    isChange = true
    shardCount = next.shards.count
    let before = Self.counts(current)
    let after = Self.counts(next)
    counts = Set(before.keys).union(after.keys).union(next.groups.keys).sorted().map {
      ($0, before[$0] ?? 0, after[$0] ?? 0)
    }
    for (shard, (old, new)) in zip(current.shards, next.shards).enumerated()
    where old.owner != new.owner {
      let way = moves.firstIndex { $0.from == old.owner && $0.to == new.owner }
      if let way {
        moves[way].shards.append(shard)
      } else {
        let why = Self.reason(from: old.owner, to: new.owner, next, before, after)
        moves.append(Move(shards: [shard], from: old.owner, to: new.owner, why: why))
      }
    }
    moves.sort { ($0.from, $0.to) < ($1.from, $1.to) }
  }

  var movedCount: Int { moves.reduce(0) { $0 + $1.shards.count } }

  private static func counts(_ configuration: Configuration) -> [GroupID: Int] {
    var counts: [GroupID: Int] = [:]
    for shard in configuration.shards where shard.owner != .none {
      counts[shard.owner, default: 0] += 1
    }
    return counts
  }

  private static func reason(
    from: GroupID, to: GroupID, _ next: Configuration, _ before: [GroupID: Int],
    _ after: [GroupID: Int]
  ) -> String {
    if case .move = next.cause { return "asked for by hand" }
    if to == .none { return "no group is left to own it" }
    if from == .none { return "nobody owns it" }
    if next.groups[from] == nil { return "group \(from) leaves" }
    let share = next.share(of: from)
    if share.isDrained { return "group \(from) is drained" }
    if share.weight == 0 { return "group \(from) has weight 0" }
    if next.policy == .consistentHash { return "the ring gives it to group \(to)" }
    return "group \(from) has \(before[from] ?? 0), its share is \(after[from] ?? 0)"
  }

  /// For people.
  func lines() -> [String] {
    guard isChange else {
      return ["Nothing would change: configuration \(number) is as it should be."]
    }
    guard !moves.isEmpty else {
      return ["Configuration \(number) would move no shard."]
    }
    let rows = moves.map {
      [
        ranges($0.shards), String($0.shards.count), Self.name($0.from), Self.name($0.to), $0.why,
      ]
    }
    let ends = counts.map { "group \($0.group) \($0.before) -> \($0.after)" }
    return [
      "Configuration \(number) would move \(movedCount) of \(shardCount) shards."
    ] + table(["SHARDS", "COUNT", "FROM", "TO", "WHY"], rows, right: [1]) + [
      "Shards: \(ends.joined(separator: ", ")). Nothing was changed."
    ]
  }

  private static func name(_ group: GroupID) -> String { group == .none ? "nobody" : "\(group)" }

  var json: JSON {
    JSON.fields([
      "configuration": .count(number.rawValue), "wouldChange": .bool(isChange),
      "moves": .array(
        moves.flatMap { move in
          move.shards.map { shard in
            JSON.fields([
              "shard": .integer(shard), "from": .integer(Int(move.from.rawValue)),
              "to": .integer(Int(move.to.rawValue)), "why": .string(move.why),
            ])
          }
        }),
    ])
  }
}
