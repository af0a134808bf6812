import Basics

/// Bounds of a ``SessionTable``. They decide what is answered, so every replica must have the same.
package struct SessionLimits: Hashable, Sendable {
  /// Sessions kept; one more pushes out the one unused for longest.
  package var sessionsMax: Int
  /// Answers kept for one session; one more pushes out the lowest.
  package var answersMax: Int
  /// Milliseconds of the replicated clock after which an unused session is forgotten.
  package var idleMilliseconds: UInt64

  package init(
    sessionsMax: Int = 4096, answersMax: Int = 1024, idleMilliseconds: UInt64 = 3_600_000
  ) {
    self.sessionsMax = sessionsMax
    self.answersMax = answersMax
    self.idleMilliseconds = idleMilliseconds
  }
}

/// What a ``SessionTable`` says of a write.
package enum SessionVerdict: Hashable, Sendable {
  /// Not applied before: apply and record it.
  case new
  /// Applied before, with this answer: apply nothing.
  case repeated(UInt64)
  /// Whether it was applied is no longer known, or nobody waits for it: never apply it.
  case expired
}

/// Remembers what was answered to which write, so that a repeat changes nothing.
///
/// An answer is a number that the owner of the table makes and reads. Sessions stand in ascending
/// order of their ids, which is also nearly the order in which they come, so the table needs no
/// hashing and is the same sequence on every replica.
///
/// A session that is forgotten raises ``floor`` to the moment it was issued; an unknown session
/// issued no later than that may be one of the forgotten and is refused. So a write can be refused
/// for nothing, but never be applied twice.
package struct SessionTable: Equatable, Sendable {
  package struct Answer: Hashable, Sendable {
    package var sequence: UInt64
    package var value: UInt64
  }

  package struct Session: Hashable, Sendable {
    var id: SessionID
    /// The replicated clock at its last write.
    var lastUsed: UInt64
    /// Writes below it are answered or given up: nobody waits for them.
    var firstUnanswered: UInt64
    /// Ascending by sequence, which may have gaps: requests arrive in any order.
    package var answers: [Answer] = []
  }

  package let limits: SessionLimits
  /// No unknown session issued at this moment or before it is admitted.
  package internal(set) var floor: UInt64 = 0
  package internal(set) var sessions: [Session] = []
  /// No session was used last before this moment; spares looking at each of them.
  var oldestUse = UInt64.max

  package init(limits: SessionLimits = SessionLimits()) { self.limits = limits }

  /// What both remember; not how soon they look for idle sessions.
  package static func == (left: Self, right: Self) -> Bool {
    left.limits == right.limits && left.floor == right.floor && left.sessions == right.sessions
  }

  package var count: Int { sessions.count }
  package var isEmpty: Bool { sessions.isEmpty && floor == 0 }

  /// A session that can be used from now on. It is not in the table until its first write, so that
  /// opening one needs no log entry.
  package func issue(nonce: UInt64, clock: UInt64) -> SessionID {
    SessionID(issued: max(clock, floor + 1), nonce: nonce)
  }

  /// What is known of a write before it is proposed. `new` is only a guess: what is still in the
  /// log decides. The other two stay true.
  package func verdict(for id: WriteID) -> SessionVerdict {
    let position = position(of: id.session)
    guard position < sessions.count, sessions[position].id == id.session else {
      return id.session.issued <= floor || id.sequence < id.firstUnanswered ? .expired : .new
    }
    return verdict(for: id, in: position)
  }

  /// Decides whether a committed write is applied; `clock` is the replicated clock with it. If the
  /// answer is `new`, ``record(_:answer:clock:)`` must follow.
  package mutating func admit(_ id: WriteID, clock: UInt64) -> SessionVerdict {
    expireIdle(clock: clock)
    let position = position(of: id.session)
    guard position < sessions.count, sessions[position].id == id.session else {
      // Nothing is issued in the future: a forged id must not push the floor there when it is
      // evicted.
      let isIssued = id.session.issued <= max(clock, floor + 1)
      let isUnknown = id.session.issued > floor && id.sequence >= id.firstUnanswered
      return isIssued && isUnknown ? .new : .expired
    }
    let verdict = verdict(for: id, in: position)
    sessions[position].lastUsed = max(sessions[position].lastUsed, clock)
    forgetAnswers(below: id.firstUnanswered, in: position)
    return verdict
  }

  /// Keeps the answer to a write that ``admit(_:clock:)`` called new.
  package mutating func record(_ id: WriteID, answer: UInt64, clock: UInt64) {
    var position = position(of: id.session)
    if position == sessions.count || sessions[position].id != id.session {
      if sessions.count >= limits.sessionsMax {
        evictLeastRecentlyUsed()
        position = self.position(of: id.session)
      }
      let used = max(clock, id.session.issued)
      sessions.insert(
        Session(id: id.session, lastUsed: used, firstUnanswered: id.firstUnanswered), at: position)
      oldestUse = min(oldestUse, used)
    }
    insert(Answer(sequence: id.sequence, value: answer), in: position)
  }

  /// Refuses unknown sessions issued until `moment` from now on.
  package mutating func raiseFloor(to moment: UInt64) { floor = max(floor, moment) }

  /// The number of sessions with ids below `id`: its place if it is there.
  func position(of id: SessionID) -> Int {
    var low = 0
    var high = sessions.count
    while low < high {
      let middle = (low + high) / 2
      if sessions[middle].id < id { low = middle + 1 } else { high = middle }
    }
    return low
  }

  private func verdict(for id: WriteID, in position: Int) -> SessionVerdict {
    let first = max(sessions[position].firstUnanswered, id.firstUnanswered)
    if id.sequence < first { return .expired }
    let place = place(of: id.sequence, in: position)
    let answers = sessions[position].answers
    if place < answers.count, answers[place].sequence == id.sequence {
      return .repeated(answers[place].value)
    }
    return .new
  }

  /// The number of kept answers below `sequence`.
  private func place(of sequence: UInt64, in position: Int) -> Int {
    let answers = sessions[position].answers
    guard let last = answers.last, last.sequence >= sequence else { return answers.count }
    var low = 0
    var high = answers.count
    while low < high {
      let middle = (low + high) / 2
      if answers[middle].sequence < sequence { low = middle + 1 } else { high = middle }
    }
    return low
  }

  private mutating func insert(_ answer: Answer, in position: Int) {
    let place = place(of: answer.sequence, in: position)
    sessions[position].answers.insert(answer, at: place)
    if sessions[position].answers.count > limits.answersMax {
      let lowest = sessions[position].answers[0].sequence
      forgetAnswers(below: lowest + 1, in: position)
    }
  }

  private mutating func forgetAnswers(below sequence: UInt64, in position: Int) {
    guard sequence > sessions[position].firstUnanswered else { return }
    sessions[position].firstUnanswered = sequence
    let place = place(of: sequence, in: position)
    if place > 0 { sessions[position].answers.removeFirst(place) }
  }

  private mutating func evictLeastRecentlyUsed() {
    guard var victim = sessions.indices.first else { return }
    // Sessions ascend by id, so of equally old ones the first wins.
    for index in sessions.indices where sessions[index].lastUsed < sessions[victim].lastUsed {
      victim = index
    }
    raiseFloor(to: sessions[victim].id.issued)
    sessions.remove(at: victim)
  }

  private mutating func expireIdle(clock: UInt64) {
    let (limit, isEarly) = clock.subtractingReportingOverflow(limits.idleMilliseconds)
    guard !isEarly, oldestUse < limit else { return }
    var newFloor = floor
    var oldest = UInt64.max
    for session in sessions {
      if session.lastUsed < limit {
        newFloor = max(newFloor, session.id.issued)
      } else {
        oldest = min(oldest, session.lastUsed)
      }
    }
    sessions.removeAll { $0.lastUsed < limit }
    floor = newFloor
    oldestUse = oldest
  }
}
