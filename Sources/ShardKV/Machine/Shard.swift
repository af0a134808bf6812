import Basics
import Sessions
import ShardMap

/// What a group has of one shard.
struct Shard: Sendable {
  var status = ShardStatus.serving
  /// The configuration in which the source of the hand-over lost the shard, and so its fence:
  /// while BePulling this group is the source, while Pulling or GCing ``source`` is.
  var left = ConfigNumber.zero
  /// While Pulling or GCing: the group that has the data.
  var source = GroupID.none
  /// While BePulling: the replicated clock when the shard was lost, which moves with it.
  var leftClock: UInt64 = 0
  /// While Pulling: where the next chunk has to start.
  var position = ShardPosition.start
  var keys = Keyspace()
  var sessions: SessionTable

  init(limits: SessionLimits) { sessions = SessionTable(limits: limits) }

  /// There is nothing here that a new shard would not have.
  var isBlank: Bool {
    status == .serving && keys.isBlank && sessions.isEmpty
  }
}
