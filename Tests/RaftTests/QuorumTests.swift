import Basics
import Raft
import Testing

@Suite struct QuorumTests {
  /// The real function against one that asks of every value whether a majority has it.
  @Test func reachedAgreesWithCounting() {
    var generator = SeededGenerator(seed: 4)
    for _ in 0..<5000 {
      let membership = Self.membership(&generator)
      var values: [ReplicaID: UInt64] = [:]
      for replica in membership.everyone { values[replica] = UInt64(generator.next(in: 0...9)) }
      let reached = Quorum.reached(membership) { values[$0] ?? 0 }
      if reached != Self.counted(membership, values) {
        Issue.record("\(reached) of \(membership) with \(values)")
      }
    }
  }

  @Test func tallyAgreesWithEveryCompletion() {
    var generator = SeededGenerator(seed: 5)
    for _ in 0..<2000 {
      let membership = Self.membership(&generator)
      var granted: [ReplicaID] = []
      var refused: [ReplicaID] = []
      var open: [ReplicaID] = []
      for replica in membership.everyone {
        switch generator.next(in: 0...2) {
        case 0: granted.append(replica)
        case 1: refused.append(replica)
        default: open.append(replica)
        }
      }
      let isWon = Self.majorities(membership, granted)
      let canWin = Self.majorities(membership, granted + open)
      let result = Quorum.tally(membership, granted: granted, refused: refused)
      let isRight =
        switch result {
        case .won: isWon
        case .lost: !canWin
        case .pending: !isWon && canWin
        }
      if !isRight { Issue.record("\(result): \(membership), \(granted), \(refused)") }
    }
  }

  /// B4: even sizes need more than half; nobody's group agrees to nothing; learners do not count.
  @Test func b4EvenSizesAndEmptyGroups() {
    let ids = (1...4).map { ReplicaID(rawValue: $0) }
    #expect(!Quorum.holds(Membership(voters: ids)) { $0.rawValue <= 2 })
    #expect(Quorum.holds(Membership(voters: ids)) { $0.rawValue <= 3 })
    #expect(!Quorum.holds(Membership(voters: [])) { _ in true })
    let learning = Membership(voters: [ids[0]], learners: [ids[1], ids[2]])
    #expect(!Quorum.holds(learning) { $0 != ids[0] })
    let joint = Membership(voters: [ids[0]], outgoing: [ids[1], ids[2], ids[3]])
    #expect(!Quorum.holds(joint) { $0 == ids[0] })
    #expect(!Quorum.holds(joint) { $0 != ids[0] })
    #expect(Quorum.holds(joint) { $0 != ids[3] })
  }

  /// B3: a vote that comes twice counts once.
  @Test func b3RepeatedVotesCountOnce() {
    let ids = (1...5).map { ReplicaID(rawValue: $0) }
    let membership = Membership(voters: ids)
    let granted = [ids[0], ids[1], ids[1], ids[1]]
    #expect(Quorum.tally(membership, granted: granted, refused: []) == .pending)
  }

  private static func membership(_ generator: inout SeededGenerator) -> Membership {
    var sides: [[ReplicaID]] = [[], [], []]
    for replica in 1...8 {
      let id = ReplicaID(rawValue: UInt64(replica))
      let places = generator.next(in: 0...7)
      for side in 0..<2 where places & (1 << side) != 0 { sides[side].append(id) }
      if places & 3 == 0 { sides[2].append(id) }
    }
    if sides[0].isEmpty { sides[0] = [ReplicaID(rawValue: 1)] }
    return Membership(voters: sides[0], outgoing: sides[1], learners: sides[2])
  }

  private static func counted(
    _ membership: Membership, _ values: [ReplicaID: UInt64]
  ) -> UInt64 {
    var best: UInt64 = 0
    for value: UInt64 in 0...9 {
      let have = membership.everyone.filter { (values[$0] ?? 0) >= value }
      if majorities(membership, have) { best = value }
    }
    return best
  }

  private static func majorities(_ membership: Membership, _ agreeing: [ReplicaID]) -> Bool {
    [membership.voters, membership.outgoing].allSatisfy { side in
      side.isEmpty || 2 * side.count(where: agreeing.contains) > side.count
    }
  }
}
