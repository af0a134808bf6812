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
      configuration: service.configurationNumber, replicas: members.map(\.address),
      voters: raft.membership.voters, outgoing: raft.membership.outgoing,
      learners: raft.membership.learners, membershipIndex: raft.membershipIndex,
      isMembershipSettled: raft.isMembershipSettled, followers: followerReports,
      shards: service.shardReports(), counters: counterList, disk: diskReport,
      agreement: agreementReport, doubt: raft.trust.cause)
  }

  private var followerReports: [NodeStatus.Follower] {
    raft.progress.map {
      NodeStatus.Follower(
        replica: $0.id, match: $0.match,
        silentMilliseconds: UInt64($0.ticksSinceHeard) * RaftSettings.tickMilliseconds)
    }
  }

  private var counterList: [NodeStatus.Counter] {
    [
      NodeStatus.Counter(name: "configurationFetches", value: counters.configurationFetches),
      NodeStatus.Counter(name: "connections", value: UInt64(accepted.count)),
      NodeStatus.Counter(name: "damagedFiles", value: counters.damagedFiles),
      NodeStatus.Counter(name: "elections", value: counters.elections),
      NodeStatus.Counter(name: "followerReads", value: counters.followerReads),
      NodeStatus.Counter(name: "leaderships", value: counters.leaderships),
      NodeStatus.Counter(name: "leaseReads", value: counters.leaseReads),
      NodeStatus.Counter(
        name: "longestRecentTurnMicroseconds", value: redis.process.longestRecentTurnMicroseconds),
      NodeStatus.Counter(
        name: "longestTurnMicroseconds", value: redis.process.longestTurnMicroseconds),
      NodeStatus.Counter(name: "messagesReceived", value: counters.messagesReceived),
      NodeStatus.Counter(name: "messagesSent", value: counters.messagesSent),
      NodeStatus.Counter(name: "requests", value: counters.requests),
      NodeStatus.Counter(name: "scrubs", value: counters.scrubs),
      NodeStatus.Counter(name: "snapshotsMade", value: counters.snapshotsMade),
      NodeStatus.Counter(name: "snapshotsReceived", value: counters.snapshotsReceived),
      NodeStatus.Counter(name: "snapshotsWithoutRoom", value: counters.snapshotsWithoutRoom),
      NodeStatus.Counter(name: "statesAgreed", value: counters.statesAgreed),
      NodeStatus.Counter(name: "statesDiffered", value: counters.statesDiffered),
      NodeStatus.Counter(name: "syncs", value: counters.syncs),
    ]
  }

  /// Bytes of the journal after the newest snapshot was begun, for tests of compaction.
  package var journalBytesSinceSnapshot: UInt64 { disk.journal.bytesSinceSnapshot }

  /// Bytes of the newest snapshot, for the same.
  package var newestSnapshotBytes: UInt64 { disk.journal.newestSnapshotBytes }
}
