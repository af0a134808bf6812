import Basics
import RESP
import RedisCommands
import ShardKV
import ShardMap

/// How far a command on all keys has come. One that concerns the whole cluster goes through the
/// shards in their order, those of one group that are neighbours together: shards that move
/// meanwhile are neither left out nor looked at twice where they stand still.
struct KeyspaceSweep: Sendable {
  /// Shards before this one are done with.
  var next: Int
  /// The first shard that is not asked any more.
  let end: Int
  /// What is asked now.
  var question: KeyspaceQuestion?
  var count = 0
  var keys: [[UInt8]] = []
}

extension Node {
  private var shardCount: Int { identity.layout.shardCount }

  /// Begins a command on all keys.
  func sweep(for command: KeyspaceCommand) -> KeyspaceSweep {
    guard case .scan(let options) = command else {
      return KeyspaceSweep(next: 0, end: shardCount)
    }
    return KeyspaceSweep(next: redis.cursors.place(of: options.cursor).shard, end: shardCount)
  }

  /// What is to be asked next, of the group that owns the shard `sweep.next`; `nil` at the end.
  func question(for command: KeyspaceCommand, _ sweep: inout KeyspaceSweep) -> KeyspaceQuestion? {
    var end = sweep.end
    if redis.settings.routing == .proxy {
      guard let configuration = keys({ $0.configuration }) else { return nil }
      func owner(_ shard: Int) -> GroupID { configuration.owner(of: ShardID(shard)) }
      while sweep.next < sweep.end, owner(sweep.next) == .none { sweep.next += 1 }
      end = sweep.next
      while end < sweep.end, owner(end) == owner(sweep.next) { end += 1 }
    }
    guard sweep.next < end, let topic = topic(of: command) else { return nil }
    return KeyspaceQuestion(topic: topic, shards: sweep.next..<end)
  }

  private func topic(of command: KeyspaceCommand) -> KeyspaceQuestion.Topic? {
    switch command {
    case .matching(let pattern): return .matching(pattern)
    case .scan(let options):
      return .scan(
        after: redis.cursors.place(of: options.cursor).after,
        looks: Int(min(options.count, Int64(redis.settings.scanLooksMax))),
        pattern: options.pattern)
    case .count: return .count
    case .anyKey: return .anyKey
    case .flush: return .flush
    case .countInSlot, .inSlot, .statistics: return nil
    }
  }

  /// Answers a question from the applied state, at `now` of the replicated clock.
  mutating func answer(_ question: KeyspaceQuestion, now: UInt64) -> RemoteResult {
    let shards = question.shards
    switch question.topic {
    case .count: return .count(keys { $0.keyCount(in: shards) } ?? 0)
    case .matching(let pattern):
      let limit = redis.settings.keysBytesMax
      return .keys(
        keys {
          $0.keys(matching: GlobPattern(pattern), in: shards, now: now, bytesMax: limit)
        } ?? nil)
    case .scan(let after, let looks, let pattern):
      let place = ShardGroupMachine.ScanPlace(shard: shards.lowerBound, after: after)
      let found = keys {
        $0.scan(
          from: place, before: shards.upperBound, looks: looks,
          pattern: pattern.map { GlobPattern($0) }, now: now)
      }
      return .scanned(found?.keys ?? [], next: found?.next)
    case .anyKey:
      var generator = random
      defer { random = generator }
      let key = keys { $0.randomKey(in: shards, now: now, random: &generator) } ?? nil
      return .keys(key.map { [$0] } ?? [])
    case .flush: return .elsewhere
    }
  }

  /// The answer of a command on one slot, which only clusters have.
  func answerOnSlot(_ command: KeyspaceCommand, now: UInt64) -> RESP.Reply {
    let most = Int64(redis.settings.scanLooksMax)
    return switch command {
    case .countInSlot(let slot): .integer(Int64(keys { $0.keyCount(slot: slot) } ?? 0))
    case .inSlot(let slot, let limit):
      .array(
        (keys { $0.keys(slot: slot, max: Int(min(limit, most)), now: now) } ?? []).map {
          .bulk($0)
        })
    case .statistics(let query): query.reply(keys { $0.slotFigures() } ?? [])
    case .matching, .scan, .count, .anyKey, .flush: .error("ERR this concerns all keys")
    }
  }

  /// Takes a result in. Gives the answer to the client when nothing more is to be asked.
  mutating func fold(
    _ result: RemoteResult, into sweep: inout KeyspaceSweep, of command: KeyspaceCommand
  ) -> RESP.Reply? {
    guard let asked = sweep.question else { return .null }
    sweep.question = nil
    sweep.next = asked.shards.upperBound
    switch result {
    case .count(let count): sweep.count += count
    case .keys(nil): return tooManyKeys
    case .keys(let keys?):
      sweep.keys += keys
      sweep.count += keys.reduce(0) { $0 + $1.count + MachineLimits.replyUpkeepBytes }
      if sweep.count > redis.settings.keysBytesMax { return tooManyKeys }
      if command == .anyKey, let key = keys.first { return .bulk(key) }
    case .scanned(let keys, let next): return scanned(keys, next, sweep, command)
    case .commands, .transaction, .versions, .flushed, .elsewhere: break
    }
    return sweep.next < sweep.end ? nil : finished(command, sweep)
  }

  /// The answer when all shards have been asked.
  func finished(_ command: KeyspaceCommand, _ sweep: KeyspaceSweep) -> RESP.Reply {
    switch command {
    case .matching: .array(sweep.keys.map { .bulk($0) })
    case .count: .integer(Int64(sweep.count))
    case .flush: .ok
    case .scan: .array([.bulk("0"), .array([])])
    case .anyKey, .countInSlot, .inSlot, .statistics: .null
    }
  }

  private var tooManyKeys: RESP.Reply {
    .error("ERR the keys have more than \(redis.settings.keysBytesMax) bytes: use SCAN")
  }

  /// One group was asked; where it came to its end the next call goes on with the next.
  private mutating func scanned(
    _ found: [[UInt8]], _ next: ShardGroupMachine.ScanPlace?, _ sweep: KeyspaceSweep,
    _ command: KeyspaceCommand
  ) -> RESP.Reply {
    var place = next
    if place == nil, sweep.next < sweep.end {
      place = ShardGroupMachine.ScanPlace(shard: sweep.next)
    }
    let cursor = place.map { redis.cursors.cursor(of: $0, salt: redis.salt) } ?? 0
    var isShown = true
    if case .scan(let options) = command { isShown = options.type.map { $0 == "string" } ?? true }
    return .array([.bulk("\(cursor)"), .array(isShown ? found.map { .bulk($0) } : [])])
  }
}
