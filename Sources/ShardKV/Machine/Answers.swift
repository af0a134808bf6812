import Basics
import RESP
import RedisCommands
import Sessions
import ShardMap

/// What became of a committed command.
package enum Output: Hashable, Sendable {
  /// The write was applied now, or had been applied earlier with this answer.
  case write(WriteAnswer)
  /// The write was not applied: its session is unknown, or nobody waits for it.
  case expired
  /// The write was not applied: its key or value, or the value after an append, is over ``Limits``.
  case tooLarge
  /// The write was not applied: its shard is not served here. No session remembers this, so that
  /// the write can be tried where the shard is.
  case wrongGroup
  /// Of each of Redis' commands, in their order.
  case commands([CommandOutcome])
  case transaction(TransactionOutcome)
  /// The keys of those shards that are served here are removed. Not whole: not all that were meant.
  case flushed(isWhole: Bool)
  /// Every other command.
  case done
}

/// What became of one of Redis' commands.
package enum CommandOutcome: Hashable, Sendable {
  /// It was carried out, or can never be: the reply says which.
  case reply(Reply)
  /// Nothing was done: the shard of its keys is not this group's.
  case wrongGroup
  /// Nothing was done: the shard is this group's, its data is not here yet.
  case notReady
  /// Nothing was done, nor for those behind it: the replies before leave no room for its own
  /// (``MachineLimits/replyBytesMax``). To be asked for again with those behind it.
  case later
}

/// What became of EXEC.
package enum TransactionOutcome: Hashable, Sendable {
  case result(Transaction.Result)
  /// Nothing was done: the shard of its keys is not this group's.
  case wrongGroup
  /// Nothing was done: the shard is this group's, its data is not here yet.
  case notReady
}

/// Why a write need not be proposed.
package enum WriteRefusal: Hashable, Sendable {
  case wrongGroup
  /// The shard is this group's, its data is not here yet.
  case notReady
  case expired
  case tooLarge
  /// It was applied before.
  case answered(WriteAnswer)
}

package enum ReadAnswer: Hashable, Sendable {
  case value([UInt8], version: UInt64)
  case noKey
  case wrongGroup
  /// The shard is this group's, its data is not here yet.
  case notReady
}

/// What the leader of a group still has to do for a hand-over.
package enum Duty: Hashable, Sendable {
  /// Ask the source for the chunk at `cursor` and propose ``Command/installChunk(_:left:bytes:)``.
  case pull(ShardID, left: ConfigNumber, group: GroupID, from: GroupRecord, cursor: [UInt8])
  /// Ask the source to delete its copy, and propose ``Command/confirmDeleted(_:left:)`` when it
  /// has.
  case requestDeletion(ShardID, left: ConfigNumber, group: GroupID, from: GroupRecord)
}

/// The answer of a source to the question for a chunk.
package enum ChunkAnswer: Hashable, Sendable {
  case chunk([UInt8])
  /// This replica has not come to that hand-over yet.
  case notReady
  /// The hand-over is over, or never was.
  case gone
}

/// The answer of a source to the request to delete its copy.
package enum DeletionAnswer: Hashable, Sendable {
  case alreadyDone
  /// Propose ``Command/deleteShard(_:left:)``, then answer.
  case propose
  /// This replica has not come to that hand-over yet.
  case notReady
}

/// One shard as ``ShardGroupMachine/report()`` shows it.
package struct ShardSummary: Hashable, Sendable {
  package var shard: ShardID
  package var status: ShardStatus
  /// The configuration gives it to this group.
  package var isOwned: Bool
  package var keys: Int
  /// Bytes of keys and values.
  package var bytes: Int

  package init(shard: ShardID, status: ShardStatus, isOwned: Bool, keys: Int, bytes: Int) {
    self.shard = shard
    self.status = status
    self.isOwned = isOwned
    self.keys = keys
    self.bytes = bytes
  }
}

/// An answer as the number that ``SessionTable`` keeps.
enum AnswerCode {
  private static let missing: UInt64 = 0
  private static let compareFailed: UInt64 = 1
  private static let tooLarge: UInt64 = 2
  /// Followed by the versions from 0 on.
  private static let written: UInt64 = 3

  static func encode(_ output: Output) -> UInt64 {
    switch output {
    case .write(.missing): missing
    case .write(.compareFailed): compareFailed
    case .write(.written(let version)): written &+ version
    default: tooLarge
    }
  }

  static func decode(_ code: UInt64) -> Output {
    switch code {
    case missing: .write(.missing)
    case compareFailed: .write(.compareFailed)
    case tooLarge: .tooLarge
    default: .write(.written(version: code - written))
    }
  }
}
