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
  /// Folders have ids, as those that `init` makes, so that one that is made anew is told apart.
  package var bindsFolders = false
  /// Addresses of controllers that may come later, which everybody knows from the beginning.
  package var spareControllers = 0

  /// Controllers and groups with so many replicas each; groups are numbered by `groupIDs`. With
  /// `servesRedis` the replicas of groups have a port for Redis' clients.
  package init(
    layout: ShardLayout, controllers: Int, groups: [(id: GroupID, replicas: Int)],
    servesRedis: Bool = false
  ) {
    self.layout = layout
    let all = [(id: GroupID.none, replicas: controllers)] + groups
    self.groups = all.map { group in
      let identity = GroupIdentity(rawValue: 0xA000 + UInt64(group.id.rawValue))
      let members = (1...group.replicas).map { number in
        var member = Self.member(group.id, number)
        if servesRedis, group.id != .none { member.redis = Self.name(group.id, number) + ":2" }
        return member
      }
      return Group(id: group.id, identity: identity, members: members)
    }
  }

  /// `c1`, or `g100-1`.
  package static func name(_ group: GroupID, _ number: Int) -> String {
    group == .none ? "c\(number)" : "g\(group)-\(number)"
  }

  package var controllerAddresses: [String] {
    groups[0].members.map(\.peer)
      + (0..<spareControllers).map { Self.address(.none, groups[0].members.count + 1 + $0) }
  }

  package static func address(_ group: GroupID, _ number: Int) -> String {
    name(group, number) + ":1"
  }

  /// The replica of a group with this number, counted from 1.
  package static func member(_ group: GroupID, _ number: Int) -> ReplicaAddress {
    ReplicaAddress(
      id: ReplicaID(rawValue: UInt64(group.rawValue) << 16 | UInt64(number)),
      peer: address(group, number))
  }

  /// What `init` writes into a folder.
  /// - Parameters:
  ///   - folder: counts the folders that this replica has had.
  ///   - isJoiner: made for a group that exists.
  package func identity(
    of group: Group, member: ReplicaAddress, folder: Int = 0, isJoiner: Bool = false
  ) -> ReplicaIdentity {
    ReplicaIdentity(
      cluster: cluster, group: group.id, groupIdentity: group.identity, replica: member.id,
      members: isJoiner ? [member] : group.members, layout: layout,
      incarnation: bindsFolders ? Self.incarnation(member.id, folder) : .unknown,
      isJoiner: isJoiner)
  }

  package static func incarnation(_ replica: ReplicaID, _ folder: Int) -> Incarnation {
    Incarnation(rawValue: replica.rawValue << 8 | UInt64(folder + 1))
  }
}
