import Balancing
import Basics
import ShardMap
import Wire

extension Clerk {
  /// Takes in a reply. One to a request that was given up may still finish its operation.
  mutating func handle(_ reply: Reply, _ connection: ConnectionID, _ index: Int) {
    guard let attempt = attempts[reply.id], attempt.connection == connection,
      let work = operations[attempt.operation]?.work
    else { return }
    let id = attempt.operation
    attempts[reply.id] = nil
    endpoints[index].failures = 0
    if !attempt.isLate {
      let took = now.monotonic - min(attempt.sentAt, now.monotonic)
      requestEnded(index, attempt.party, .success, took: took)
    }
    if parties[attempt.party]?.failures ?? 0 > 0 { parties[attempt.party]?.failures = 0 }
    if case .refused(let refusal) = reply.body {
      // The attempt that followed brings its own refusal.
      guard !attempt.isLate, let pending = operations[id] else { return }
      return handle(refusal, of: pending, id, attempt)
    }
    if parties[attempt.party]?.leaderless ?? 0 > 0 { parties[attempt.party]?.leaderless = 0 }
    guard work.isAnswered(by: reply.body) else {
      operations[id]?.mayHaveBeenApplied = work.isMutation
      operations[id]?.lastProblem = "\(endpoints[index].address) gave an answer to something else"
      if work.isForOnce {
        fail(id, .outcomeUnknown, "an answer to something else came")
      } else if !attempt.isLate {
        enter(.ready, id)
      }
      return failLink(index, "gave an answer to something else", isClosed: false)
    }
    if !work.isForAnyReplica, parties[attempt.party]?.preferred != endpoints[index].address {
      parties[attempt.party]?.preferred = endpoints[index].address
    }
    complete(id, work, reply.body)
  }

  /// A request no longer takes up its connection.
  private mutating func requestEnded(
    _ index: Int, _ party: Party, _ outcome: Outcome, took: UInt64? = nil
  ) {
    endpoints[index].inFlight -= 1
    parties[party]?.pool.ended(
      endpoints[index].backend, outcome, now: now.monotonic, took: took)
    if !endpoints[index].queue.isEmpty { touch(index) }
  }

  private mutating func complete(_ id: OperationID, _ work: Pending.Work, _ body: Reply.Body) {
    if case .configuration(let newer, let replicas) = body { adopt(newer, from: replicas) }
    switch work {
    case .user: finish(id, .reply(body))
    case .refresh: forget(id)
    case .openSession(let key):
      forget(id)
      if case .session(let session) = body { sessionOpened(key, session) }
    }
  }

  private mutating func handle(
    _ refusal: Refusal, of pending: Pending, _ id: OperationID, _ attempt: Attempt
  ) {
    let address = endpoints[attempt.endpoint].address
    if case .user(.toGroup(_, _, let body)) = pending.work, refusal.isAnswerOfGroup {
      // Every replica answers this one. A replica that lags, or that was removed and does not know
      // it, would say the same for ever.
      if case .shardData = body { passOver(address, of: attempt.party) }
      return finish(id, .reply(.refused(refusal)))
    }
    if case .user(.status) = pending.work {
      return fail(id, .unavailable, "\(address) refused: \(refusal)")
    }
    switch refusal {
    case .wrongLeader(let hint):
      operations[id]?.lastProblem = "\(address) does not lead"
      if pending.work.isForAnyReplica { return askAnother(id, attempt) }
      // Several requests learn the same; only the first changes where the others go.
      let isNews = (parties[attempt.party]?.preferred ?? address) == address
      if isNews { passOver(address, of: attempt.party, hint: hint == address ? nil : hint) }
      followHint(id, pending, hint, attempt.party, address)
    case .wrongGroup(let number, let owner): wrongGroup(id, pending, attempt, number, owner)
    case .noLeader:
      operations[id]?.lastProblem = "\(address) knows no leader that answers it"
      if pending.work.isForAnyReplica { return askAnother(id, attempt) }
      rest(id, pending, address, attempt.party)
    case .notReady:
      operations[id]?.lastProblem = "\(address) is not ready"
      if pending.work.isForAnyReplica { return askAnother(id, attempt) }
      rest(id, pending, address, attempt.party)
    case .overloaded:
      operations[id]?.lastProblem = "\(address) is overloaded"
      rest(id, pending, address, attempt.party)
    case .noRoom:
      // What was asked before may have been applied all the same.
      fail(
        id, pending.mayHaveBeenApplied ? .outcomeUnknown : .noRoom,
        "the disks of the servers that \(address) belongs to are too full for it")
    case .sessionExpired: sessionExpired(id)
    case .outcomeUnknown:
      operations[id]?.lastProblem = "\(address) lost its leadership"
      if pending.work.isMutation { operations[id]?.mayHaveBeenApplied = true }
      passOver(address, of: attempt.party)
      if pending.work.isForOnce {
        return fail(id, .outcomeUnknown, "\(address) lost its leadership")
      }
      pause(id)
    case .invalid(let reason):
      if case .openSession(let key) = pending.work {
        forget(id)
        sessionRefused(key, reason)
      } else if pending.work.isUser {
        fail(id, .invalid, reason)
      } else {
        // The refresh goes on with another controller.
        operations[id]?.lastProblem = reason
        passOver(address, of: attempt.party)
        pause(id)
      }
    }
  }

  /// At once, if there is a hint to somebody who can be tried, and they do not lead in circles.
  private mutating func followHint(
    _ id: OperationID, _ pending: Pending, _ hint: String?, _ party: Party, _ address: String
  ) {
    guard let hint, hint != address, pending.hops < 3,
      let index = endpoint(at: hint, isHint: true), !endpoints[index].isSuspect
    else {
      if let hint, hint != address { probeHinted(hint) }
      passOver(address, of: party)
      missLeader(of: party)
      return pause(id)
    }
    operations[id]?.hops = pending.hops + 1
    enter(.ready, id)
  }

  /// Everybody was asked several times, and nobody leads or knows who does: these may be replicas
  /// that were removed and still run, while the group consists of others.
  private mutating func missLeader(of party: Party) {
    parties[party]?.leaderless += 1
    guard case .group = party, let count = parties[party]?.leaderless,
      let replicas = parties[party]?.addresses.count
    else { return }
    if count % (4 * max(replicas, 1)) == 0 { requestRefresh() }
  }

  /// The leader knows best when it will be ready, so it is asked again; now and then another.
  private mutating func rest(
    _ id: OperationID, _ pending: Pending, _ address: String, _ party: Party
  ) {
    if pending.pauses % 3 == 2 { passOver(address, of: party) }
    pause(id)
  }

  /// No reply in time. If the node has said nothing at all since, its connection is given up, and
  /// with it everything that waits there, so that it costs this one timeout only.
  mutating func timeOut(_ request: UInt64) {
    guard let attempt = attempts[request], !attempt.isLate else { return }
    let index = attempt.endpoint
    if endpoints[index].lastReceived <= attempt.sentAt {
      return failLink(index, "no reply in time", isClosed: false, isSilent: true)
    }
    let id = attempt.operation
    attempts[request]?.isLate = true
    requestEnded(index, attempt.party, .abandoned)
    if operations[id]?.work.isForAnyReplica == true {
      operations[id]?.tried.append(endpoints[index].backend)
    }
    operations[id]?.late.append(request)
    if let oldest = operations[id]?.late.first, (operations[id]?.late.count ?? 0) > 4 {
      operations[id]?.late.removeFirst()
      attempts[oldest] = nil
    }
    let address = endpoints[index].address
    passOver(address, of: attempt.party)
    attemptEnded(id, "\(address): no reply in time", address, mayHaveBeenApplied: true)
  }

  /// An attempt is over without a reply.
  mutating func attemptEnded(
    _ id: OperationID, _ problem: String, _ address: String, mayHaveBeenApplied: Bool
  ) {
    guard let pending = operations[id] else { return }
    operations[id]?.lastProblem = problem
    operations[id]?.lastEndpoint = address
    if mayHaveBeenApplied, pending.work.isMutation { operations[id]?.mayHaveBeenApplied = true }
    if case .user(.status) = pending.work { return fail(id, .unavailable, problem) }
    if mayHaveBeenApplied, pending.work.isForOnce { return fail(id, .outcomeUnknown, problem) }
    enter(.ready, id)
  }

  mutating func expire(_ id: OperationID) {
    guard let pending = operations[id] else { return }
    var mayHaveBeenApplied = pending.mayHaveBeenApplied
    if case .inFlight = pending.state, pending.work.isMutation { mayHaveBeenApplied = true }
    operations[id]?.mayHaveBeenApplied = mayHaveBeenApplied
    let problem =
      if case .inFlight = pending.state { "no reply yet" } else { pending.lastProblem }
    fail(
      id, mayHaveBeenApplied ? .outcomeUnknown : .unavailable, "not done in time: \(problem)")
  }

  mutating func fail(_ id: OperationID, _ code: ClerkError.Code, _ message: String) {
    guard let pending = operations[id] else { return }
    finish(
      id,
      .failed(
        ClerkError(
          code: code, message: message, endpoint: pending.lastEndpoint, attempts: pending.attempts,
          mayHaveBeenApplied: code == .outcomeUnknown || pending.mayHaveBeenApplied)))
  }

  private mutating func finish(_ id: OperationID, _ outcome: ClerkOutcome) {
    if operations[id]?.work.isUser == true { effects.finished.append((id, outcome)) }
    forget(id)
  }

  /// Takes an operation out of everything that still needs it.
  mutating func forget(_ id: OperationID) {
    guard let pending = operations.remove(id.rawValue) else { return }
    if pending.work.isUser { userCount -= 1 }
    if case .inFlight(let request) = pending.state, let attempt = attempts[request] {
      attempts[request] = nil
      requestEnded(attempt.endpoint, attempt.party, .abandoned)
    }
    for request in pending.late { attempts[request] = nil }
    switch pending.work {
    case .refresh: refreshEnded()
    case .openSession(let key):
      if sessions[key].opening == id { sessions[key].opening = nil }
    case .user: releaseNumber(of: pending)
    }
  }
}
