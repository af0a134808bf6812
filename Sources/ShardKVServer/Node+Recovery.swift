import Basics
import Clerk
import Journal
import Raft
import ShardMap
import Wire

/// Why a node cannot begin from what is in its folder.
package enum NodeRecoveryError: Error, Sendable, CustomStringConvertible {
  case journal(RecoveryError)
  /// A section of the snapshot cannot be read back.
  case snapshot(EntryID, section: Int, reason: String)

  package var description: String {
    switch self {
    case .journal(let error): "\(error)"
    case .snapshot(let snapshot, let section, let reason):
      "snapshot \(snapshot), section \(section): \(reason)"
    }
  }
}

extension Node {
  /// What a node begins with.
  package struct Start: ~Copyable, Sendable {
    package var node: Node
    /// To be done, all and in order, before the first turn.
    package var repairs: [FileEffect]
    /// What recovery cut or kept aside, for the log.
    package var notes: [String]

    /// The node alone, once the repairs are done.
    package consuming func repaired() -> Node { node }
  }

  /// Makes a node of what is in its folder: the state machine from the newest snapshot, Raft from
  /// the promises and the log. What was committed after the snapshot is applied again once a leader
  /// says that it is committed.
  package static func recover(
    _ folder: FolderReader, settings: NodeSettings, seed: UInt64, now: Moment
  ) throws(NodeRecoveryError) -> Start {
    let recovery: Recovery
    do {
      recovery = try Journal.recover(folder, settings: settings.journal)
    } catch {
      throw .journal(error)
    }
    let node = try Node(
      recovery: recovery, folder: folder, settings: settings, seed: seed, now: now)
    return Start(node: node, repairs: recovery.repairs + recovery.syncs, notes: recovery.notes)
  }

  /// Makes a node of what was recovered; `folder` gives the sections of the snapshot.
  package init(
    recovery: Recovery, folder: FolderReader, settings: NodeSettings, seed: UInt64, now: Moment
  ) throws(NodeRecoveryError) {
    var service = Service(identity: recovery.identity, settings: settings)
    if let snapshot = recovery.snapshot {
      service.machine = try Self.restore(snapshot, of: recovery.journal, from: folder, service)
    }
    self.init(
      recovery: recovery, service: service, settings: settings,
      random: SeededGenerator(seed: seed), now: now)
  }

  private static func restore(
    _ snapshot: StoredSnapshot, of journal: Journal, from folder: FolderReader, _ service: Service
  ) throws(NodeRecoveryError) -> Service.Machine {
    var restorer = service.makeRestorer()
    var bytes: [UInt8] = []
    for section in 0..<snapshot.sectionCount {
      do {
        guard let read = journal.readSection(section, of: snapshot.metadata.last) else {
          fatalError("invariant broken: recovery lost section \(section) of \(snapshot)")
        }
        try folder.fill(read, &bytes)
        bytes = try Journal.decodeSection(consume bytes)
        try restorer.consume(bytes)
      } catch {
        throw .snapshot(snapshot.metadata.last, section: section, reason: "\(error)")
      }
    }
    do {
      return try restorer.finish()
    } catch {
      throw .snapshot(
        snapshot.metadata.last, section: snapshot.sectionCount, reason: "\(error)")
    }
  }

  private init(
    recovery: Recovery, service: Service, settings: NodeSettings, random: SeededGenerator,
    now: Moment
  ) {
    identity = recovery.identity
    self.settings = settings
    self.now = now
    startedAt = now.monotonic
    self.service = service
    var random = random
    raft = RaftNode(
      id: recovery.identity.replica, settings: settings.raft,
      membership: Membership(
        first: recovery.identity.members, isJoiner: recovery.identity.isJoiner),
      restored: recovery.state, seed: random.next())
    disk = NodeDisk(journal: recovery.journal)
    clerk = Clerk(
      settings: ClerkSettings(), controllers: settings.controllers,
      cluster: recovery.identity.cluster, firstConnection: Self.firstClerkConnection,
      seed: random.next())
    redis = RedisPort(
      settings.redis,
      endpoint: recovery.identity.members.first { $0.id == recovery.identity.replica }?.redis ?? "",
      salt: recovery.identity.replica.rawValue ^ now.monotonic)
    applied = recovery.snapshot?.metadata.last.index ?? .zero
    nextTick = now.monotonic + RaftSettings.tickMilliseconds * nanosecondsPerMillisecond
    nextDeadline = nextTick
    self.random = random
    if recovery.isDiscarded { counters.statesDiffered = 1 }
    scheduleScrub()
    followMembership()
  }
}
