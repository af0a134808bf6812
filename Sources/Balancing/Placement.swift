import Basics

/// Which group owns which shard, so that groups are even and few shards move.
///
/// Groups are plain numbers here; 0 is no group. Every choice falls to the smallest number, never
/// to the order of a hash table, so that the same question has the same answer everywhere.
package enum Placement {
  /// The owners after a change of groups: counts differ by at most one, and of all such placements
  /// this is one with the fewest shards that change hands.
  ///
  /// A shard whose owner is not in `groups` must move; no other moves unless its owner has more
  /// than its share. The larger shares go to the groups that already have the most. With more
  /// groups than shards some own nothing; without groups all owners are 0. O(shards + groups × log
  /// groups).
  ///
  /// - Parameters:
  ///   - current: the owner of each shard.
  ///   - groups: the members, ascending and without 0.
  package static func balanced(current: [UInt32], groups: [UInt32]) -> [UInt32] {
    invariant(
      groups.first != 0 && zip(groups, groups.dropFirst()).allSatisfy { $0 < $1 },
      "groups \(groups) are not ascending numbers above 0")
    guard !groups.isEmpty else { return Array(repeating: 0, count: current.count) }
    let places = current.map { position(of: $0, in: groups) }
    var counts = Array(repeating: 0, count: groups.count)
    for case let place? in places { counts[place] += 1 }

    var room = shares(counts: counts, shards: current.count)
    var owners = current
    var homeless: [Int] = []
    for place in counts.indices { room[place] -= counts[place] }
    for (shard, place) in places.enumerated() {
      guard let place else {
        homeless.append(shard)
        continue
      }
      if room[place] < 0 {
        room[place] += 1
        homeless.append(shard)
      }
    }
    var receiver = 0
    for shard in homeless {
      while room[receiver] == 0 { receiver += 1 }
      room[receiver] -= 1
      owners[shard] = groups[receiver]
    }
    return owners
  }

  /// How many shards each group is to have. A group that keeps the larger share saves a move if it
  /// has that many already, so those with the most come first.
  private static func shares(counts: [Int], shards: Int) -> [Int] {
    let (share, larger) = shards.quotientAndRemainder(dividingBy: counts.count)
    var result = Array(repeating: share, count: counts.count)
    let most = counts.indices.sorted { (-counts[$0], $0) < (-counts[$1], $1) }
    for place in most.prefix(larger) { result[place] += 1 }
    return result
  }

  /// Where `group` stands in the ascending `groups`, by binary search.
  private static func position(of group: UInt32, in groups: [UInt32]) -> Int? {
    var low = 0
    var high = groups.count
    while low < high {
      let middle = low + (high - low) / 2
      if groups[middle] < group { low = middle + 1 } else { high = middle }
    }
    return low < groups.count && groups[low] == group ? low : nil
  }
}
