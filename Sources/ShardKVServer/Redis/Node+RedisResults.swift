import Basics
import Clerk
import RESP
import Raft
import RedisCommands
import ShardKV
import ShardMap
import Wire

/// What comes of the work of Redis' clients.
extension Node {
  /// The entry of a client's work was applied.
  mutating func redisApplied(_ asker: Asker, _ result: RemoteResult) {
    if asker.connection.isRedis {
      redisFinished(asker, result)
    } else {
      reply(asker, .redis(result.encoded()))
    }
  }

  mutating func redisFinished(_ asker: Asker, _ result: RemoteResult) {
    guard var client = takeWaiting(asker) else { return }
    take(result, for: &client)
    leaveReady(consume client)
  }

  /// The read of a client's work is confirmed, and what it has to see is applied.
  mutating func redisConfirmed(_ asker: Asker) {
    guard var client = takeWaiting(asker) else { return }
    let time = raft.role == .leader ? raft.nextStamp() : 0
    if keys({ $0.hasDeadline(of: client.work.keys, before: time) }) == true {
      // A key lives no longer by the clocks of the group, but that is not in the log yet.
      redis.clockReaders.append(ClockReader(asker: asker, work: nil, time: time))
      return redis.putBack(consume client)
    }
    answer(&client, now: max(time, keys { $0.clock } ?? 0))
    leaveReady(consume client)
  }

  /// What became of a client's work that has no result.
  mutating func redisRefused(_ asker: Asker, _ refusal: Wire.Reply.Body) {
    guard var client = takeWaiting(asker) else { return }
    switch refusal {
    case .refused(.outcomeUnknown): fail(&client, Self.unknown)
    case .refused(.wrongLeader), .refused(.noLeader), .refused(.notReady):
      // It was certainly not carried out.
      _ = stall(&client)
    case .refused(.overloaded): fail(&client, Self.overloaded)
    case .refused(.noRoom): fail(&client, Self.noRoom)
    default: fail(&client, CommandError("ERR this server could not carry it out: \(refusal)"))
    }
    leaveReady(consume client)
  }

  /// Another group did not do it, and did certainly not change anything.
  mutating func redisFailed(_ asker: Asker, _ error: ClerkError) {
    guard var client = takeWaiting(asker) else { return }
    let text = error.message.split(whereSeparator: \.isNewline).joined(separator: " ")
    switch error.code {
    case .noRoom:
      // Of a pipeline the commands that take no room are asked for again.
      let isTold =
        refuseForRoom(&client, growthOnly: true) || refuseForRoom(&client, growthOnly: false)
      if !isTold { fail(&client, Self.noRoom) }
    case .invalid: fail(&client, CommandError("ERR \(text)"))
    default: fail(&client, CommandError("TRYAGAIN nothing was changed: \(text)"))
    }
    leaveReady(consume client)
  }

  /// The client that waits for this very work.
  mutating func takeWaiting(_ asker: Asker) -> RedisClient? {
    guard let client = redis.take(asker.connection) else { return nil }
    guard client.work.number == asker.request, case .underWay = client.work.phase else {
      redis.putBack(consume client)
      return nil
    }
    return client
  }

  /// Leaves a client whose work has come further. Its answers are written; what follows is begun at
  /// the end of the turn's work, not in the middle of applying.
  mutating func leaveReady(_ client: consuming RedisClient) {
    writeAnswers(of: &client)
    let rests =
      client.work.isIdle && client.parser.bufferedBytes == 0 && !client.isClosing
      && !client.isPaused
    if case .stalled = client.work.phase {
    } else if !rests {
      redis.enqueue(&client)
    }
    redis.putBack(consume client)
  }

  /// Reads what is under way from the state of now.
  mutating func answer(_ client: inout RedisClient, now: UInt64) {
    if client.work.stage == .tail, case .keyspace(let command, _)? = client.work.tail,
      command.isOnSlot
    {
      return finishTail(answerOnSlot(command, now: now), of: &client)
    }
    guard let remote = client.work.remote else { return }
    if case .keyspace(let question) = remote, redis.settings.routing == .redirect {
      return take(answer(question, now: now), for: &client)
    }
    take(result(of: remote, now: now), for: &client)
  }

  /// Takes a result of what is under way.
  mutating func take(_ result: RemoteResult, for client: inout RedisClient) {
    client.work.phase = .new
    switch (client.work.stage, client.work.tail, result) {
    case (.commands, _, .commands(let outcomes)): take(outcomes, for: &client)
    case (.tail, .watch, .versions(let versions)):
      finishTail(client.session.finishWatch(.success(versions)), of: &client)
    case (.tail, .commit, .transaction(.result(let result))): finish(result, of: &client)
    case (.tail, .commit, .transaction), (.tail, .watch, .elsewhere):
      if redis.settings.routing == .proxy { _ = stall(&client) } else { redirect(&client) }
    case (.tail, .keyspace(let command, _), let result):
      // Without a proxy this node's own shards are all that was meant.
      if result == .elsewhere, redis.settings.routing == .proxy {
        client.work.sweep?.question = nil
        _ = stall(&client)
      } else if var sweep = client.work.sweep {
        let answer = fold(result, into: &sweep, of: command)
        client.work.sweep = sweep
        if let answer { finishTail(answer, of: &client) }
      }
    default: fail(&client, CommandError("ERR an answer to something else came from another server"))
    }
  }

  /// Each command has its answer, or is asked for again where its keys have gone.
  mutating func take(_ outcomes: [CommandOutcome], for client: inout RedisClient) {
    guard client.work.run.count == outcomes.count else { return fail(&client, Self.unknown) }
    var isOpen = false
    for (number, outcome) in outcomes.enumerated() {
      let place = client.work.run[number]
      switch outcome {
      case .reply(let reply):
        client.work.setReply(reply, at: place)
        client.work.waitsSince = nil
      case .later: client.work.waitsSince = nil
      case .wrongGroup, .notReady:
        guard redis.settings.routing == .redirect else {
          isOpen = true
          continue
        }
        let keys = client.work.commands[place].keys
        let refusal = clusterMap().refusal(of: keys.slots, mayBeStale: false)
        client.work.setReply(.error((refusal ?? Self.notReady).text), at: place)
      }
    }
    if isOpen { _ = stall(&client) }
  }

  mutating func finish(_ result: Transaction.Result, of client: inout RedisClient) {
    let step = withFacts(client.link(at: now.monotonic)) {
      client.session.finishTransaction(result, $0)
    }
    client.parser.limits = client.session.isAuthenticated ? .known : .stranger
    if step.closes { client.isClosing = true }
    if case .answer(let bytes) = step.action { finishTail(bytes, of: &client) }
    carryOut(step.effects)
  }

  mutating func finishTail(_ bytes: [UInt8], of client: inout RedisClient) {
    sendRedis(bytes, client.connection)
    client.work.clear()
  }

  mutating func finishTail(_ reply: RESP.Reply, of client: inout RedisClient) {
    guard case .keyspace(_, let style)? = client.work.tail else { return }
    finishTail(style.bytes(reply), of: &client)
  }
}
