import Basics
import Sessions
import ShardMap
import Wire

extension Clerk {
  /// Gives a write its number in the session of its shard. `false`: it waits, for the session or
  /// for room in its window.
  mutating func takeNumber(_ id: OperationID, in key: ShardID?) -> Bool {
    if let session = sessions[key].id {
      if let number = sessions[key].take(window: settings.sessionWindow) {
        operations[id]?.write = WriteID(session: session, sequence: number, firstUnanswered: 1)
        return true
      }
      operations[id]?.lastProblem =
        "\(settings.sessionWindow) earlier writes of its shard are not answered yet"
    } else {
      operations[id]?.lastProblem = "no session of its shard yet"
      openSession(key)
    }
    let ticket = enter(.waiting, id)
    sessions[key].waiting.append(ticket)
    return false
  }

  private mutating func openSession(_ key: ShardID?) {
    guard sessions[key].opening == nil else { return }
    let id = start(Pending(.openSession(key), deadline: .max))
    sessions[key].opening = id
  }

  mutating func sessionOpened(_ key: ShardID?, _ session: SessionID) {
    sessions[key].reset(to: session)
    freedSessions.append(key)
  }

  /// Nobody can open a session there, for this reason.
  mutating func sessionRefused(_ key: ShardID?, _ problem: String) {
    sessions[key].opening = nil
    let waiting = sessions[key].waiting.removeAll()
    for ticket in waiting where isCurrent(ticket) {
      fail(ticket.operation, .invalid, problem)
    }
  }

  /// Lets as many go on as there is room for, each before the next, in the order they came.
  mutating func serveWaiting() {
    while let key = freedSessions.popLast() {
      while sessions[key].hasRoom(window: settings.sessionWindow),
        let ticket = sessions[key].waiting.popFirst()
      {
        guard isCurrent(ticket) else { continue }
        enter(.ready, ticket.operation)
        advance(ticket.operation)
      }
    }
  }

  /// The write is over; its number is no longer waited for.
  mutating func releaseNumber(of pending: Pending) {
    guard let write = pending.write, let key = pending.sessionKey,
      sessions[key].id == write.session
    else { return }
    sessions[key].release(write.sequence)
    if !sessions[key].waiting.isEmpty { freedSessions.append(key) }
  }

  /// What the server needs to know of the session, as of now. A write of a session that is gone
  /// keeps what it said last, which is lower, and so safe.
  mutating func stamp(_ id: OperationID) -> WriteID? {
    guard var write = operations[id]?.write else { return nil }
    if let key = operations[id]?.sessionKey, sessions[key].id == write.session {
      write.firstUnanswered = sessions[key].first
      operations[id]?.write = write
    }
    return write
  }

  /// The session is no longer known to the server. A write that cannot have been applied goes on in
  /// a new session; of any other nobody can tell any more.
  mutating func sessionExpired(_ id: OperationID) {
    guard let pending = operations[id], let write = pending.write,
      let key = pending.sessionKey
    else { return fail(id, .outcomeUnknown, "the server knows no session of it") }
    if sessions[key].id == write.session { sessions[key].reset(to: nil) }
    if pending.mayHaveBeenApplied {
      return fail(
        id, .outcomeUnknown,
        "its session expired, so that nobody knows whether an earlier attempt was applied")
    }
    operations[id]?.write = nil
    operations[id]?.lastProblem = "its session expired"
    operations[id]?.renewals = pending.renewals + 1
    if pending.renewals == 0 { enter(.ready, id) } else { pause(id) }
  }
}
