import Basics
import Sessions
import Testing

/// What a server keeps of its clients. In the 2025 lab `MemPutManyClientsReliable` wants less than
/// 200 bytes of heap for each of 100,000 clients that put once. Here a client that put something is
/// a session, because a late repeat of what it sent must change nothing: it has a row for an hour
/// after its last write, and a shard has 4,096 rows at most.
struct SessionMemoryScenarios {
  /// Bytes on the heap, as the table's arrays have allocated them.
  private func bytes(_ table: SessionTable) -> Int {
    let header = 32
    let rows = header + table.sessions.capacity * MemoryLayout<SessionTable.Session>.stride
    return table.sessions.reduce(rows) { sum, session in
      session.answers.capacity == 0
        ? sum
        : sum + header + session.answers.capacity * MemoryLayout<SessionTable.Answer>.stride
    }
  }

  private func put(_ client: UInt64, sequences: ClosedRange<UInt64>, _ table: inout SessionTable) {
    let clock = 1_000 + client
    let session = table.issue(nonce: client, clock: clock)
    for sequence in sequences {
      let id = WriteID(session: session, sequence: sequence, firstUnanswered: 1)
      #expect(table.admit(id, clock: clock) == .new)
      table.record(id, answer: sequence, clock: clock)
    }
  }

  @Test("MemPutManyClientsReliable") func oneWriteEach() {
    var table = SessionTable()
    let limits = SessionLimits()
    for client in 1...UInt64(limits.sessionsMax) { put(client, sequences: 1...1, &table) }
    let each = bytes(table) / table.count
    #expect(table.count == limits.sessionsMax && each < 200, "\(each) bytes for a session")
    for client in UInt64(limits.sessionsMax) + 1...100_000 { put(client, sequences: 1...1, &table) }
    #expect(table.count == limits.sessionsMax)
    #expect(bytes(table) <= 100_000 * 8, "\(bytes(table)) bytes for 100,000 clients")
  }

  /// However much a client leaves unanswered, and however many do: what is kept has a limit.
  @Test("What unanswered writes take is bounded") func manyUnanswered() {
    let limits = SessionLimits(sessionsMax: 16)
    var table = SessionTable(limits: limits)
    for client in UInt64(1)...32 { put(client, sequences: 1...3_000, &table) }
    #expect(table.count == limits.sessionsMax)
    #expect(table.sessions.allSatisfy { $0.answers.count <= limits.answersMax })
    #expect(bytes(table) / table.count <= 2 * 16 * limits.answersMax + 200)
  }
}
