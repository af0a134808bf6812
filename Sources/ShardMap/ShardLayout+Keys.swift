import Basics
import Checksums

extension ShardLayout {
  /// The shard that holds `key`.
  package func shard(of key: [UInt8]) -> ShardID {
    switch mapping {
    case .slots: shard(ofSlot: Self.slot(of: key))
    case .firstByte: ShardID(Int(key.first ?? 0) % shardCount)
    }
  }

  /// The slot of `key`, 0..<``slotCount``, as in Redis Cluster: CRC16 of the part between the first
  /// `{` and the next `}` if there is one and it is not empty, else of the whole key.
  package static func slot(of key: [UInt8]) -> Int {
    Int(CRC16.xmodem(key, in: hashedRange(of: key))) % slotCount
  }

  /// The shard that holds a slot. Slots outside 0..<``slotCount`` do not exist.
  package func shard(ofSlot slot: Int) -> ShardID {
    invariant(0..<Self.slotCount ~= slot, "slot \(slot) of \(Self.slotCount)")
    return ShardID(slot * shardCount / Self.slotCount)
  }

  /// The slots of `shard`: contiguous, and all shards' together are 0..<``slotCount`` in order. Two
  /// shards differ by at most one slot. Empty for a shard that does not exist.
  package func slots(of shard: ShardID) -> Range<Int> {
    guard shard.index < shardCount else { return Self.slotCount..<Self.slotCount }
    return firstSlot(of: shard.index)..<firstSlot(of: shard.index + 1)
  }

  /// The least slot whose product with `shardCount` reaches `shard` × ``slotCount``.
  private func firstSlot(of shard: Int) -> Int {
    (shard * Self.slotCount + shardCount - 1) / shardCount
  }

  private static func hashedRange(of key: [UInt8]) -> Range<Int> {
    guard let open = key.firstIndex(of: UInt8(ascii: "{")) else { return 0..<key.count }
    let tagStart = open + 1
    guard let close = key[tagStart...].firstIndex(of: UInt8(ascii: "}")), close > tagStart else {
      return 0..<key.count
    }
    return tagStart..<close
  }
}
