import Basics
import RESP
import RedisCommands
import ShardKV
import ShardMap
import Wire

/// A node as the session of a Redis client sees it, for the length of one call.
///
/// It looks at the node where it stands: a copy would share all collections of the node, which then
/// could not be changed in place.
struct NodeFacts<Service: NodeService>: ServerFacts where Service.Machine: Sendable {
  let node: UnsafePointer<Node<Service>>
  /// Asked for with each request, so it stands here.
  let settings: ServerSettings
  let link: ClientDescription.Link

  var wallMicroseconds: Int64 {
    Int64(clamping: node.pointee.now.wall).multipliedClamped(by: 1_000)
  }
  /// A proxy sends them to where they belong.
  var takesWrites: Bool {
    node.pointee.redis.settings.routing == .proxy || node.pointee.raft.role == .leader
  }
  func otherClients() -> [ClientDescription] { node.pointee.redisClients() }
  func information() -> InfoFacts { node.pointee.redisInformation() }
  func clusterMap() -> ClusterMap { node.pointee.redis.map }

  func refusal(of keys: KeySlots, mayBeStale: Bool, isAsking: Bool) -> CommandError? {
    // A proxy asks whoever has them.
    if node.pointee.redis.settings.routing == .proxy { return nil }
    // While nobody leads this group its requests wait.
    if node.pointee.raft.leader == nil {
      switch keys {
      case .one(let slot) where node.pointee.redis.map.isOwn(slot: slot): return nil
      case .several(let first) where node.pointee.redis.map.isOwn(slot: first): return .crossSlot
      default: break
      }
    }
    return node.pointee.redis.map.refusal(of: keys, mayBeStale: mayBeStale)
  }
}

extension Node {
  /// Calls `body` with what the session of the client at `link` may know of this node.
  mutating func withFacts<Result>(
    _ link: ClientDescription.Link, _ body: (NodeFacts<Service>) -> Result
  ) -> Result {
    let settings = redis.server
    return withUnsafePointer(to: &self) {
      body(NodeFacts(node: $0, settings: settings, link: link))
    }
  }

  /// All clients but the one that is being served.
  func redisClients() -> [ClientDescription] {
    var descriptions: [ClientDescription] = []
    redis.forEach { descriptions.append($0.session.description($0.link(at: now.monotonic))) }
    return descriptions
  }

  func redisInformation() -> InfoFacts {
    var facts = InfoFacts()
    facts.program = settings.redis.program
    facts.process = redis.process
    facts.uptimeSeconds = Int64((now.monotonic - startedAt) / 1_000_000_000)
    facts.wallMicroseconds = Int64(clamping: now.wall * 1_000)
    facts.connectedClients = redis.count
    facts.pausedReason =
      redis.pause.map { $0.writesOnly ? "client_pause_write" : "client_pause" } ?? "none"
    let reports = service.shardReports()
    facts.dataMemory = reports.reduce(0) { $0 + Int64($1.bytes) }
    facts.keys = reports.reduce(0) { $0 + ($1.isOwned ? Int64($1.keys) : 0) }
    if let (keys, life) = keys({ $0.deadlineCounts() }) {
      facts.keysWithDeadline = Int64(keys)
      facts.meanLifeMilliseconds = Int64(clamping: life)
    }
    facts.connectionsReceived = redis.counters.connections
    facts.connectionsRejected = redis.counters.rejected
    facts.commandsProcessed = redis.counters.commands
    facts.bytesIn = redis.counters.bytesIn
    facts.bytesOut = redis.counters.bytesOut
    facts.protocolErrors = redis.counters.protocolErrors
    facts.isSnapshotUnderWay = disk.isWritingOwn
    facts.replication = replicationFacts
    facts.disk = diskReport.map {
      InfoFacts.Disk(
        free: $0.free, total: $0.total, reserve: room.reserve(settings), room: $0.room.rawValue)
    }
    return facts
  }

  private var replicationFacts: InfoFacts.Replication {
    var facts = InfoFacts.Replication()
    facts.isLeader = raft.role == .leader
    facts.logID = String(
      ("\(identity.groupIdentity)" + "\(identity.groupIdentity)" + "00000000").prefix(40))
    facts.appliedIndex = applied.rawValue
    if raft.role != .leader {
      facts.leader = raft.leader.flatMap { member($0)?.address.redis }.flatMap { Endpoint($0) }
        .map { ($0.host, $0.port) }
    }
    for follower in raft.progress {
      guard let endpoint = member(follower.id).flatMap({ Endpoint($0.address.redis) }) else {
        continue
      }
      facts.replicas.append(
        InfoFacts.Replica(
          host: endpoint.host, port: endpoint.port, index: follower.match.rawValue,
          lagSeconds: Int64(follower.ticksSinceHeard) / 100))
    }
    return facts
  }
}
