import Basics
import ShardMap

/// Who a data folder belongs to: written once by `init`, checked by every `run`.
package struct ReplicaIdentity: Hashable, Sendable {
  package var cluster: ClusterID
  /// ``GroupID/none``: a controller.
  package var group: GroupID
  package var groupIdentity: GroupIdentity
  package var replica: ReplicaID
  /// The group's first membership, this replica included; of a joiner this replica alone.
  package var members: [ReplicaAddress]
  /// Made for a group that exists: its membership comes from a leader.
  package var isJoiner: Bool
  /// This folder's own, made with it.
  package var incarnation: Incarnation
  /// How the cluster maps keys to shards.
  package var layout: ShardLayout

  package init(
    cluster: ClusterID, group: GroupID, groupIdentity: GroupIdentity, replica: ReplicaID,
    members: [ReplicaAddress], layout: ShardLayout,
    incarnation: Incarnation = .unknown, isJoiner: Bool = false
  ) {
    self.cluster = cluster
    self.group = group
    self.groupIdentity = groupIdentity
    self.replica = replica
    self.members = members
    self.layout = layout
    self.incarnation = incarnation
    self.isJoiner = isJoiner
  }
}
