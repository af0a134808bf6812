import Basics
import Raft
import ShardMap

/// What a node says of itself to `status`.
package struct NodeStatus: Hashable, Sendable {
  package var cluster: ClusterID
  /// ``GroupID/none``: a controller.
  package var group: GroupID
  package var replica: ReplicaID
  package var role: Role
  package var term: Term
  package var leader: ReplicaID?
  package var firstIndex: LogIndex
  package var lastIndex: LogIndex
  package var commitIndex: LogIndex
  package var appliedIndex: LogIndex
  package var snapshotIndex: LogIndex
  /// Bytes of the journal's segments on disk.
  package var journalBytes: UInt64
  /// Bytes of the snapshots on disk.
  package var snapshotBytes: UInt64
  /// The configuration that this group is in, or the controller's newest.
  package var configuration: ConfigNumber
  /// The members of this group with their addresses.
  package var replicas: [ReplicaAddress]
  package var voters: [ReplicaID]
  /// Voters that leave, in joint consensus.
  package var outgoing: [ReplicaID]
  package var learners: [ReplicaID]
  /// Where the membership stands in the log, and whether it is committed and not joint.
  package var membershipIndex: LogIndex
  package var isMembershipSettled: Bool
  /// What a leader knows of the others, ascending by replica; empty elsewhere.
  package var followers: [Follower]
  /// Shards that this group owns or still holds data of, ascending.
  package var shards: [ShardReport]
  /// Counters since the process started, by name, ascending: `elections`, `fsyncs`, `rpcSent`, …
  package var counters: [Counter]
  /// `nil`: it was not measured.
  package var disk: Disk?
  /// `nil`: its state was not compared with others' yet.
  package var agreement: Agreement?
  /// Why it neither votes nor counts until its group has given it what it may lack; `nil`: it does.
  package var doubt: Trust.Cause?

  package struct ShardReport: Hashable, Sendable {
    package var shard: ShardID
    package var status: ShardStatus
    package var isOwned: Bool
    package var keys: Int
    /// Bytes of keys and values.
    package var bytes: Int
    package init(shard: ShardID, status: ShardStatus, isOwned: Bool, keys: Int, bytes: Int) {
      self.shard = shard
      self.status = status
      self.isOwned = isOwned
      self.keys = keys
      self.bytes = bytes
    }
  }

  package struct Follower: Hashable, Sendable {
    package var replica: ReplicaID
    /// What is known to be durable there.
    package var match: LogIndex
    /// Since it answered last.
    package var silentMilliseconds: UInt64

    package init(replica: ReplicaID, match: LogIndex, silentMilliseconds: UInt64) {
      self.replica = replica
      self.match = match
      self.silentMilliseconds = silentMilliseconds
    }
  }

  /// The file system that holds the replica's folder.
  package struct Disk: Hashable, Sendable {
    /// Bytes.
    package var free: UInt64
    package var total: UInt64
    package var room: Room

    package init(free: UInt64, total: UInt64, room: Room) {
      self.free = free
      self.total = total
      self.room = room
    }
  }

  /// How a replica's state compares with those of the other members.
  package struct Agreement: Hashable, Sendable {
    /// Where it was compared last; 0: it was not since it began.
    package var index: LogIndex
    /// How many of the others had the same state there, as far as they have said.
    package var agreeing: Int
    /// How often it was found to have another state than its group; the last time it was rebuilt
    /// for it is counted, others before the process began are not.
    package var differed: UInt64
    /// There are different states in the group, and it cannot be told which is right.
    package var isSplit: Bool

    package init(index: LogIndex, agreeing: Int, differed: UInt64, isSplit: Bool) {
      self.index = index
      self.agreeing = agreeing
      self.differed = differed
      self.isSplit = isSplit
    }
  }

  /// What a replica's disk has room for.
  package enum Room: String, CaseIterable, Sendable {
    case enough
    /// Less than the reserve is left: for all but what makes the data grow.
    case low
    /// For reads only.
    case out
  }

  package struct Counter: Hashable, Sendable {
    package var name: String
    package var value: UInt64
    package init(name: String, value: UInt64) {
      self.name = name
      self.value = value
    }
  }

  package init(
    cluster: ClusterID, group: GroupID, replica: ReplicaID, role: Role, term: Term,
    leader: ReplicaID?, firstIndex: LogIndex, lastIndex: LogIndex, commitIndex: LogIndex,
    appliedIndex: LogIndex, snapshotIndex: LogIndex, journalBytes: UInt64, snapshotBytes: UInt64,
    configuration: ConfigNumber, replicas: [ReplicaAddress], voters: [ReplicaID],
    outgoing: [ReplicaID] = [], learners: [ReplicaID] = [], membershipIndex: LogIndex = .zero,
    isMembershipSettled: Bool = true, followers: [Follower] = [],
    shards: [ShardReport], counters: [Counter], disk: Disk? = nil,
    agreement: Agreement? = nil, doubt: Trust.Cause? = nil
  ) {
    self.cluster = cluster
    self.group = group
    self.replica = replica
    self.role = role
    self.term = term
    self.leader = leader
    self.firstIndex = firstIndex
    self.lastIndex = lastIndex
    self.commitIndex = commitIndex
    self.appliedIndex = appliedIndex
    self.snapshotIndex = snapshotIndex
    self.journalBytes = journalBytes
    self.snapshotBytes = snapshotBytes
    self.configuration = configuration
    self.replicas = replicas
    self.voters = voters
    self.outgoing = outgoing
    self.learners = learners
    self.membershipIndex = membershipIndex
    self.isMembershipSettled = isMembershipSettled
    self.followers = followers
    self.shards = shards
    self.counters = counters
    self.disk = disk
    self.agreement = agreement
    self.doubt = doubt
  }
}

extension Trust.Cause {
  /// In a status.
  package var name: String {
    switch self {
    case .tornTail: "torn"
    case .damage: "damage"
    }
  }
}
