import Basics
import Raft
import Sessions
import ShardMap

/// Everything that one node or client can say to another; one frame each.
package enum WireMessage: Hashable, Sendable {
  /// The first frame of whoever opened the connection.
  case hello(Hello)
  /// The first frame of whoever accepted it.
  case welcome(Welcome)
  /// Why the connection is about to be closed.
  case goodbye(reason: String)
  /// The same, to a replica whose folder is not the one that its group knows: it must not go on.
  case dismissal(reason: String)
  /// Between two replicas of a group.
  case raft(Message)
  /// Likewise: what the state of the sender was at an index.
  case state(StateReport)
  case request(Request)
  case reply(Reply)
}

package struct Hello: Hashable, Sendable {
  /// The versions of this protocol that the sender speaks.
  package var versions: ClosedRange<Int>
  /// `nil`: a client that does not know the cluster's id yet.
  package var cluster: ClusterID?
  /// Set between replicas of one group: who calls, and whom it means to reach.
  package var replica: ReplicaHello?

  package init(versions: ClosedRange<Int>, cluster: ClusterID?, replica: ReplicaHello?) {
    self.versions = versions
    self.cluster = cluster
    self.replica = replica
  }
}

package struct ReplicaHello: Hashable, Sendable {
  package var group: GroupID
  package var identity: GroupIdentity
  package var from: ReplicaID
  package var to: ReplicaID
  /// The caller's folder.
  package var incarnation: Incarnation
  /// `host:port` where the caller is reached: whoever does not know it yet answers there.
  package var address: String

  package init(
    group: GroupID, identity: GroupIdentity, from: ReplicaID, to: ReplicaID,
    incarnation: Incarnation = .unknown, address: String = ""
  ) {
    self.group = group
    self.identity = identity
    self.from = from
    self.to = to
    self.incarnation = incarnation
    self.address = address
  }
}

package struct Welcome: Hashable, Sendable {
  /// The version that both will speak.
  package var version: Int
  package var cluster: ClusterID
  /// ``GroupID/none``: a controller.
  package var group: GroupID
  package var identity: GroupIdentity
  package var replica: ReplicaID
  /// The answering replica's folder.
  package var incarnation: Incarnation

  package init(
    version: Int, cluster: ClusterID, group: GroupID, identity: GroupIdentity, replica: ReplicaID,
    incarnation: Incarnation = .unknown
  ) {
    self.version = version
    self.cluster = cluster
    self.group = group
    self.identity = identity
    self.replica = replica
    self.incarnation = incarnation
  }
}

/// A question of a client, or of one group to another or to the controller.
package struct Request: Hashable, Sendable {
  /// Chosen by the sender; the reply carries it back. Replies may come in any order.
  package var id: UInt64
  package var body: Body

  package init(id: UInt64, body: Body) {
    self.id = id
    self.body = body
  }

  package enum Body: Hashable, Sendable {
    /// To a shard group: a linearizable read.
    case get(key: [UInt8])
    /// The same of any replica: it asks its leader how far it must have applied.
    case getAnywhere(key: [UInt8])
    /// To any replica of a shard group: a read of what it has applied.
    case staleGet(key: [UInt8])
    /// To a shard group: a write, once.
    case write(WriteID, key: [UInt8], WriteOperation)
    /// To a shard group: a new session of one shard; to a controller with `nil`.
    case openSession(ShardID?)
    /// To a controller: the configuration of that number, or the latest.
    case query(ConfigNumber?)
    /// To a controller, once; with `expected` only if that is the newest configuration's number.
    case control(WriteID, ControlCommand, expected: ConfigNumber? = nil)
    /// To a controller, a linearizable read: what a command would do. Nothing is changed.
    case plan(ControlCommand)
    /// To a controller, from a group's leader: its replicas and their addresses.
    case register(GroupID, GroupRecord)
    /// From the new owner of a shard to its source: the next chunk after `cursor` (empty: the
    /// first).
    case shardData(ShardID, left: ConfigNumber, cursor: [UInt8])
    /// From the new owner, after it committed the whole shard: the source may delete its copy.
    case deleteShard(ShardID, left: ConfigNumber)
    /// To the leader of the group that owns the shard, from a node with a client of Redis: what the
    /// client asked for. Opaque to all but nodes. Carried out once, or it is said that it was not.
    case redis(ShardID, work: [UInt8])
    /// To a group's leader: a change of its replicas, or of which of them leads. `done` says that
    /// it has begun, and the status when it is over.
    case membership(MembershipCommand)
    /// To any node: what it knows of itself.
    case status
  }
}

package struct Reply: Hashable, Sendable {
  package var id: UInt64
  package var body: Body

  package init(id: UInt64, body: Body) {
    self.id = id
    self.body = body
  }

  package enum Body: Hashable, Sendable {
    /// The key's value and version.
    case value([UInt8], version: UInt64)
    /// The key does not exist.
    case noKey
    /// To `staleGet`: what the replica holds, and how old that may be.
    case stale(StaleValue)
    case written(WriteAnswer)
    case session(SessionID)
    /// And the peer addresses of all controllers, as the one that answers knows them.
    case configuration(Configuration, controllers: [String])
    /// To `plan`: the configuration that the command would make. A command that would change
    /// nothing is answered with `done`, one that would be refused with the refusal.
    case planned(Configuration)
    /// To `control`: the number of the newest configuration after it. To `register` and
    /// `deleteShard` likewise (0 where there is none).
    case done(ConfigNumber)
    /// Opaque to all but the shard's machine.
    case shardChunk([UInt8])
    /// To `redis`: what came of it. Opaque to all but nodes.
    case redis([UInt8])
    case status(NodeStatus)
    case refused(Refusal)
  }
}

/// Why a request was not carried out. Unless a case says otherwise it was certainly not applied.
package enum Refusal: Hashable, Sendable {
  /// Ask the leader, at this address if known.
  case wrongLeader(hint: String?)
  /// To `getAnywhere`: no leader told this replica at which index the read is linearizable, because
  /// it knows none, or lost it, or got no answer in time. Ask another replica.
  case noLeader
  /// The key's shard is not served here; the number of the configuration this group is in, and who
  /// owns the shard in it (`nil`: nobody).
  case wrongGroup(ConfigNumber, owner: ShardOwner? = nil)
  /// Not now: the shard or the configuration is not here yet. Ask again a little later.
  case notReady
  /// Too much is under way. Ask again later.
  case overloaded
  /// The disks of the group are too full for what makes its data grow, or for any change. Ask again
  /// when there is room.
  case noRoom
  /// The session is no longer known; whether an earlier try of this write was applied is unknown.
  case sessionExpired
  /// It was proposed, and leadership was lost: it may have been applied, or may still be.
  case outcomeUnknown
  /// It can never be carried out; the text says why and what to do.
  case invalid(String)
}

/// The owner of one shard, as a group that does not serve it knows it.
package struct ShardOwner: Hashable, Sendable {
  package var group: GroupID
  /// The configuration in which it became the owner.
  package var since: ConfigNumber
  package var record: GroupRecord

  package init(group: GroupID, since: ConfigNumber, record: GroupRecord) {
    self.group = group
    self.since = since
    self.record = record
  }
}

/// What one replica holds of a key.
package struct StaleValue: Hashable, Sendable {
  /// `nil`: the key does not exist.
  package var value: [UInt8]?
  /// 0 without a value.
  package var version: UInt64
  /// Every write that was acknowledged longer ago than this is in it; milliseconds. The time that a
  /// message of the leader was under way is not counted. A leader says 0: as far as it knows, it
  /// leads.
  package var age: UInt64

  package init(value: [UInt8]?, version: UInt64, age: UInt64) {
    self.value = value
    self.version = version
    self.age = age
  }
}
