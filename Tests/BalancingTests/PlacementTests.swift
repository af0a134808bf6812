import Balancing
import Basics
import Testing

@Suite struct PlacementTests {
  @Test func withoutGroupsNobodyOwnsAShard() {
    #expect(balanced(current: [1, 2, 0], groups: []) == [0, 0, 0])
    #expect(balanced(current: [], groups: [1]) == [])
  }

  @Test func theFirstGroupGetsEverything() {
    #expect(balanced(current: [0, 0, 0], groups: [7]) == [7, 7, 7])
  }

  @Test func aSecondGroupTakesTheFirstShards() {
    #expect(
      balanced(current: [1, 1, 1, 1, 1], groups: [1, 2]) == [2, 2, 1, 1, 1])
  }

  @Test func theGroupThatHasMoreKeepsTheLargerShare() {
    #expect(balanced(current: [2, 2, 1], groups: [1, 2]) == [2, 2, 1])
    #expect(balanced(current: [2, 2, 1, 9, 9], groups: [1, 2]) == [2, 2, 1, 1, 2])
  }

  @Test func moreGroupsThanShardsLeaveSomeWithoutAny() {
    let owners = balanced(current: [3, 3, 3], groups: [1, 2, 3, 4, 5])
    #expect(owners == [1, 2, 3])
    #expect(balanced(current: owners, groups: [1, 2, 3, 4, 5, 6]) == owners)
  }

  /// Every placement of up to five shards over up to three of four groups, against all others.
  @Test func noOtherEvenPlacementMovesFewerShards() {
    for shards in 1...5 {
      for groups in [[1], [2], [1, 2], [2, 3], [1, 2, 3], [1, 3, 4]] as [[UInt32]] {
        let candidates = placements(shards: shards, over: groups).filter {
          spread($0, over: groups) <= 1
        }
        for current in placements(shards: shards, over: [0, 1, 2, 3]) {
          let owners = balanced(current: current, groups: groups)
          let least = candidates.map { moves(current, $0) }.min()
          #expect(spread(owners, over: groups) <= 1)
          #expect(moves(current, owners) == least, "\(current) to \(owners) over \(groups)")
        }
      }
    }
  }

  @Test func randomJoinsAndLeavesStayEvenAndMoveNoMoreThanTheyMust() {
    for seed in 0..<2_000 {
      var random = SeededGenerator(seed: UInt64(seed))
      var owners = Array(repeating: UInt32(0), count: random.next(in: 1...64))
      var groups: Set<UInt32> = []
      for _ in 0..<12 {
        let old = groups
        for _ in 0...random.next(in: 0..<3) {
          let group = UInt32(random.next(in: 1...20))
          if groups.remove(group) == nil { groups.insert(group) }
        }
        // As Move does, unbalance it now and then.
        if random.chance(0.2), let group = old.min() {
          owners[random.next(in: 0..<owners.count)] = group
        }
        let members = groups.sorted()
        let next = balanced(current: owners, groups: members)
        #expect(next == balanced(current: owners, groups: members))
        if members.isEmpty {
          #expect(next.allSatisfy { $0 == 0 })
        } else {
          #expect(next.allSatisfy { groups.contains($0) })
          #expect(spread(next, over: members) <= 1)
          #expect(moves(owners, next) == leastMoves(owners, over: members))
        }
        owners = next
      }
    }
  }

  @Test func joinsMoveNothingBetweenOldGroupsAndLeavesNothingOffASurvivor() {
    for seed in 0..<500 {
      var random = SeededGenerator(seed: UInt64(seed))
      let shards = Array(repeating: UInt32(0), count: random.next(in: 1...100))
      let few = Set((0..<random.next(in: 1...9)).map { _ in UInt32(random.next(in: 1...50)) })
      let many = few.union((0..<5).map { _ in UInt32(random.next(in: 1...50)) })
      let before = balanced(current: shards, groups: few.sorted())
      let joined = balanced(current: before, groups: many.sorted())
      for (old, new) in zip(before, joined) where old != new { #expect(!few.contains(new)) }
      let left = balanced(current: joined, groups: few.sorted())
      for (old, new) in zip(joined, left) where old != new { #expect(!few.contains(old)) }
    }
  }

  /// What must move: shards without a member as owner, and whatever a group has above its share,
  /// where the larger shares are counted for as many groups as fill them.
  private func leastMoves(_ owners: [UInt32], over groups: [UInt32]) -> Int {
    let share = owners.count / groups.count
    var larger = owners.count % groups.count
    var kept = 0
    for group in groups {
      let count = owners.count { $0 == group }
      kept += min(count, share)
      if count > share, larger > 0 {
        kept += 1
        larger -= 1
      }
    }
    return owners.count - kept
  }

  private func balanced(current: [UInt32], groups: [UInt32]) -> [UInt32] {
    Placement.weighted(current: current, groups: groups.map { Placement.Group($0) })
  }

  private func moves(_ old: [UInt32], _ new: [UInt32]) -> Int {
    zip(old, new).count { $0 != $1 }
  }

  private func spread(_ owners: [UInt32], over groups: [UInt32]) -> Int {
    guard owners.allSatisfy({ groups.contains($0) }) else { return .max }
    let counts = groups.map { group in owners.count { $0 == group } }
    return (counts.max() ?? 0) - (counts.min() ?? 0)
  }

  private func placements(shards: Int, over groups: [UInt32]) -> [[UInt32]] {
    guard shards > 0 else { return [[]] }
    return placements(shards: shards - 1, over: groups).flatMap { rest in
      groups.map { rest + [$0] }
    }
  }
}
