import Basics
import Testing

@testable import Sessions

struct SessionTableTests {
  private static func id(
    _ issued: UInt64, _ sequence: UInt64, first: UInt64 = 1, nonce: UInt64 = 1
  ) -> WriteID {
    WriteID(
      session: SessionID(issued: issued, nonce: nonce), sequence: sequence, firstUnanswered: first)
  }

  /// Admits and records; the verdict.
  private static func write(
    _ id: WriteID, answer: UInt64, clock: UInt64, _ table: inout SessionTable
  )
    -> SessionVerdict
  {
    let verdict = table.admit(id, clock: clock)
    if verdict == .new { table.record(id, answer: answer, clock: clock) }
    return verdict
  }

  @Test func aRepeatGetsTheFirstAnswer() {
    var table = SessionTable()
    #expect(table.verdict(for: Self.id(5, 1)) == .new)
    #expect(Self.write(Self.id(5, 1), answer: 7, clock: 5, &table) == .new)
    #expect(Self.write(Self.id(5, 1), answer: 8, clock: 9, &table) == .repeated(7))
    #expect(table.verdict(for: Self.id(5, 1)) == .repeated(7))
    #expect(Self.write(Self.id(5, 1, nonce: 2), answer: 9, clock: 9, &table) == .new)
  }

  @Test func writesArriveInAnyOrder() {
    var table = SessionTable()
    for sequence: UInt64 in [4, 2, 9, 1] {
      #expect(Self.write(Self.id(5, sequence), answer: sequence, clock: 5, &table) == .new)
    }
    for sequence: UInt64 in [1, 2, 4, 9] {
      #expect(Self.write(Self.id(5, sequence), answer: 0, clock: 5, &table) == .repeated(sequence))
    }
    #expect(table.verdict(for: Self.id(5, 3)) == .new)
  }

  @Test func whatNobodyWaitsForIsForgottenAndNeverApplied() {
    var table = SessionTable()
    for sequence: UInt64 in 1...3 {
      _ = Self.write(Self.id(5, sequence), answer: sequence, clock: 5, &table)
    }
    #expect(Self.write(Self.id(5, 5, first: 3), answer: 5, clock: 5, &table) == .new)
    #expect(table.verdict(for: Self.id(5, 2)) == .expired)
    #expect(table.admit(Self.id(5, 1), clock: 5) == .expired)
    #expect(table.admit(Self.id(5, 3), clock: 5) == .repeated(3))
    // It was not seen, but the client has given it up or got its answer.
    #expect(table.admit(Self.id(5, 4, first: 5), clock: 5) == .expired)
    // A client that contradicts itself.
    #expect(table.admit(Self.id(6, 1, first: 2), clock: 6) == .expired)
    #expect(table.count == 1)
  }

  @Test func aNewSessionIsAboveTheFloor() {
    var table = SessionTable()
    #expect(table.issue(nonce: 3, clock: 10) == SessionID(issued: 10, nonce: 3))
    table.raiseFloor(to: 50)
    table.raiseFloor(to: 20)
    let session = table.issue(nonce: 3, clock: 10)
    #expect(session == SessionID(issued: 51, nonce: 3))
    let id = WriteID(session: session, sequence: 1, firstUnanswered: 1)
    #expect(Self.write(id, answer: 1, clock: 10, &table) == .new)
    #expect(table.admit(Self.id(50, 1), clock: 10) == .expired)
    #expect(table.verdict(for: Self.id(50, 1)) == .expired)
  }

  @Test func aSessionOfTheFutureWasNeverIssued() {
    var table = SessionTable()
    #expect(table.admit(Self.id(UInt64.max, 1), clock: 10) == .expired)
    #expect(table.admit(Self.id(12, 1), clock: 10) == .expired)
    #expect(table.admit(Self.id(12, 1), clock: 12) == .new)
  }

  @Test func theSessionUnusedForLongestIsPushedOut() {
    var table = SessionTable(limits: SessionLimits(sessionsMax: 3))
    for issued: UInt64 in 1...3 {
      _ = Self.write(Self.id(issued, 1), answer: issued, clock: issued, &table)
    }
    #expect(table.admit(Self.id(1, 1), clock: 4) == .repeated(1))
    #expect(Self.write(Self.id(5, 1), answer: 5, clock: 5, &table) == .new)
    #expect(table.floor == 2 && table.count == 3)
    #expect(table.admit(Self.id(2, 1), clock: 6) == .expired)
    #expect(table.admit(Self.id(2, 2), clock: 6) == .expired)
    #expect(table.admit(Self.id(1, 1), clock: 6) == .repeated(1))
    // Equally old: the lower id goes.
    var tied = SessionTable(limits: SessionLimits(sessionsMax: 2))
    _ = Self.write(Self.id(2, 1), answer: 0, clock: 9, &tied)
    _ = Self.write(Self.id(1, 1), answer: 0, clock: 9, &tied)
    _ = Self.write(Self.id(3, 1), answer: 0, clock: 9, &tied)
    #expect(tied.admit(Self.id(1, 1), clock: 9) == .expired)
    #expect(tied.admit(Self.id(2, 1), clock: 9) == .repeated(0))
  }

  @Test func anIdleSessionExpires() {
    var table = SessionTable(limits: SessionLimits(idleMilliseconds: 100))
    _ = Self.write(Self.id(10, 1), answer: 1, clock: 10, &table)
    _ = Self.write(Self.id(20, 1), answer: 2, clock: 20, &table)
    #expect(table.admit(Self.id(10, 1), clock: 110) == .repeated(1))
    #expect(table.admit(Self.id(20, 1), clock: 121) == .expired)
    #expect(table.floor == 20 && table.count == 1)
    #expect(table.admit(Self.id(10, 1), clock: 121) == .repeated(1))
    #expect(table.admit(Self.id(10, 2), clock: 222) == .expired)
    #expect(table.count == 0)
  }

  @Test func answersBeyondTheLimitAreForgottenFromTheLowest() {
    var table = SessionTable(limits: SessionLimits(answersMax: 4))
    for sequence: UInt64 in 1...6 {
      _ = Self.write(Self.id(5, sequence), answer: sequence, clock: 5, &table)
    }
    #expect(table.admit(Self.id(5, 2), clock: 5) == .expired)
    #expect(table.admit(Self.id(5, 3), clock: 5) == .repeated(3))
  }

  /// Whatever is repeated, late, reordered or pushed out: nothing is applied twice, and a write
  /// that is waited for within a living session is answered as the first time.
  @Test(arguments: 0..<20) func nothingAppliesTwice(seed: Int) {
    var generator = SeededGenerator(seed: UInt64(seed))
    let limits = SessionLimits(sessionsMax: 5, answersMax: 6, idleMilliseconds: 400)
    var table = SessionTable(limits: limits)
    var clock: UInt64 = 1000
    var sent: [WriteID] = []
    var answers: [WriteID: UInt64] = [:]
    var sessions = [table.issue(nonce: 0, clock: clock)]
    var next: [SessionID: UInt64] = [:]
    for step: UInt64 in 1...3000 {
      clock += UInt64(generator.next(in: 0...3)) * (generator.chance(0.01) ? 300 : 1)
      if generator.chance(0.02) { sessions.append(table.issue(nonce: step, clock: clock)) }
      let id: WriteID
      if generator.chance(0.4), !sent.isEmpty {
        id = sent[generator.next(in: max(0, sent.count - 50)..<sent.count)]
      } else {
        let session = sessions[generator.next(in: max(0, sessions.count - 8)..<sessions.count)]
        let sequence = (next[session] ?? 0) + 1
        next[session] = sequence
        let first = sequence - min(sequence - 1, UInt64(generator.next(in: 0...4)))
        id = WriteID(session: session, sequence: sequence, firstUnanswered: first)
        sent.append(id)
        // Some are delayed: others overtake them.
        if generator.chance(0.3) { continue }
      }
      let guess = table.verdict(for: id)
      let verdict = table.admit(id, clock: clock)
      if case .repeated = verdict { #expect(guess == verdict) }
      if guess == .expired { #expect(verdict == .expired) }
      switch verdict {
      case .new:
        #expect(answers[id] == nil, "\(id) applied twice")
        answers[id] = step
        table.record(id, answer: step, clock: clock)
      case .repeated(let answer): #expect(answers[id] == answer)
      case .expired: break
      }
      #expect(table.count <= limits.sessionsMax)
      if step % 500 == 0 { table = Self.roundTrip(table) }
    }
    #expect(answers.count > 300)
  }

  private static func roundTrip(_ table: SessionTable) -> SessionTable {
    var writer = ByteWriter()
    table.encode(into: &writer)
    var reader = ByteReader(writer.bytes)
    let copy = try? SessionTable(from: &reader, limits: table.limits)
    #expect(copy == table && reader.isAtEnd)
    return copy ?? SessionTable()
  }

  @Test func aSessionTakesFewBytes() {
    var table = SessionTable()
    let now: UInt64 = 1_795_000_000_000
    for nonce: UInt64 in 1...5 {
      for sequence: UInt64 in 1...100 {
        _ = Self.write(
          Self.id(now, sequence, first: sequence, nonce: nonce), answer: sequence,
          clock: now + 60_000,
          &table)
      }
    }
    var writer = ByteWriter()
    table.encode(into: &writer)
    #expect(writer.count <= 110)
  }

  @Test func damagedBytesAreRefusedOrReadAsATable() {
    var table = SessionTable()
    for step: UInt64 in 1...40 {
      _ = Self.write(Self.id(step % 7 + 1, step), answer: step, clock: step + 10, &table)
    }
    var writer = ByteWriter()
    table.encode(into: &writer)
    for cut in 0..<writer.count {
      var reader = ByteReader(writer.bytes, in: 0..<cut)
      #expect(throws: ByteError.self) { try SessionTable(from: &reader) }
    }
    var generator = SeededGenerator(seed: 3)
    for _ in 0..<500 {
      var bytes = writer.bytes
      bytes[generator.next(in: 0..<bytes.count)] = UInt8(truncatingIfNeeded: generator.next())
      var reader = ByteReader(bytes)
      guard var read = try? SessionTable(from: &reader) else { continue }
      _ = Self.write(Self.id(3, 3), answer: 1, clock: 100, &read)
    }
  }
}
