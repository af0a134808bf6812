import Basics
import Raft
import ShardMap
import Wire

extension Node {
  /// What this node says of itself.
  package func status() -> NodeStatus {
    NodeStatus(
      cluster: identity.cluster, group: identity.group, replica: identity.replica, role: raft.role,
      term: raft.term, leader: raft.leader, firstIndex: raft.firstIndex, lastIndex: raft.lastIndex,
      commitIndex: raft.commitIndex, appliedIndex: applied, snapshotIndex: raft.snapshot.index,
      journalBytes: disk.journal.journalFileBytes, snapshotBytes: disk.journal.snapshotBytes,
      configuration: service.configurationNumber, replicas: identity.members,
      voters: raft.membership.voters, shards: service.shardReports(), counters: counterList)
  }

  private var counterList: [NodeStatus.Counter] {
    [
      NodeStatus.Counter(name: "connections", value: UInt64(accepted.count)),
      NodeStatus.Counter(name: "elections", value: counters.elections),
      NodeStatus.Counter(name: "leaderships", value: counters.leaderships),
      NodeStatus.Counter(name: "messagesReceived", value: counters.messagesReceived),
      NodeStatus.Counter(name: "messagesSent", value: counters.messagesSent),
      NodeStatus.Counter(name: "requests", value: counters.requests),
      NodeStatus.Counter(name: "snapshotsMade", value: counters.snapshotsMade),
      NodeStatus.Counter(name: "snapshotsReceived", value: counters.snapshotsReceived),
      NodeStatus.Counter(name: "syncs", value: counters.syncs),
    ]
  }

  /// Bytes of the journal after the newest snapshot was begun, for tests of compaction.
  package var journalBytesSinceSnapshot: UInt64 { disk.journal.bytesSinceSnapshot }

  /// Bytes of the newest snapshot, for the same.
  package var newestSnapshotBytes: UInt64 { disk.journal.newestSnapshotBytes }

  // Stopping.

  /// New requests are sent elsewhere, and leadership is handed to the follower that has most.
  mutating func beginDraining() {
    guard drainDeadline == nil else { return }
    drainDeadline = now.monotonic + settings.drainMilliseconds * nanosecondsPerMillisecond
  }

  /// Ends a node that was asked to stop, once nobody waits for it.
  mutating func drain() {
    guard let deadline = drainDeadline else { return }
    let isIdle =
      proposals.isEmpty && readRounds.isEmpty && disk.flight == nil
      && effects.sync == nil
    if isIdle, raft.role == .leader, !hasHandedOver,
      let heir = raft.progress.filter({ raft.membership.isVoter($0.id) })
        .max(by: { $0.match < $1.match })
    {
      hasHandedOver = true
      raft.transferLeadership(to: heir.id)
      settle()
    }
    let mayGo = isIdle && (raft.role != .leader || peers.isEmpty)
    if mayGo || now.monotonic >= deadline { effects.stop = effects.stop ?? .drained }
  }
}
