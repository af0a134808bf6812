import Checksums

/// How keys map to shards; chosen when the cluster is created and never changed.
package struct ShardLayout: Hashable, Sendable {
  package enum Mapping: UInt8, Sendable {
    /// The slot of the key (or of its `{tag}`), as Redis Cluster; a shard is a range of slots.
    case slots = 0
    /// The key's first byte modulo the number of shards; an empty key is in shard 0.
    case firstByte = 1
  }

  package static let slotCount = 16_384
  package static let shardCountDefault = 64
  package static let shardCountMax = 4_096

  package let mapping: Mapping
  package let shardCount: Int

  /// `nil` unless 1 ≤ `shardCount` ≤ ``shardCountMax``.
  package init?(mapping: Mapping, shardCount: Int) {
    guard 1...Self.shardCountMax ~= shardCount else { return nil }
    self.mapping = mapping
    self.shardCount = shardCount
  }
}
