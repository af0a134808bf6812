import Basics
import ShardMap

/// Who a data folder belongs to: written once by `init`, checked by every `run`.
package struct ReplicaIdentity: Hashable, Sendable {
  package var cluster: ClusterID
  /// ``GroupID/none``: a controller.
  package var group: GroupID
  package var groupIdentity: GroupIdentity
  package var replica: ReplicaID
  /// The group's first membership, this replica included.
  package var members: [ReplicaAddress]
  /// How the cluster maps keys to shards.
  package var layout: ShardLayout

  package init(
    cluster: ClusterID, group: GroupID, groupIdentity: GroupIdentity, replica: ReplicaID,
    members: [ReplicaAddress], layout: ShardLayout
  ) {
    self.cluster = cluster
    self.group = group
    self.groupIdentity = groupIdentity
    self.replica = replica
    self.members = members
    self.layout = layout
  }
}
