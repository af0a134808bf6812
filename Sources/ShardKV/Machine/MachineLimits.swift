import Sessions
import ShardMap

/// Bounds of a ``ShardGroupMachine``. They decide what is answered and how a state looks as bytes,
/// so every replica of a group must have the same.
package struct MachineLimits: Hashable, Sendable {
  /// Of the sessions of one shard.
  package var sessions = SessionLimits()
  /// Bytes of a section of a snapshot; more than twice ``pieceBytesMin``.
  package var sectionBytesMax = 1 << 20
  /// Bytes that a piece of a shard may have at least, whatever was asked for, so that the longest
  /// key and something of its value always fit.
  package var pieceBytesMin = Limits.keyBytesMax + (64 << 10)

  package init() {}
}
