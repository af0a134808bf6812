import Basics
import Clerk
import Raft
import ShardMap
import Wire

/// Who leads the other groups, as their replicas say when asked now and then: clients are sent
/// there, and those who are sent to another replica are sent on by it.
struct GroupLeaders: Sendable {
  private struct Known: Sendable {
    var leader: ReplicaID?
    var term: Term
    var membershipIndex: LogIndex
    var replicas: [ReplicaAddress]
  }

  private var known: [GroupID: Known] = [:]
  /// The groups that are being asked, by question.
  private var questions: [OperationID: GroupID] = [:]
  /// Whom to ask next of a group whose last answer did not come or named no leader.
  private var turns: [GroupID: Int] = [:]
  /// When to ask again, monotonic nanoseconds.
  var nextRound: UInt64 = 0
  /// Counts changes, for those who keep what follows from it.
  private(set) var revision: UInt64 = 0

  func leader(of group: GroupID) -> ReplicaID? { known[group]?.leader }

  /// As its leader's membership lists them, which may be newer than the configuration.
  func replicas(of group: GroupID) -> [ReplicaAddress]? { known[group]?.replicas }

  /// Whom to ask: the leader if one is known, else one replica after the other. `nil` while a
  /// question is under way.
  func replica(to ask: GroupID, among replicas: [ReplicaAddress]) -> ReplicaAddress? {
    guard !replicas.isEmpty, !questions.values.contains(ask) else { return nil }
    if turns[ask] == nil, let leader = known[ask]?.leader,
      let address = replicas.first(where: { $0.id == leader })
    {
      return address
    }
    return replicas[(turns[ask] ?? 0) % replicas.count]
  }

  mutating func asked(_ group: GroupID, as question: OperationID) { questions[question] = group }

  /// Takes an answer in; `nil`: none came.
  mutating func finished(_ question: OperationID, _ status: NodeStatus?) {
    guard let group = questions.removeValue(forKey: question) else { return }
    guard let status, status.group == group, let leader = status.leader else {
      turns[group, default: 0] += 1
      return
    }
    turns[group] = nil
    var next =
      known[group] ?? Known(leader: nil, term: .zero, membershipIndex: .zero, replicas: [])
    if status.term >= next.term { (next.leader, next.term) = (leader, status.term) }
    if status.membershipIndex >= next.membershipIndex, !status.replicas.isEmpty {
      (next.membershipIndex, next.replicas) = (status.membershipIndex, status.replicas)
    }
    guard next.leader != known[group]?.leader || next.replicas != known[group]?.replicas else {
      return
    }
    known[group] = next
    revision += 1
  }
}
