import Basics

/// Which group owns which shard.
///
/// Groups are plain numbers here; 0 is no group. Every choice falls to the smallest number, never
/// to the order of a hash table, so that the same question has the same answer everywhere.
package enum Placement {
  /// A group that shards can be placed on.
  package struct Group: Hashable, Sendable {
    package let number: UInt32
    /// 0 owns nothing.
    package let weight: UInt32

    package init(_ number: UInt32, weight: UInt32 = 1) {
      self.number = number
      self.weight = weight
    }
  }

  /// The owners after a change of groups or weights: each group has its part of the shards by
  /// weight, rounded down or up, and of all such placements this is one with the fewest shards
  /// that change hands. With equal weights counts differ by at most one.
  ///
  /// A shard whose owner is not in `groups` must move; no other moves unless its owner has more
  /// than its part. Parts are rounded up first where that saves a move, then where most was cut
  /// off. If no group has a weight all owners are 0. O(shards + groups × log groups).
  ///
  /// - Parameters:
  ///   - current: the owner of each shard.
  ///   - groups: the members, with ascending numbers above 0.
  package static func weighted(current: [UInt32], groups: [Group]) -> [UInt32] {
    check(groups)
    let groups = groups.filter { $0.weight > 0 }
    guard !groups.isEmpty else { return Array(repeating: 0, count: current.count) }
    let places = current.map { position(of: $0, in: groups) }
    var counts = Array(repeating: 0, count: groups.count)
    for case let place? in places { counts[place] += 1 }

    var room = parts(groups, counts: counts, shards: current.count)
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
      owners[shard] = groups[receiver].number
    }
    return owners
  }

  /// The owners on a Ketama ring: a group's points follow from its number in decimal, a shard's
  /// place from its own. Where the shards were does not matter, so a group that comes only takes
  /// shards, one that goes only gives, and both at random: counts are not even.
  /// O(weights × 160 × log (weights × 160) + shards × log (weights × 160)).
  package static func consistentHash(shards: Int, groups: [Group]) -> [UInt32] {
    check(groups)
    let ring = KetamaRing(
      groups.map {
        KetamaRing.Member(base: Array(String($0.number).utf8), weight: Int($0.weight))
      })
    return (0..<shards).map { shard in
      ring.member(of: Array(String(shard).utf8)).map { groups[$0].number } ?? 0
    }
  }

  private static func check(_ groups: [Group]) {
    invariant(
      groups.first?.number != 0
        && zip(groups, groups.dropFirst()).allSatisfy { $0.number < $1.number },
      "groups \(groups.map(\.number)) are not ascending numbers above 0")
  }

  /// How many shards each group is to have. A group with more shards than its part rounded down
  /// saves one move if its part is rounded up.
  private static func parts(_ groups: [Group], counts: [Int], shards: Int) -> [Int] {
    let total = groups.reduce(0) { $0 + Int($1.weight) }
    var result = groups.map { shards * Int($0.weight) / total }
    let cut = groups.map { shards * Int($0.weight) % total }
    let larger = shards - result.reduce(0, +)
    let first = groups.indices.filter { cut[$0] > 0 }.sorted { left, right in
      let (leftSaves, rightSaves) = (counts[left] > result[left], counts[right] > result[right])
      if leftSaves != rightSaves { return leftSaves }
      return (-cut[left], -counts[left], left) < (-cut[right], -counts[right], right)
    }
    for place in first.prefix(larger) { result[place] += 1 }
    return result
  }

  /// Where the group stands, by binary search.
  private static func position(of group: UInt32, in groups: [Group]) -> Int? {
    var low = 0
    var high = groups.count
    while low < high {
      let middle = low + (high - low) / 2
      if groups[middle].number < group { low = middle + 1 } else { high = middle }
    }
    return low < groups.count && groups[low].number == group ? low : nil
  }
}
