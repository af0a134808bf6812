import Basics
import Raft
import Testing

@testable import ShardKVServer

/// What a replica makes of the digests of others; it is replica 3 everywhere.
@Suite struct StateComparisonTests {
  private static let me = ReplicaID(rawValue: 3)

  private static func id(_ number: UInt64) -> ReplicaID { ReplicaID(rawValue: number) }

  private static func group(
    _ voters: [UInt64], outgoing: [UInt64] = [], learners: [UInt64] = []
  ) -> Membership {
    Membership(
      voters: voters.map(id), outgoing: outgoing.map(id), learners: learners.map(id))
  }

  private static func digest(_ index: UInt64, _ hash: UInt64, format: Int = 1) -> StateDigest {
    StateDigest(
      index: LogIndex(index), format: format,
      parts: [StateDigest.Part(number: 0, hash: 1), StateDigest.Part(number: 4, hash: hash)])
  }

  private static func report(
    _ index: UInt64, _ hash: UInt64, inDoubt: Bool = false, format: Int = 1
  ) -> StateReport {
    StateReport(digest: digest(index, hash, format: format), isInDoubt: inDoubt)
  }

  /// All findings when this replica has `own` at index 10 and then the others say theirs.
  private static func findings(
    _ own: UInt64, _ others: [(replica: UInt64, hash: UInt64)], _ membership: Membership,
    inDoubt: [UInt64] = []
  ) -> [StateComparison.Finding] {
    var comparison = StateComparison()
    comparison.add(own: digest(10, own))
    var found = comparison.judge(me, isInDoubt: inDoubt.contains(3), in: membership)
    for (replica, hash) in others {
      comparison.add(
        report(10, hash, inDoubt: inDoubt.contains(replica)), of: id(replica), in: membership)
      found += comparison.judge(me, isInDoubt: inDoubt.contains(3), in: membership)
    }
    return found
  }

  private static let agreed = StateComparison.Finding.agreed(LogIndex(10))

  private static func wrong(_ others: UInt64...) -> StateComparison.Finding {
    .wrong(LogIndex(10), others.map(id), parts: [4])
  }

  private static func split(_ others: UInt64...) -> StateComparison.Finding {
    .split(LogIndex(10), others.map(id), parts: [4])
  }

  private static func differs(_ replica: UInt64) -> StateComparison.Finding {
    .differs(id(replica), LogIndex(10), parts: [4])
  }

  @Test func aQuorumDecides() {
    let three = Self.group([3, 4, 5])
    #expect(Self.findings(7, [(4, 7), (5, 7)], three) == [Self.agreed])
    #expect(Self.findings(7, [(4, 8)], three) == [])
    #expect(Self.findings(7, [(4, 8), (5, 8)], three) == [Self.wrong(4, 5)])
    #expect(Self.findings(7, [(4, 7), (5, 8)], three) == [Self.agreed, Self.differs(5)])
    #expect(Self.findings(7, [(5, 8), (4, 7)], three) == [Self.agreed, Self.differs(5)])
    #expect(Self.findings(7, [(4, 8), (5, 9)], three) == [Self.split(4, 5)])
    let five = Self.group([1, 2, 3, 4, 5])
    #expect(Self.findings(7, [(1, 8), (2, 8), (4, 7)], five) == [])
    #expect(Self.findings(7, [(1, 8), (2, 8), (4, 7), (5, 8)], five) == [Self.wrong(1, 2, 5)])
    #expect(Self.findings(7, [(1, 8), (2, 8), (4, 7), (5, 9)], five) == [Self.split(1, 2, 5)])
  }

  @Test func twoCannotTellWhoIsRight() {
    #expect(Self.findings(7, [(4, 8)], Self.group([3, 4])) == [Self.split(4)])
    #expect(Self.findings(7, [(4, 7)], Self.group([3, 4])) == [Self.agreed])
    #expect(Self.findings(7, [], Self.group([3])) == [Self.agreed])
  }

  /// In joint consensus both halves have to agree, against this replica as with it.
  @Test func bothHalvesOfAJointMembershipDecide() {
    let joint = Self.group([3, 4, 5], outgoing: [3, 6, 7])
    #expect(Self.findings(7, [(4, 8), (5, 8), (6, 8)], joint) == [])
    #expect(
      Self.findings(7, [(4, 8), (5, 8), (6, 8), (7, 8)], joint) == [Self.wrong(4, 5, 6, 7)])
    #expect(Self.findings(7, [(4, 8), (5, 8), (6, 8), (7, 7)], joint) == [Self.split(4, 5, 6)])
    #expect(Self.findings(7, [(4, 7), (5, 7)], joint) == [])
    #expect(Self.findings(7, [(4, 7), (6, 7)], joint) == [Self.agreed])
  }

  /// A learner finds out that it is wrong, and is none of those who know.
  @Test func learnersJudgeThemselvesAndDecideNothing() {
    let learner = Self.group([4, 5, 6], learners: [3])
    #expect(Self.findings(7, [(4, 8)], learner) == [])
    #expect(Self.findings(7, [(4, 8), (5, 8)], learner) == [Self.wrong(4, 5)])
    #expect(Self.findings(7, [(4, 7), (5, 7)], learner) == [Self.agreed])
    let two = Self.group([3, 4], learners: [5, 6])
    #expect(Self.findings(7, [(5, 8), (6, 8)], two) == [])
    #expect(Self.findings(7, [(5, 8), (6, 8), (4, 7)], two).first == Self.agreed)
  }

  /// Whose disk may have forgotten something is needed by the others: nobody gives up on its word.
  @Test func thoseInDoubtDoNotCount() {
    let three = Self.group([3, 4, 5])
    #expect(Self.findings(7, [(4, 8), (5, 8)], three, inDoubt: [5]) == [Self.split(4, 5)])
    #expect(Self.findings(7, [(4, 7)], three, inDoubt: [4]) == [])
    #expect(Self.findings(7, [(4, 7)], three, inDoubt: [3]) == [])
    #expect(Self.findings(7, [(4, 7), (5, 7)], three, inDoubt: [3]) == [Self.agreed])
    #expect(Self.findings(7, [(4, 8), (5, 8)], three, inDoubt: [3]) == [Self.wrong(4, 5)])
  }

  /// Others are ahead, and others are behind.
  @Test func earlyAndLateDigestsCount() {
    let three = Self.group([3, 4, 5])
    var comparison = StateComparison()
    for index in [10, 20, 30] as [UInt64] {
      comparison.add(Self.report(index, 8), of: Self.id(4), in: three)
    }
    comparison.add(Self.report(10, 8), of: Self.id(5), in: three)
    #expect(comparison.judge(Self.me, isInDoubt: false, in: three) == [])
    comparison.add(own: Self.digest(10, 8))
    #expect(comparison.judge(Self.me, isInDoubt: false, in: three) == [Self.agreed])
    comparison.add(own: Self.digest(20, 7))
    #expect(comparison.judge(Self.me, isInDoubt: false, in: three) == [])
    comparison.add(own: Self.digest(30, 8))
    // Nobody who is late has decided it until the next.
    #expect(
      comparison.judge(Self.me, isInDoubt: false, in: three) == [
        .split(LogIndex(20), [Self.id(4)], parts: [4]), .agreed(LogIndex(30)),
      ])
    #expect(comparison.last?.isSplit == false && comparison.last?.index == LogIndex(30))
    comparison.add(Self.report(20, 8), of: Self.id(5), in: three)
    #expect(
      comparison.judge(Self.me, isInDoubt: false, in: three) == [
        .wrong(LogIndex(20), [Self.id(4), Self.id(5)], parts: [4])
      ])
  }

  @Test func whatCannotBeComparedSaysNothing() {
    let three = Self.group([3, 4, 5])
    var comparison = StateComparison()
    comparison.add(own: Self.digest(10, 7))
    for other in [4, 5] as [UInt64] {
      comparison.add(Self.report(10, 8, format: 2), of: Self.id(other), in: three)
      comparison.add(Self.report(11, 8), of: Self.id(other), in: three)
    }
    #expect(comparison.judge(Self.me, isInDoubt: false, in: three) == [])
  }

  @Test func whoLeftIsForgottenAndStrangersAreNotHeard() {
    let three = Self.group([3, 4, 5])
    var comparison = StateComparison()
    comparison.add(Self.report(10, 8), of: Self.id(4), in: three)
    comparison.add(Self.report(10, 8), of: Self.id(9), in: three)
    let next = Self.group([3, 5, 6])
    comparison.add(Self.report(10, 8), of: Self.id(5), in: next)
    comparison.add(own: Self.digest(10, 7))
    #expect(comparison.judge(Self.me, isInDoubt: false, in: next) == [])
    let back = Self.group([3, 4, 5, 9])
    #expect(comparison.judge(Self.me, isInDoubt: false, in: back) == [])
    comparison.add(Self.report(10, 8), of: Self.id(6), in: next)
    #expect(
      comparison.judge(Self.me, isInDoubt: false, in: next) == [
        .wrong(LogIndex(10), [Self.id(5), Self.id(6)], parts: [4])
      ])
  }

  /// However many digests somebody sends, the last few are kept; one that comes again replaces.
  @Test func memoryIsBounded() {
    let three = Self.group([3, 4, 5])
    var comparison = StateComparison()
    for index in 1...1_000 as ClosedRange<UInt64> {
      comparison.add(Self.report(index, 8), of: Self.id(4), in: three)
      comparison.add(Self.report(999, 9), of: Self.id(5), in: three)
      comparison.add(own: Self.digest(index, 8))
    }
    let found = comparison.judge(Self.me, isInDoubt: false, in: three)
    let kept = UInt64(StateComparison.keptMax)
    #expect(
      found
        == (1_001 - kept...1_000).flatMap { index -> [StateComparison.Finding] in
          index == 999
            ? [.agreed(LogIndex(999)), .differs(Self.id(5), LogIndex(999), parts: [4])]
            : [.agreed(LogIndex(index))]
        })
  }

  /// A state that was replaced by a snapshot of the leader's is not judged any more.
  @Test func whatWasReplacedIsForgotten() {
    let three = Self.group([3, 4, 5])
    var comparison = StateComparison()
    comparison.hashing = LogIndex(20)
    comparison.add(own: Self.digest(10, 7))
    comparison.forgetOwn()
    #expect(comparison.hashing == nil)
    for other in [4, 5] as [UInt64] {
      comparison.add(Self.report(10, 8), of: Self.id(other), in: three)
    }
    #expect(comparison.judge(Self.me, isInDoubt: false, in: three) == [])
  }

  @Test func partsThatDifferAreNamed() {
    func digest(_ parts: [(Int, UInt64)]) -> StateDigest {
      StateDigest(
        index: LogIndex(1), format: 1,
        parts: parts.map { StateDigest.Part(number: $0.0, hash: $0.1) })
    }
    let left = digest([(0, 1), (2, 5), (3, 6), (9, 1)])
    let right = digest([(0, 1), (1, 4), (3, 7), (9, 1)])
    #expect(left.parts(differingFrom: right) == [1, 2, 3])
    #expect(right.parts(differingFrom: left) == [1, 2, 3])
    #expect(left.parts(differingFrom: left) == [])
  }
}
