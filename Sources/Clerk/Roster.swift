import Basics
import ShardMap
import Wire

/// What a group's leader says of the group's replicas.
package struct Roster: Sendable {
  package var leader: NodeStatus

  package init(leader: NodeStatus) { self.leader = leader }

  /// `HEX16` or `HOST:PORT` of a member.
  package func replica(named name: String) -> ReplicaID? {
    if let id = ReplicaID(hexadecimal: name) { return includes(id) ? id : nil }
    return leader.replicas.first { $0.peer == name }?.id
  }

  package func includes(_ replica: ReplicaID) -> Bool { word(for: replica) != nil }

  package func isVoter(_ replica: ReplicaID) -> Bool { leader.voters.contains(replica) }

  package func isLearner(_ replica: ReplicaID) -> Bool { leader.learners.contains(replica) }

  /// What a replica is in its group; `nil` for strangers.
  package func word(for replica: ReplicaID) -> String? {
    if leader.voters.contains(replica) {
      return leader.replica == replica ? "leader" : "voter"
    }
    if leader.outgoing.contains(replica) { return "leaving" }
    return leader.learners.contains(replica) ? "learner" : nil
  }

  /// `?` for strangers.
  package func address(of replica: ReplicaID) -> String {
    leader.replicas.first { $0.id == replica }?.peer ?? "?"
  }

  /// Entries that the replica is not known to have; `nil`: it was never heard from.
  package func lag(of replica: ReplicaID) -> UInt64? {
    if replica == leader.replica { return 0 }
    guard let follower = leader.followers.first(where: { $0.replica == replica }) else {
      return nil
    }
    let (lag, isAhead) = leader.lastIndex.rawValue.subtractingReportingOverflow(
      follower.match.rawValue)
    return isAhead ? 0 : lag
  }
}

/// Looks for the leader of a group among the replicas that are known and those that they name.
package struct LeaderSearch: Sendable {
  private let group: GroupID
  /// Every address that was to be asked so far.
  package private(set) var asked: Set<String> = []
  private var named: Set<String>
  private var leader: NodeStatus?

  package init(of group: GroupID, among addresses: [String]) {
    self.group = group
    named = Set(addresses)
  }

  /// Whom to ask for its status next; nobody if a leader was found, or everyone was asked.
  package mutating func next() -> [String] {
    guard leader == nil else { return [] }
    let addresses = named.subtracting(asked).sorted()
    asked.formUnion(addresses)
    return addresses
  }

  /// Takes in the status of one that was asked. Of two that say that they lead, the one of the
  /// higher term does.
  package mutating func hear(_ status: NodeStatus) {
    guard status.group == group else { return }
    named.formUnion(status.replicas.map(\.peer))
    if status.role == .leader, status.term >= leader?.term ?? .zero { leader = status }
  }

  package var roster: Roster? { leader.map { Roster(leader: $0) } }
}
