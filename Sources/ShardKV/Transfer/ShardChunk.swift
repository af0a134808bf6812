import Basics
import ShardMap

/// One message of a hand-over: a piece of a shard with where it starts and ends.
struct ShardChunk {
  private static let version: UInt8 = 2

  /// The destination's shard with the chunk.
  let result: Shard
  /// The source's replicated clock when it lost the shard.
  let clock: UInt64

  static func encode(
    _ state: Shard, shard: ShardID, left: ConfigNumber, from start: ShardPosition, clock: UInt64,
    withSessions: Bool = true, sizes: (max: Int, min: Int)
  ) -> [UInt8] {
    var writer = ByteWriter()
    writer.u8(version)
    writer.shardID(shard)
    writer.configNumber(left)
    writer.blob(start.cursor)
    let next = state.encodePiece(
      from: start, into: &writer, sizes: sizes, withSessions: withSessions)
    writer.blob(next.cursor)
    writer.varint(clock)
    return writer.bytes
  }

  /// Reads a chunk onto what the destination has; throws if it is not the one that comes next
  /// there.
  init(
    _ bytes: [UInt8], shard: ShardID, left: ConfigNumber, onto state: Shard,
    withVersions: Bool = true
  ) throws(ByteError) {
    var reader = ByteReader(bytes)
    guard try reader.u8("version of chunk") == Self.version,
      try reader.shardID("shard") == shard, try reader.configNumber("fence") == left,
      try reader.blob("cursor") == state.position.cursor
    else {
      throw .malformed(field: "head of chunk", offset: reader.offset)
    }
    var result = state
    try result.addPiece(from: &reader, withVersions: withVersions)
    guard let next = ShardPosition(cursor: try reader.blob("cursor")), next != state.position else {
      throw .malformed(field: "cursor", offset: reader.offset)
    }
    result.position = next
    self.result = result
    clock = try reader.varint("clock")
    try reader.finish("chunk")
  }
}
