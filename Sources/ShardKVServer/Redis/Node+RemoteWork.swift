import Basics
import Clerk
import RESP
import Raft
import RedisCommands
import ShardKV
import ShardMap
import Wire

/// Work for a Redis client of one node that the leader of a group does.
extension Node {
  // At the node that has the client.

  /// Asks the group that owns `shard`, with encoded ``RemoteWork``. A write is sent once: if its
  /// answer does not come, its fate is unknown.
  mutating func askRemote(
    _ work: [UInt8], isWrite: Bool, at shard: ShardID, for asker: Asker
  ) {
    let patience = redis.settings.remoteMilliseconds * nanosecondsPerMillisecond
    let operation = clerk.submit(
      .redis(shard, work: work, isWrite: isWrite),
      deadline: now.monotonic + patience, now: now)
    redis.remote[operation] = asker
  }

  /// - Returns: whether the operation was one of these.
  mutating func remoteFinished(_ operation: OperationID, _ outcome: ClerkOutcome) -> Bool {
    guard let asker = redis.remote.removeValue(forKey: operation) else { return false }
    switch outcome {
    case .reply(.redis(let bytes)):
      if let result = try? RemoteResult(encoded: bytes) {
        redisFinished(asker, result)
      } else {
        redisRefused(asker, .refused(.outcomeUnknown))
      }
    case .failed(let error) where error.mayHaveBeenApplied:
      redisRefused(asker, .refused(.outcomeUnknown))
    case .failed(let error): redisFailed(asker, error)
    case .reply(let other): redisRefused(asker, other)
    }
    return true
  }

  // At the leader that is asked.

  /// The result of work that does not write, at `now` of the replicated clock.
  mutating func result(of work: RemoteWork, now: UInt64) -> RemoteResult {
    switch work {
    case .commands(let commands):
      return .commands(keys { $0.answer(commands, now: now) } ?? [])
    case .transaction(let transaction):
      return .transaction(keys { $0.answer(transaction, now: now) } ?? .wrongGroup)
    case .versions(let watched):
      return (keys { $0.versions(of: watched, now: now) } ?? nil).map { .versions($0) }
        ?? .elsewhere
    case .keyspace(let question):
      guard keys({ $0.areServed(question.shards) }) == true else { return .elsewhere }
      return answer(question, now: now)
    }
  }

  /// The read of a client of another node is confirmed.
  mutating func remoteConfirmed(_ asker: Asker, _ bytes: [UInt8]) {
    guard let work = try? RemoteWork(encoded: bytes) else {
      return reply(asker, .refused(.invalid("bytes that are no work for a Redis client")))
    }
    let time = raft.role == .leader ? raft.nextStamp() : 0
    if keys({ $0.hasDeadline(of: work.keys, before: time) }) == true {
      redis.clockReaders.append(ClockReader(asker: asker, work: bytes, time: time))
      return
    }
    answerRemote(asker, work, now: max(time, keys { $0.clock } ?? 0))
  }

  mutating func answerRemote(_ asker: Asker, _ work: RemoteWork, now: UInt64) {
    reply(asker, .redis(result(of: work, now: now).encoded()))
  }
}
