import Basics
import Clerk
import Journal
import Raft
import ShardMap
import Wire

/// One replica of one group as a value: inputs go in with ``turn(_:_:)``, and what is to be done
/// comes out. Whoever drives it (a loop over real sockets and files, or a simulator) carries the
/// effects out and knows nothing of what they mean. It cannot be copied: a copy that somebody
/// forgets would hold the whole state of its moment for as long as the process runs.
///
/// A turn, in this order, which the order of ``NodeEffects`` continues outside:
///
/// 1. the clock is set, and ticks in which nothing could happen are counted, but no timer fires
///    yet: a process that was stopped first reads its mail;
/// 2. syncs that are done are told to Raft, then everything that was received is handled; what
///    Redis' clients sent is only put into their queue;
/// 3. ticks that are due are given to Raft, and a leader's errands are begun;
/// 4. what Raft has ready is taken: entries go to the journal, messages that promise nothing leave
///    now, votes and acknowledgements wait for the sync, committed entries are applied and
///    answered; then the first of Redis' clients begin what they ask for, and what Raft has of that
///    is taken, too;
/// 5. the journal's batch is written, and one sync ordered for everything in it.
package struct Node<Service: NodeService>: ~Copyable, Sendable where Service.Machine: Sendable {
  package let identity: ReplicaIdentity
  let settings: NodeSettings
  private let anchor = Anchor()

  var now: Moment
  /// Monotonic nanoseconds when this node began.
  let startedAt: UInt64
  package internal(set) var raft: RaftNode
  package internal(set) var service: Service
  var disk: NodeDisk
  var room = DiskRoom()
  var random: SeededGenerator
  var clerk: Clerk
  var effects = NodeEffects()

  /// The last entry applied; what `service` is the state of.
  package internal(set) var applied: LogIndex
  /// Of the entries that were applied in this turn.
  private var appliedBytes = 0
  private var appliedCommands = 0
  /// When the tick after the last one is due, monotonic nanoseconds.
  var nextTick: UInt64
  /// When the next turn must begin at the latest, monotonic nanoseconds.
  package internal(set) var nextDeadline: UInt64

  /// The membership that ``members`` and ``peers`` follow.
  var followed = Membership(voters: [])
  var followedRevision: UInt64?
  /// The replicas in it, ascending.
  var members: [Member] = []
  /// The folders of other replicas, as they said hello.
  var incarnations: [ReplicaID: Incarnation] = [:]

  // Connections.
  var accepted: [ConnectionID: AcceptedLink] = [:]
  var peers: [Peer] = []
  var nextConnection: UInt64 = 1
  /// Bytes to send at the end of this turn, in order of first use.
  var outbox = Outbox()

  // Clients.
  /// Proposals whose clients wait, by log index.
  var proposals: [LogIndex: Proposal] = [:]
  /// Reads since the last round of confirmation was begun, and those under way by round.
  var newReads: [Reader] = []
  var readRounds: [ReadRound] = []
  var nextReadContext: UInt64 = 1
  var waitingReads: Int { readRounds.reduce(newReads.count) { $0 + $1.readers.count } }

  /// Of the applied state, for reads that any replica answers.
  var freshness = Freshness()

  // Errands of a leader.
  var errands: [OperationID: Errand] = [:]
  /// Errands that are not to be begun again: asked (`nil`) or proposed at this index.
  var busyErrands: [Errand.Key: LogIndex?] = [:]
  var nextErrands: UInt64 = 0
  /// What was applied when errands were looked for last, and whether anything else has changed
  /// since that they depend on.
  var errandsSeen = LogIndex.zero
  var haveErrandsChanged = true

  /// The log does not hold them any more.
  package internal(set) var entriesToFree: [Entry] = []

  var redis: RedisPort
  var comparison = StateComparison()

  // Handing over, and stopping.
  var handOver: HandOver?
  /// Requests that came meanwhile, and how long they wait for the next leader to be known.
  var held: [HeldRequest] = []
  var holdDeadline: UInt64 = 0
  /// Whom leadership was handed to last.
  var successor: ReplicaID?
  var drainDeadline: UInt64?
  /// When to look again for connections without a hello.
  var nextHelloCheck: UInt64 = 0
  var lastRole: Role = .follower
  var lastTerm: Term = .zero
  package internal(set) var counters = NodeCounters()

  /// The whole of one turn.
  @_specialize(where Service == ShardGroupService)
  @_specialize(where Service == ControllerService)
  package mutating func turn(_ now: Moment, _ inputs: [NodeInput]) -> NodeEffects {
    self.now = now
    (appliedBytes, appliedCommands) = (0, 0)
    redis.beginTurn()
    raft.setTime(now)
    passIdleTicks()
    var clerkInputs: [LinkInput] = []
    for input in inputs {
      switch input {
      case .synced(let number): synced(number)
      case .diskSpace(let space): measured(space)
      case .background(let result): backgroundDone(result)
      case .measured(let process): redis.process = process
      case .stop: beginDraining()
      case .link(let link): handle(link, &clerkInputs)
      }
    }
    if case .rebuild? = effects.stop { return endForRebuild() }
    advanceTime()
    noteJournalRoom()
    noteGroupRoom()
    runErrands(clerkInputs)
    beginReads()
    proposeClock()
    settle()
    if continueRedis() {
      beginReads()
      settle()
    }
    continueHandOver()
    updateFreshness()
    writeSnapshot()
    freeEntries()
    flushJournal()
    drain()
    nextDeadline = deadline
    outbox.flush(into: &effects.links)
    var result = NodeEffects()
    swap(&result, &effects)
    return result
  }

  /// Takes what Raft has ready until there is no more: applying can lead to proposing again. When
  /// many committed entries come at once, as after a start, the rest of them is for the next turns.
  mutating func settle() {
    followMembership()
    while raft.hasReady(applying: appliesMore) {
      let ready = raft.takeReady(applying: appliesMore)
      counters.elections += raft.term > lastTerm && raft.role != .follower ? 1 : 0
      if let first = ready.entries.first, first.index <= disk.journal.last.index {
        effects.rarePaths.insert(.logTruncated)
      }
      disk.append(ready)
      noteRole()
      for message in ready.messages where !holds(message) { send(message) }
      disk.hold(ready.messagesAfterSync)
      for entry in ready.committed {
        appliedBytes += entry.weight
        apply(entry)
      }
      followMembership()
      for outcome in ready.reads { finishRead(outcome) }
      for chunk in ready.receivedSections { disk.received.append(chunk) }
      for wanted in ready.wantedSections { orderSection(wanted) }
      serveReads()
    }
  }

  private var appliesMore: Bool {
    appliedBytes < settings.appliedBytesMax && appliedCommands < settings.appliedCommandsMax
  }

  private mutating func apply(_ entry: Entry) {
    invariant(
      entry.index == applied.next, "\(identity.replica) applies \(entry.id) after \(applied)")
    let proposal = proposals.removeValue(forKey: entry.index)
    var answer: Reply.Body = .refused(.wrongLeader(hint: leaderAddress))
    let clock = service.clock
    defer { captureForComparison(passing: clock) }
    switch entry.kind {
    case .command:
      let outcome = service.apply(entry)
      applied = entry.index
      appliedCommands += outcome.commandCount
      for discarded in service.takeDiscarded() { effects.background.append(.discard(discarded)) }
      if settings.tellsWhatIsApplied {
        effects.applied.append(
          AppliedCommand(entry: entry.id, payload: entry.payload, outcome: outcome))
      }
      // Another leader's entry stands where the proposal was: the proposal is gone for good.
      if let proposal,
        proposal.term == entry.term || settings.bugs.contains(.answersByIndexAlone)
      {
        switch outcome {
        case .reply(let body):
          answer = body
          if settings.tellsWhatIsApplied { effects.answered.append((proposal.term, entry.id)) }
        case .redis(let result):
          if settings.tellsWhatIsApplied { effects.answered.append((proposal.term, entry.id)) }
          return redisApplied(proposal.asker, result)
        case .again:
          effects.rarePaths.insert(.proposalDecidedAnew)
          if let body = proposal.body {
            handleLeading(proposal.asker, body)
            return
          }
        }
      }
    case .empty, .membership, .clock:
      if entry.kind == .membership { noteMembership(entry) }
      service.advanceClock(to: entry.stamp)
      applied = entry.index
    }
    if let proposal {
      if proposal.term != entry.term { effects.rarePaths.insert(.proposalOverwritten) }
      reply(proposal.asker, answer)
    }
  }

  private mutating func noteMembership(_ entry: Entry) {
    effects.rarePaths.insert(.membershipApplied)
    guard settings.tellsWhatIsApplied, let membership = try? Membership(encoded: entry.payload)
    else { return }
    effects.memberships.append(AppliedMembership(entry: entry.id, membership: membership))
  }

  /// Tells of changes of role, and answers those who wait for what may never come.
  private mutating func noteRole() {
    guard raft.role != lastRole || raft.term != lastTerm else { return }
    let led = lastRole == .leader && (raft.role != .leader || raft.term != lastTerm)
    if raft.role == .leader {
      counters.leaderships += 1
      effects.events.append(NodeEvent(.info, "became leader of term \(raft.term)"))
    } else if led {
      effects.events.append(NodeEvent(.info, "stopped leading in term \(raft.term)"))
    }
    lastRole = raft.role
    lastTerm = raft.term
    if led {
      effects.rarePaths.insert(.steppedDown)
      abandonLeadership()
    }
  }
}

/// Counts since the process started, for the status.
package struct NodeCounters: Hashable, Sendable {
  package var elections: UInt64 = 0
  package var leaderships: UInt64 = 0
  package var syncs: UInt64 = 0
  package var messagesSent: UInt64 = 0
  /// Those of them that are no replies: what the labs call an RPC.
  package var callsSent: UInt64 = 0
  package var messagesReceived: UInt64 = 0
  package var requests: UInt64 = 0
  /// Reads that a leader answered under a lease, without a round.
  package var leaseReads: UInt64 = 0
  /// Linearizable reads for which this replica asked its leader.
  package var followerReads: UInt64 = 0
  /// Questions for the newest configuration, which clients ask.
  package var configurationFetches: UInt64 = 0
  package var snapshotsMade: UInt64 = 0
  package var snapshotsReceived: UInt64 = 0
  /// Snapshots that were given up because the disk was full.
  package var snapshotsWithoutRoom: UInt64 = 0
  /// Passes in which all files were read back, and files that were damaged.
  package var scrubs: UInt64 = 0
  package var damagedFiles: UInt64 = 0
  /// How often the state was found to be that of a quorum, and how often to be another, the time
  /// that led to this start included.
  package var statesAgreed: UInt64 = 0
  package var statesDiffered: UInt64 = 0
}
