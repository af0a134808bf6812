import Basics
import Raft
import ShardMap

/// The parts of a digest stand in the tail, one after the other: number (4 bytes) and hash (8
/// bytes), little-endian.
extension StateReport {
  static let type: StaticString = "state"
  /// Each shard and what belongs to none.
  private static let partsMax = ShardLayout.shardCountMax + 1
  private static let partBytes = 12

  func write(to bytes: inout [UInt8]) {
    var writer = FrameWriter(
      .raft, takingOver: &bytes, reserving: 256 + Self.partBytes * digest.parts.count)
    writer.open(Self.type)
    writer.wide("index", digest.index.rawValue)
    writer.number("format", digest.format)
    if isInDoubt { writer.flag("inDoubt", true) }
    var parts = ByteWriter(reserving: Self.partBytes * digest.parts.count)
    for part in digest.parts {
      parts.u32(UInt32(truncatingIfNeeded: part.number))
      parts.u64(part.hash)
    }
    writer.tail("parts", parts.bytes)
    writer.finish(into: &bytes)
  }

  init(_ object: JSONObject) throws(WireError) {
    let bytes = try object.content("parts")
    guard bytes.count % Self.partBytes == 0, bytes.count <= Self.partsMax * Self.partBytes else {
      throw .badField("parts", problem: "is not of up to \(Self.partsMax) parts")
    }
    var reader = ByteReader(bytes)
    var parts: [StateDigest.Part] = []
    parts.reserveCapacity(bytes.count / Self.partBytes)
    while !reader.isAtEnd {
      guard let number = try? reader.u32("number"), let hash = try? reader.u64("hash"),
        number < Self.partsMax, parts.last.map({ $0.number < number }) ?? true
      else { throw .badField("parts", problem: "does not ascend") }
      parts.append(StateDigest.Part(number: Int(number), hash: hash))
    }
    self.init(
      digest: StateDigest(
        index: try object.logIndex("index"),
        format: try object.int("format", max: Int(UInt16.max)), parts: parts),
      isInDoubt: object.has("inDoubt") ? try object.flag("inDoubt") : false)
  }
}
