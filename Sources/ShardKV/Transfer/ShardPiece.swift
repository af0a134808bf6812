import Basics
import Sessions
import ShardMap

// A piece is a run of a shard's content as bytes, for chunks of a hand-over and for snapshots
// alike: items, each after a tag, and a closing tag.

private enum PieceTag: UInt8 {
  case close = 0
  case entry = 1
  case part = 2
  case session = 3
  case floor = 4
  case changes = 5
}

extension Shard {
  /// A value is cut in two only if its first part is at least this long.
  private static let partBytesMin = 16 << 10
  /// More than what an item has besides a key and a value: tag, marks, offset and lengths.
  private static let itemBytes = 64
  /// As many as the last two items have at most: tags and numbers.
  private static let endBytes = 22

  /// Writes what comes after `start`, at most `sizes.max` bytes or `sizes.min`, which is
  /// ``MachineLimits/pieceBytesMin``, if that is more. Gives the position behind it.
  func encodePiece(
    from start: ShardPosition, into writer: inout ByteWriter, sizes: (max: Int, min: Int),
    withSessions: Bool = true
  ) -> ShardPosition {
    let limit = writer.count + max(sizes.max, sizes.min)
    let partMin = min(Self.partBytesMin, sizes.min / 4)
    var position = start
    if case .inside(let key, let offset) = start {
      position = encodePart(of: key, from: offset, into: &writer, limit: limit)
    }
    switch position {
    case .start: position = encodeEntries(after: nil, into: &writer, limit: limit, partMin)
    case .entries(let key):
      position = encodeEntries(after: key, into: &writer, limit: limit, partMin)
    default: break
    }
    if case .sessions(let id) = position {
      position = encodeSessions(
        after: id, into: &writer, limit: limit, withSessions: withSessions)
    }
    writer.u8(PieceTag.close.rawValue)
    return position
  }

  private func encodeEntries(
    after cursor: [UInt8]?, into writer: inout ByteWriter, limit: Int, _ partMin: Int
  ) -> ShardPosition {
    var last: UnsafeRawBufferPointer?
    var stop: ShardPosition?
    keys.map.forEach(after: cursor) { element in
      let used = writer.count + Self.itemBytes + element.key.count
      if used + element.value.count <= limit {
        writer.u8(PieceTag.entry.rawValue)
        writer.blob(element.key)
        writer.marks(element.marks)
        writer.blob(element.value)
        last = element.key
        return true
      }
      if limit - used >= partMin {
        encodePart(element, 0..<limit - used, into: &writer)
        stop = .inside(key: Array(element.key), offset: limit - used)
      } else if let last {
        stop = .entries(after: Array(last))
      } else {
        stop = cursor.map { .entries(after: $0) } ?? .start
      }
      return false
    }
    return stop ?? .sessions(after: nil)
  }

  private func encodePart(
    of key: [UInt8], from offset: Int, into writer: inout ByteWriter, limit: Int
  ) -> ShardPosition {
    let end = keys.map.withElement(of: key) { element in
      let room = limit - writer.count - Self.itemBytes - key.count
      let start = min(offset, element.value.count)
      let end = min(element.value.count, start + room)
      encodePart(element, start..<end, into: &writer)
      return end < element.value.count ? end : nil
    }
    if case .some(.some(let end)) = end { return .inside(key: key, offset: end) }
    return .entries(after: key)
  }

  private func encodePart(
    _ element: ByteMap.Element, _ range: Range<Int>, into writer: inout ByteWriter
  ) {
    writer.u8(PieceTag.part.rawValue)
    writer.blob(element.key)
    writer.marks(element.marks)
    writer.varint(range.lowerBound)
    writer.blob(UnsafeRawBufferPointer(rebasing: element.value[range]))
  }

  private func encodeSessions(
    after id: SessionID?, into writer: inout ByteWriter, limit: Int, withSessions: Bool
  ) -> ShardPosition {
    var last = id
    for index in sessions.index(after: id)..<sessions.count where withSessions {
      // A tag and the session.
      let size = 1 + sessions.encodedBytesMax(at: index)
      guard writer.count + size <= limit else { return .sessions(after: last) }
      writer.u8(PieceTag.session.rawValue)
      sessions.encodeSession(at: index, into: &writer)
      last = sessions.id(at: index)
    }
    guard writer.count + Self.endBytes <= limit else { return .sessions(after: last) }
    if withSessions {
      writer.u8(PieceTag.floor.rawValue)
      writer.varint(sessions.floor)
    }
    writer.u8(PieceTag.changes.rawValue)
    writer.varint(keys.changes)
    return .end
  }

  /// Adds what ``encodePiece(from:into:sizes:withSessions:)`` wrote, up to its closing tag.
  mutating func addPiece(
    from reader: inout ByteReader, withVersions: Bool = true
  ) throws(ByteError) {
    while true {
      guard let tag = PieceTag(rawValue: try reader.u8("tag of an item")) else {
        throw .malformed(field: "tag of an item", offset: reader.offset)
      }
      switch tag {
      case .close: return
      case .entry:
        let key = try reader.blob("key")
        let marks = try reader.marks(withVersions: withVersions)
        keys.restore(key, try reader.blob("value"), marks)
      case .part: try addPart(from: &reader, withVersions: withVersions)
      case .session: try sessions.decodeSession(from: &reader)
      case .floor:
        let floor = try reader.varint("session floor")
        guard floor < UInt64.max else {
          throw .malformed(field: "session floor", offset: reader.offset)
        }
        sessions.raiseFloor(to: floor)
      case .changes: keys.raiseChanges(to: try reader.lowerHalf("number of changes"))
      }
    }
  }

  private mutating func addPart(
    from reader: inout ByteReader, withVersions: Bool
  ) throws(ByteError) {
    let key = try reader.blob("key")
    let marks = try reader.marks(withVersions: withVersions)
    let offset = try reader.count("offset in a value")
    let part = try reader.blob("value")
    guard keys.restorePart(key, at: offset, part, marks) else {
      throw .malformed(field: "offset in a value", offset: reader.offset)
    }
  }
}

extension ByteWriter {
  fileprivate mutating func marks(_ marks: EntryMarks) {
    varint(marks.version)
    varint(marks.modified)
    varint(marks.deadline)
  }
}

extension ByteReader {
  fileprivate mutating func marks(withVersions: Bool) throws(ByteError) -> EntryMarks {
    let version = try lowerHalf("version")
    return EntryMarks(
      version: withVersions ? version : 1, modified: try lowerHalf("modified"),
      deadline: try lowerHalf("deadline"))
  }

  /// Refuses the upper half of the numbers, which are never reached, so that the next one exists.
  fileprivate mutating func lowerHalf(_ field: String) throws(ByteError) -> UInt64 {
    let number = try varint(field)
    guard number <= UInt64(Int64.max) else { throw .malformed(field: field, offset: offset) }
    return number
  }
}
