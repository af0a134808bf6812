import Basics

extension SessionTable {
  /// The number of sessions with ids up to `id`, so the index of the one after it; 0 for `nil`.
  package func index(after id: SessionID?) -> Int {
    guard let id else { return 0 }
    let position = position(of: id)
    return position < sessions.count && sessions[position].id == id ? position + 1 : position
  }

  /// The id of the session at an index below ``count``, ascending.
  package func id(at index: Int) -> SessionID { sessions[index].id }

  /// At most how many bytes ``encodeSession(at:into:)`` writes.
  package func encodedBytesMax(at index: Int) -> Int { 50 + 20 * sessions[index].answers.count }

  /// Writes one session: few bytes, since its numbers are near each other.
  package func encodeSession(at index: Int, into writer: inout ByteWriter) {
    let session = sessions[index]
    writer.varint(session.id.issued)
    writer.u64(session.id.nonce)
    writer.varint(session.lastUsed - min(session.lastUsed, session.id.issued))
    writer.varint(session.firstUnanswered)
    writer.varint(session.answers.count)
    var next = session.firstUnanswered
    for answer in session.answers {
      writer.varint(answer.sequence - next)
      writer.varint(answer.value)
      next = answer.sequence
    }
  }

  /// Adds a session that ``encodeSession(at:into:)`` wrote; its id must be above all that are here.
  package mutating func decodeSession(from reader: inout ByteReader) throws(ByteError) {
    let id = SessionID(
      issued: try reader.varint("session issued"), nonce: try reader.u64("session nonce"))
    let (lastUsed, isFar) = id.issued.addingReportingOverflow(try reader.varint("session use"))
    var session = Session(
      id: id, lastUsed: lastUsed, firstUnanswered: try reader.varint("first unanswered"))
    let count = try reader.count("number of answers", limit: limits.answersMax)
    let isAscending = sessions.last.map { $0.id < id } ?? true
    guard !isFar, id.issued < UInt64.max, isAscending, sessions.count < limits.sessionsMax else {
      throw .malformed(field: "session", offset: reader.offset)
    }
    var next = session.firstUnanswered
    for position in 0..<count {
      let gap = try reader.varint("answer sequence")
      let (sequence, overflow) = next.addingReportingOverflow(gap)
      guard !overflow, position == 0 || gap > 0 else {
        throw .malformed(field: "answer sequence", offset: reader.offset)
      }
      session.answers.append(Answer(sequence: sequence, value: try reader.varint("answer")))
      next = sequence
    }
    sessions.append(session)
    oldestUse = min(oldestUse, lastUsed)
  }

  /// Writes the whole table: equal tables have equal bytes.
  package func encode(into writer: inout ByteWriter) {
    writer.varint(floor)
    writer.varint(count)
    for index in 0..<count { encodeSession(at: index, into: &writer) }
  }

  /// Reads what ``encode(into:)`` wrote.
  package init(from reader: inout ByteReader, limits: SessionLimits = SessionLimits())
    throws(ByteError)
  {
    self.init(limits: limits)
    floor = try reader.varint("session floor")
    guard floor < UInt64.max else {
      throw .malformed(field: "session floor", offset: reader.offset)
    }
    let count = try reader.count("number of sessions", limit: limits.sessionsMax)
    for _ in 0..<count { try decodeSession(from: &reader) }
  }
}
