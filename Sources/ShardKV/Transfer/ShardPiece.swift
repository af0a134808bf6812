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
}

extension Shard {
  /// A value is cut in two only if its first part is at least this long.
  private static let partBytesMin = 16 << 10
  /// More than the tags and lengths of an item.
  private static let itemBytes = 48

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
      position =
        withSessions ? encodeSessions(after: id, into: &writer, limit: limit) : .end
    }
    writer.u8(PieceTag.close.rawValue)
    return position
  }

  private func encodeEntries(
    after cursor: [UInt8]?, into writer: inout ByteWriter, limit: Int, _ partMin: Int
  ) -> ShardPosition {
    var last: UnsafeRawBufferPointer?
    var stop: ShardPosition?
    map.forEach(after: cursor) { element in
      let used = writer.count + Self.itemBytes + element.key.count
      if used + element.value.count <= limit {
        writer.u8(PieceTag.entry.rawValue)
        writer.blob(element.key)
        writer.varint(element.version)
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
    let end = map.withElement(of: key) { element in
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
    writer.varint(element.version)
    writer.varint(range.lowerBound)
    writer.blob(UnsafeRawBufferPointer(rebasing: element.value[range]))
  }

  private func encodeSessions(after id: SessionID?, into writer: inout ByteWriter, limit: Int)
    -> ShardPosition
  {
    var last = id
    for index in sessions.index(after: id)..<sessions.count {
      let size = sessions.encodedBytesMax(at: index) + Self.itemBytes
      guard writer.count + size <= limit else { return .sessions(after: last) }
      writer.u8(PieceTag.session.rawValue)
      sessions.encodeSession(at: index, into: &writer)
      last = sessions.id(at: index)
    }
    guard writer.count + Self.itemBytes <= limit else { return .sessions(after: last) }
    writer.u8(PieceTag.floor.rawValue)
    writer.varint(sessions.floor)
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
        let version = try Self.version(from: &reader)
        map.put(key, try reader.blob("value"), version: withVersions ? version : 1)
      case .part: try addPart(from: &reader)
      case .session: try sessions.decodeSession(from: &reader)
      case .floor:
        let floor = try reader.varint("session floor")
        guard floor < UInt64.max else {
          throw .malformed(field: "session floor", offset: reader.offset)
        }
        sessions.raiseFloor(to: floor)
      }
    }
  }

  private mutating func addPart(from reader: inout ByteReader) throws(ByteError) {
    let key = try reader.blob("key")
    let version = try Self.version(from: &reader)
    let offset = try reader.count("offset in a value")
    let present = map.withElement(of: key) { $0.value.count } ?? 0
    guard offset == present else {
      throw .malformed(field: "offset in a value", offset: reader.offset)
    }
    map.append(key, try reader.blob("value"), version: version)
  }

  /// Refuses the upper half of the numbers, which are never reached, so that the next one exists.
  private static func version(from reader: inout ByteReader) throws(ByteError) -> UInt64 {
    let version = try reader.varint("version")
    guard version <= UInt64(Int64.max) else {
      throw .malformed(field: "version", offset: reader.offset)
    }
    return version
  }
}
