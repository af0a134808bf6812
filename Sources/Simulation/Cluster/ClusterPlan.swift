import Basics
import Journal
import Raft
import ShardKVServer
import ShardMap

/// Who is in a simulated cluster and where they listen.
package struct ClusterPlan: Sendable {
  package struct Group: Sendable {
    package var id: GroupID
    package var identity: GroupIdentity
    package var members: [ReplicaAddress]
  }

  package var cluster = ClusterID(rawValue: 0xC1)
  package var layout: ShardLayout
  /// The controllers first, then the shard groups.
  package var groups: [Group]

  /// Controllers and groups with so many replicas each; groups are numbered by `groupIDs`.
  package init(layout: ShardLayout, controllers: Int, groups: [(id: GroupID, replicas: Int)]) {
    self.layout = layout
    let all = [(id: GroupID.none, replicas: controllers)] + groups
    self.groups = all.map { group in
      let identity = GroupIdentity(rawValue: 0xA000 + UInt64(group.id.rawValue))
      let members = (1...group.replicas).map { number in
        let id = ReplicaID(rawValue: UInt64(group.id.rawValue) << 16 | UInt64(number))
        return ReplicaAddress(id: id, peer: Self.name(group.id, number) + ":1")
      }
      return Group(id: group.id, identity: identity, members: members)
    }
  }

  /// `c1`, or `g100-1`.
  package static func name(_ group: GroupID, _ number: Int) -> String {
    group == .none ? "c\(number)" : "g\(group)-\(number)"
  }

  package var controllerAddresses: [String] { groups[0].members.map(\.peer) }

  package func identity(of group: Group, member: ReplicaAddress) -> ReplicaIdentity {
    ReplicaIdentity(
      cluster: cluster, group: group.id, groupIdentity: group.identity, replica: member.id,
      members: group.members, layout: layout)
  }
}
