import Basics
import Clerk
import Raft
import RedisCommands
import ShardMap
import Wire

/// What a ``ClusterMap`` was made of: while this is the same, the map is.
struct ClusterMapKey: Hashable, Sendable {
  var configuration: ConfigNumber
  var membership: UInt64
  var leader: ReplicaID?
  /// Of ``GroupLeaders``.
  var leaders: UInt64
}

extension Node {
  /// Where this node's Redis port is reached; empty if it has none.
  var ownRedisAddress: String {
    (member(identity.replica)?.address ?? identity.members.first { $0.id == identity.replica })?
      .redis ?? ""
  }

  /// The map, made anew if what it says has changed.
  mutating func clusterMap() -> ClusterMap {
    refreshClusterMap()
    return redis.map
  }

  mutating func refreshClusterMap() {
    let key = ClusterMapKey(
      configuration: service.configurationNumber, membership: raft.membershipRevision,
      leader: raft.leader, leaders: redis.leaders.revision)
    guard key != redis.mapOf else { return }
    redis.mapOf = key
    redis.map = makeClusterMap()
  }

  private func makeClusterMap() -> ClusterMap {
    guard let configuration = keys({ $0.configuration }) else { return redis.map }
    var slots: [GroupID: [ClosedRange<Int>]] = [:]
    var epochs: [GroupID: UInt64] = [:]
    for index in configuration.shards.indices {
      let assignment = configuration.shards[index]
      let range = configuration.layout.slots(of: ShardID(index))
      guard assignment.owner != .none, !range.isEmpty else { continue }
      let added = range.lowerBound...range.upperBound - 1
      if let last = slots[assignment.owner]?.last, last.upperBound + 1 == added.lowerBound {
        slots[assignment.owner]?.removeLast()
        slots[assignment.owner]?.append(last.lowerBound...added.upperBound)
      } else {
        slots[assignment.owner, default: []].append(added)
      }
      epochs[assignment.owner] = max(
        epochs[assignment.owner] ?? 0, assignment.since.rawValue)
    }
    let groups = configuration.groupIDs.map { group in
      makeGroup(group, configuration, slots: slots[group] ?? [], epoch: epochs[group] ?? 0)
    }
    return ClusterMap(
      groups: groups, epoch: configuration.number.rawValue, own: Self.nodeID(identity.replica))
  }

  private func makeGroup(
    _ group: GroupID, _ configuration: Configuration, slots: [ClosedRange<Int>], epoch: UInt64
  ) -> ClusterMap.Group {
    let isOwn =
      group == identity.group && configuration.groups[group]?.identity == identity.groupIdentity
    let replicas =
      isOwn
      ? members.map(\.address)
      : redis.leaders.replicas(of: group) ?? configuration.groups[group]?.replicas ?? []
    var nodes: [ClusterMap.Node] = []
    var leader: Int?
    for replica in replicas {
      guard let redis = Endpoint(replica.redis) else { continue }
      if replica.id == (isOwn ? raft.leader : self.redis.leaders.leader(of: group)) {
        leader = nodes.count
      }
      nodes.append(
        ClusterMap.Node(
          id: Self.nodeID(replica.id), host: redis.host, port: redis.port,
          peerPort: Endpoint(replica.peer)?.port ?? 0))
    }
    // Any replica of another group sends a client on to its leader.
    if !isOwn, leader == nil, !nodes.isEmpty { leader = 0 }
    return ClusterMap.Group(slots: slots, nodes: nodes, leader: leader, epoch: epoch)
  }

  /// A replica's id is unique for ever; Redis' names have 40 digits.
  static func nodeID(_ replica: ReplicaID) -> String {
    let digits = "\(replica)"
    return String((digits + digits + digits).prefix(40))
  }

  /// Asks the other groups who leads them, while there are clients who may be sent there.
  mutating func askForLeaders() {
    guard redis.count > 0, now.monotonic >= redis.leaders.nextRound, drainDeadline == nil,
      let configuration = keys({ $0.configuration })
    else { return }
    let pause = redis.settings.leaderQuestionMilliseconds * nanosecondsPerMillisecond
    redis.leaders.nextRound = now.monotonic + pause
    for group in configuration.groupIDs where group != identity.group {
      let replicas =
        redis.leaders.replicas(of: group) ?? configuration.groups[group]?.replicas ?? []
      guard let replica = redis.leaders.replica(to: group, among: replicas) else { continue }
      let question = clerk.submit(
        .status(address: replica.peer), deadline: now.monotonic + 2 * pause, now: now)
      redis.leaders.asked(group, as: question)
    }
  }

  mutating func noteLeader(_ question: OperationID, _ outcome: ClerkOutcome) {
    guard case .reply(.status(let status)) = outcome else {
      return redis.leaders.finished(question, nil)
    }
    redis.leaders.finished(question, status)
  }
}
