import Basics
import Clerk
import Raft
import ShardMap
import Testing
import Wire

@Suite("Replacing a replica goes on from wherever it got to")
struct RosterTests {
  private let old = ReplicaID(rawValue: 1)
  private let new = ReplicaAddress(id: ReplicaID(rawValue: 4), peer: "d:4")

  private func roster(
    voters: [UInt64], learners: [UInt64] = [], outgoing: [UInt64] = [], isSettled: Bool = true
  ) -> Roster {
    func ids(_ numbers: [UInt64]) -> [ReplicaID] { numbers.map { ReplicaID(rawValue: $0) } }
    let names = ["a:1", "b:2", "c:3", "d:4"]
    return Roster(
      leader: NodeStatus(
        cluster: ClusterID(rawValue: 9), group: GroupID(1), replica: ReplicaID(rawValue: 2),
        role: .leader, term: Term(1), leader: ReplicaID(rawValue: 2), firstIndex: LogIndex(1),
        lastIndex: LogIndex(9), commitIndex: LogIndex(9), appliedIndex: LogIndex(9),
        snapshotIndex: .zero, journalBytes: 0, snapshotBytes: 0, configuration: .zero,
        replicas: Set(voters + learners + outgoing).sorted().map {
          ReplicaAddress(id: ReplicaID(rawValue: $0), peer: names[Int($0) - 1])
        }, voters: ids(voters), outgoing: ids(outgoing), learners: ids(learners),
        membershipIndex: LogIndex(8), isMembershipSettled: isSettled,
        followers: [
          NodeStatus.Follower(
            replica: new.id, match: LogIndex(4), silentMilliseconds: 10)
        ], shards: [], counters: []))
  }

  @Test func eachStepFollowsFromTheMembershipAlone() {
    let goal = RosterGoal.replace(old, with: new)
    #expect(goal.next(roster(voters: [1, 2, 3])) == .ask(.add(new)))
    #expect(
      goal.next(roster(voters: [1, 2, 3], learners: [4]))
        == .ask(.replace(old, with: new.id)))
    let joint = roster(voters: [2, 3, 4], outgoing: [1, 2, 3], isSettled: false)
    guard case .wait = goal.next(joint) else {
      Issue.record("it did not wait for the change")
      return
    }
    #expect(goal.next(roster(voters: [2, 3, 4])) == .done)
    #expect(RosterGoal.replace(nil, with: new).next(roster(voters: [2, 3, 4])) == .done)
    #expect(goal.next(roster(voters: [1, 2, 3, 4])) == .ask(.remove(old)))
  }

  @Test func whoIsToBeReplacedHasToBeThere() {
    let some = roster(voters: [2, 3], learners: [4])
    for goal in [RosterGoal.replace(old, with: new), .replace(nil, with: new)] {
      guard case .impossible = goal.next(some) else {
        Issue.record("a wrong name of the old one adds a voter")
        return
      }
    }
    #expect(RosterGoal.add(new).next(some) == .ask(.promote(new.id)))
  }

  @Test func otherAddressOfTheSameReplicaIsRefused() {
    let elsewhere = ReplicaAddress(id: new.id, peer: "e:5")
    guard
      case .impossible = RosterGoal.replace(old, with: elsewhere)
        .next(roster(voters: [1, 2, 3], learners: [4]))
    else {
      Issue.record("a replica at another address was taken for the same")
      return
    }
  }

  @Test func whoIsGoneIsRemoved() {
    #expect(RosterGoal.remove(old).next(roster(voters: [1, 2, 3])) == .ask(.remove(old)))
    #expect(RosterGoal.remove(old).next(roster(voters: [2, 3])) == .done)
  }

  @Test func replicaIsNamedByIdOrAddress() {
    let some = roster(voters: [1, 2, 3], learners: [4])
    #expect(some.replica(named: "a:1") == old)
    #expect(some.replica(named: "0000000000000004") == new.id)
    #expect(some.replica(named: "e:5") == nil)
    #expect(some.word(for: ReplicaID(rawValue: 2)) == "leader")
    #expect(some.lag(of: new.id) == 5)
    #expect(some.lag(of: ReplicaID(rawValue: 3)) == nil)
  }

  @Test func leaderIsLookedForAmongThoseThatAreNamed() {
    var search = LeaderSearch(of: GroupID(1), among: ["a:1", "x:9"])
    #expect(search.next() == ["a:1", "x:9"])
    var follower = roster(voters: [1, 2, 3]).leader
    follower.role = .follower
    search.hear(follower)
    #expect(search.roster == nil)
    #expect(search.next() == ["b:2", "c:3"])
    var stranger = roster(voters: [1, 2, 3]).leader
    stranger.group = GroupID(2)
    search.hear(stranger)
    #expect(search.roster == nil)
    var old = roster(voters: [1, 2, 3]).leader
    search.hear(roster(voters: [2, 3, 4]).leader)
    old.term = .zero
    search.hear(old)
    #expect(search.roster?.leader.voters.count == 3 && search.roster?.isVoter(new.id) == true)
    #expect(search.next().isEmpty)
  }
}
