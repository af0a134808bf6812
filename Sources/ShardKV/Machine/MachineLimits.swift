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
  /// Keys whose deadline is over that one entry of the log removes, so that applying it takes a
  /// bounded time.
  package var expiredPerEntryMax = 256
  /// Bytes of the replies to the commands of one entry or one question, each reply counted with
  /// ``replyUpkeepBytes`` more. They have to fit into one frame between nodes.
  package var replyBytesMax = 12 << 20

  /// What a reply costs besides its bytes, also one within another.
  package static let replyUpkeepBytes = 16

  package init() {}
}
