import Raft
import ShardKVServer
import ShardMap

extension SimulatedCluster {
  /// The replicas of a group that its last committed membership names and whose promises are kept.
  package func intactMembers(of position: Int) -> [Replica] {
    let membership = watches[position].memberships.current
    return replicas.filter {
      $0.group == position && $0.host.isIntact && membership.includes($0.member.id)
    }
  }

  /// The replicas that vote in a group, by its last committed membership.
  package func voters(of group: GroupID) -> [Replica] {
    replicas(of: group).filter {
      watches[$0.group].memberships.current.voters.contains($0.member.id)
    }
  }

  /// Who leads each group in which term.
  var leaderships: [String] {
    plan.groups.map { group in
      let leader = leader(of: group.id)
      return "\(leader?.host.name ?? "nobody") in \(leader?.node?.observation.term ?? .zero)"
    }
  }

  /// What is missing until every member of every group is up to date and nothing moves; `nil` when
  /// nothing is. Only replicas in `core` are looked at, by their hosts, and none that gave up or
  /// lost its folder.
  package func disagreement(among groups: [GroupID], core: [Bool]? = nil) -> String? {
    for (position, group) in plan.groups.enumerated() {
      let members = intactMembers(of: position).filter { core?[$0.host.index] ?? true }
      let nodes = members.compactMap(\.node)
      guard nodes.count == members.count else { return "a replica of group \(group.id) is down" }
      guard let leader = nodes.first(where: { $0.observation.role == .leader }) else {
        return "group \(group.id) has no leader"
      }
      guard leader.observation.isSettled else {
        return "group \(group.id) is changing its members"
      }
      guard Set(nodes.map(\.observation.appliedIndex.rawValue)).count == 1 else {
        return "replicas of group \(group.id) applied up to "
          + "\(nodes.map(\.observation.appliedIndex))"
      }
      guard Set(nodes.map { $0.stateHash() }).count == 1 else {
        return "replicas of group \(group.id) differ in state"
      }
      guard groups.contains(group.id), let node = nodes.first else { continue }
      guard node.observation.configuration == configuration else {
        return "group \(group.id) is in configuration \(node.observation.configuration) of "
          + "\(configuration)"
      }
      if let report = node.shardReports().first(where: { $0.status != .serving }) {
        return "shard \(report.shard) of group \(group.id) is \(report.status.name)"
      }
    }
    return nil
  }
}
