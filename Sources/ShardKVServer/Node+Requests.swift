import Basics
import Raft
import ShardMap
import Wire

/// Whom to answer.
struct Asker: Sendable {
  var connection: ConnectionID
  /// The number of its request; of a Redis client that of its ``RedisWork``.
  var request: UInt64
}

/// A client that waits for an entry to be applied.
struct Proposal: Sendable {
  var term: Term
  var asker: Asker
  /// The request, if it may have to be decided anew; a Redis client keeps its own.
  var body: Request.Body?
}

extension Node {
  /// A request of a client or of another group.
  mutating func handle(_ request: Request, on connection: ConnectionID) {
    counters.requests += 1
    let asker = Asker(connection: connection, request: request.id)
    if case .status = request.body { return reply(asker, .status(status())) }
    if case .membership(let command) = request.body { return handle(command, asker) }
    if case .query(nil) = request.body { counters.configurationFetches += 1 }
    if case .staleGet(let key) = request.body, identity.group != .none {
      return reply(asker, staleRead(key))
    }
    if let answer = service.answerAnywhere(request.body) { return reply(asker, answer) }
    decide(asker, request.body)
  }

  /// Decides on a request that only the leader may answer, or a replica that asked it.
  mutating func decide(_ asker: Asker, _ body: Request.Body) {
    if case .getAnywhere = body, raft.role != .leader, identity.group != .none {
      readHere(asker, body)
    } else {
      handleLeading(asker, body)
    }
  }

  /// Decides on a request that only the leader may answer.
  mutating func handleLeading(_ asker: Asker, _ body: Request.Body) {
    if holdsRequests {
      if let answer = movedAway(body) { return reply(asker, answer) }
      return hold(asker, body)
    }
    guard raft.role == .leader, drainDeadline == nil else {
      return reply(asker, .refused(.wrongLeader(hint: leaderAddress)))
    }
    guard proposals.count + waitingReads < settings.requestsMax else {
      effects.rarePaths.insert(.overloaded)
      return reply(asker, .refused(.overloaded))
    }
    switch service.admit(body, nonce: random.next()) {
    case .reply(let answer):
      if case .written = answer { effects.rarePaths.insert(.writeAnsweredAgain) }
      reply(asker, answer)
    case .read: newReads.append(Reader(asker: asker, body: body))
    case .propose(let payload):
      if isRefused(body) {
        if seeksRoom { return hold(asker, body) }
        effects.rarePaths.insert(.refusedForRoom)
        return reply(asker, .refused(.noRoom))
      }
      guard let id = raft.propose(payload) else {
        effects.rarePaths.insert(.overloaded)
        return reply(asker, .refused(.overloaded))
      }
      let isPlanned = if case .control = body { true } else { false }
      proposals[id.index] = Proposal(
        term: id.term, asker: asker, body: isPlanned ? body : nil)
    }
  }

  /// The answer if another group owns the shard, or `nil`. To say so takes no leadership, and a
  /// group that has left and stops has nobody who would lead next.
  private func movedAway(_ body: Request.Body) -> Reply.Body? {
    let answer: Reply.Body
    if case .get = body {
      answer = service.read(body)
    } else if case .reply(let refusal) = service.admit(body, nonce: 0) {
      answer = refusal
    } else {
      return nil
    }
    return if case .refused(.wrongGroup) = answer { answer } else { nil }
  }

  mutating func reply(_ asker: Asker, _ body: Reply.Body) {
    if asker.connection.isRedis { return redisRefused(asker, body) }
    guard accepted[asker.connection] != nil else { return }
    switch body {
    case .refused(.sessionExpired): effects.rarePaths.insert(.sessionExpired)
    case .refused(.notReady): effects.rarePaths.insert(.shardNotReady)
    default: break
    }
    outbox.send(.reply(Reply(id: asker.request, body: body)), on: asker.connection)
  }

  /// Where the leader of this group listens, or who is likely to be it, if that is another.
  var leaderAddress: String? {
    let likely = now.monotonic < holdDeadline ? successor : nil
    guard let leader = raft.leader ?? likely, leader != identity.replica else { return nil }
    return member(leader)?.address.peer ?? peers.first { $0.address.id == leader }?.address.peer
  }

  /// This replica no longer leads: whoever waits for a proposal learns that its outcome is unknown,
  /// and whoever waits for a read asks elsewhere. Errands are the next leader's.
  mutating func abandonLeadership() {
    if !settings.bugs.contains(.answersByIndexAlone) { abandonProposals() }
    abandonReads()
    for operation in errands.keys.sorted() { clerk.cancel(operation) }
    errands = [:]
    busyErrands = [:]
  }

  private mutating func abandonProposals() {
    if !proposals.isEmpty { effects.rarePaths.insert(.proposalsAbandoned) }
    for index in proposals.keys.sorted() {
      guard let proposal = proposals[index] else { continue }
      reply(proposal.asker, .refused(.outcomeUnknown))
    }
    proposals = [:]
  }
}
