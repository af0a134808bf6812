import Basics
import RESP
import Raft
import RedisCommands
import ShardMap
import Wire

/// The port for Redis' clients. What a client sends together is one piece of work: its commands on
/// keys are one entry of the log if one of them writes, and else one linearizable read. While that
/// is under way no further request of this client is read, so they are carried out in their order.
extension Node {
  mutating func handleRedis(_ link: LinkInput) {
    switch link {
    case .accepted(let connection, let from): acceptRedis(connection, from)
    case .received(let connection, let bytes):
      guard var client = redis.take(connection) else { return }
      redis.counters.bytesIn += Int64(bytes.count)
      client.bytesReceived += UInt64(bytes.count)
      client.parser.append(bytes)
      // What waits behind other work is gone on with when that is done.
      if client.work.isIdle { redis.enqueue(&client) }
      let held = client.parser.bufferedBytes
      if redis.bufferedBytes + held - client.countedBytes > redis.settings.inputTotalMax {
        sendRedis(
          Array("-ERR incomplete requests of all clients hold too much memory\r\n".utf8), connection
        )
        return closeRedis(client, "it sends while incomplete requests hold too much memory")
      }
      settleRedis(consume client)
    case .closed(let connection, _):
      outbox.drop(connection)
      if let client = redis.take(connection) { redis.remove(client) }
    case .congested(let connection, let isCongested):
      guard var client = redis.take(connection) else { return }
      client.isCongested = isCongested
      if !isCongested { redis.enqueue(&client) }
      settleRedis(consume client)
    case .connected: break
    }
  }

  private mutating func acceptRedis(_ connection: ConnectionID, _ from: String) {
    redis.counters.connections += 1
    let host = RedisClient.host(of: from)
    let isForeign = !RedisClient.isLoopback(host)
    if isForeign, redis.settings.password == nil {
      refuseRedis(
        connection,
        "-DENIED this server has no password and so serves only clients of its own machine: "
          + "start it with --redis-password-file to serve others\r\n")
    } else if redis.count >= redis.settings.clientsMax
      || isForeign && redis.count(from: host) >= redis.settings.clientsPerAddressMax
    {
      refuseRedis(connection, String(decoding: RedisSettings.fullHouse, as: UTF8.self))
    } else {
      let client = redis.make(connection, from: from, to: ownRedisAddress, now: now.monotonic)
      redis.putBack(consume client)
    }
  }

  private mutating func refuseRedis(_ connection: ConnectionID, _ line: String) {
    redis.counters.rejected += 1
    sendRedis(Array(line.utf8), connection)
    outbox.flush(connection, into: &effects.links)
    effects.links.append(.close(connection))
  }

  mutating func sendRedis(_ bytes: [UInt8], _ connection: ConnectionID) {
    if bytes.isEmpty { return }
    redis.counters.bytesOut += Int64(bytes.count)
    redis.bytesLeft -= bytes.count
    outbox.send(bytes, on: connection)
  }

  mutating func closeRedis(_ client: RedisClient, _ reason: String?) {
    if let reason {
      effects.events.append(NodeEvent(.info, "closed Redis client \(client.from): \(reason)"))
    }
    outbox.flush(client.connection, into: &effects.links)
    effects.links.append(.close(client.connection))
    redis.remove(client)
  }

  /// Puts a client back that was taken out, or ends it if it is done.
  mutating func settleRedis(_ client: consuming RedisClient) {
    if client.isClosing, client.work.isIdle { return closeRedis(client, nil) }
    let held = client.parser.bufferedBytes
    let isFull =
      held > redis.settings.inputBytesMax
      || held > 0 && redis.bufferedBytes > redis.settings.inputTotalMax / 2
    // What is not complete has to go on coming; what waits behind other work does not.
    let isWaiting = !client.work.isIdle || client.isReady || client.isCongested
    let holds = isFull && isWaiting
    if holds != client.isPaused {
      client.isPaused = holds
      effects.links.append(holds ? .pause(client.connection) : .resume(client.connection))
    }
    if isWaiting || held == 0 {
      // What came last may be no whole request either: that is seen when it is read.
      if !client.isReady { client.partial = nil }
    } else if client.partial == nil {
      client.partial = (now.monotonic, client.bytesReceived)
    }
    redis.putBack(consume client)
  }

  /// Carries out what a client has asked for, as far as that is possible now.
  mutating func goOn(_ client: inout RedisClient) {
    while !client.isCongested {
      if client.work.isIdle {
        guard !client.isClosing else { return }
        if !redis.beginsMore { return redis.enqueue(&client) }
        client.work.begin(redis.makeWorkNumber())
        gather(&client)
        if client.work.isEmpty { return }
        client.work.stage = .commands
      }
      guard advance(&client) else { return }
    }
  }

  /// Reads requests until one has to stand alone, there is enough for one entry, or no more came.
  private mutating func gather(_ client: inout RedisClient) {
    var requestsLeft = redis.settings.batchCommandsMax
    let bytesMax = redis.settings.batchBytesMax
    refreshClusterMap()
    while requestsLeft > 0, client.work.bytes < bytesMax, client.work.tail == nil,
      !client.isClosing
    {
      do throws(ProtocolError) {
        guard let request = try client.parser.next() else { return }
        client.partial = nil
        requestsLeft -= 1
        redis.requestsLeft -= 1
        receive(request, of: &client)
      } catch {
        redis.counters.protocolErrors += 1
        effects.events.append(
          NodeEvent(.warning, "Redis client \(client.from) sent \(error.summary)"))
        if let reply = error.reply { client.work.add([UInt8(ascii: "-")] + reply + [0x0D, 0x0A]) }
        client.isClosing = true
        // An end without a word is work, too, so that it comes behind what is under way.
        if client.work.isEmpty { client.work.items.append(.bytes([])) }
      }
    }
  }

  private mutating func receive(_ request: [[UInt8]], of client: inout RedisClient) {
    redis.counters.commands += 1
    client.lastRequestAt = now.monotonic
    let step = withFacts(client.link(at: now.monotonic)) { client.session.receive(request, $0) }
    client.parser.limits = client.session.isAuthenticated ? .known : .stranger
    let cost = request.reduce(0) { $0 + $1.count + RequestLimits.argumentUpkeepBytes }
    redis.bytesLeft -= cost
    switch step.action {
    case .answer(let bytes):
      client.work.add(bytes)
      if !client.session.isAuthenticated { countPasswords(bytes, of: &client) }
    case .run(let command, let style, let mayBeStale):
      if command.isWrite, cost > redis.settings.writeBytesMax {
        client.work.add(style.bytes(.error(Self.tooLong(redis.settings.writeBytesMax))))
      } else {
        client.work.bytes += cost
        add(command, style, mayBeStale, to: &client.work)
      }
    case .runOnAll(let command, let style): client.work.tail = .keyspace(command, style)
    case .watch(let keys):
      if redis.settings.routing == .proxy, identity.layout.shard(ofAll: keys) == nil {
        client.work.add(client.session.finishWatch(.failure(.crossSlot)))
      } else {
        client.work.tail = .watch(keys)
      }
    case .commit(let transaction): client.work.tail = .commit(transaction)
    }
    carryOut(step.effects)
    if step.closes { client.isClosing = true }
    if client.work.isEmpty { client.work.items.append(.bytes([])) }
  }

  /// Guessing takes a connection for each few guesses, and is seen in the log.
  private mutating func countPasswords(_ answer: [UInt8], of client: inout RedisClient) {
    guard answer.starts(with: Array("-WRONGPASS".utf8)) else { return }
    client.wrongPasswords += 1
    guard client.wrongPasswords >= redis.settings.wrongPasswordsMax, !client.isClosing else {
      return
    }
    client.isClosing = true
    effects.events.append(
      NodeEvent(
        .warning, "Redis client \(client.from) sent \(client.wrongPasswords) wrong passwords"))
  }

  /// For clients that know nothing of clusters commands on keys of several shards are cut.
  private func add(
    _ command: KeyedCommand, _ style: ReplyStyle, _ mayBeStale: Bool, to work: inout RedisWork
  ) {
    guard redis.settings.routing == .proxy, identity.layout.shard(of: command.keys) == nil else {
      return work.add(command, style, mayBeStale: mayBeStale)
    }
    if let spread = SpreadCommand(
      command, layout: identity.layout, limit: redis.server.valueBytesMax)
    {
      work.add(spread, style)
    } else {
      work.add(style.bytes(.error(CommandError.crossSlot.text)))
    }
  }

  private static func tooLong(_ limit: Int) -> String {
    "ERR the arguments of a command that writes have at most \(limit) bytes in all: send it in "
      + "parts. Nothing was changed"
  }

  /// What a request does to others.
  mutating func carryOut(_ orders: [SessionEffect]) {
    for order in orders {
      switch order {
      case .closeClients(let ids):
        var found: [ConnectionID] = []
        redis.forEach { if ids.contains($0.session.id) { found.append($0.connection) } }
        for connection in found {
          if let other = redis.take(connection) { closeRedis(other, "CLIENT KILL") }
        }
      case .pause(let milliseconds, let writesOnly):
        let (span, isTooLong) = UInt64(max(0, milliseconds)).multipliedReportingOverflow(
          by: nanosecondsPerMillisecond)
        let (end, overflows) = now.monotonic.addingReportingOverflow(span)
        let until = max(redis.pause?.until ?? 0, isTooLong || overflows ? .max : end)
        redis.pause = (until, writesOnly && redis.pause?.writesOnly ?? true)
      case .unpause: redis.pause = nil
      case .resetStatistics: redis.counters = RedisCounters()
      }
    }
  }

  /// Closes clients that do not log in, do not finish their requests, or are idle for too long.
  mutating func expireRedis() {
    guard now.monotonic >= redis.nextCheck else { return }
    redis.nextCheck = now.monotonic + 500 * nanosecondsPerMillisecond
    if let pause = redis.pause, pause.until <= now.monotonic { redis.pause = nil }
    let settings = redis.settings
    var late: [(ConnectionID, String)] = []
    redis.forEach { client in
      func isOver(_ since: UInt64, _ milliseconds: UInt64) -> Bool {
        now.monotonic >= since + milliseconds * nanosecondsPerMillisecond
      }
      if !client.session.isAuthenticated, isOver(client.openedAt, settings.loginMilliseconds) {
        late.append((client.connection, "it did not log in"))
      } else if let (since, before) = client.partial, !client.isReady {
        let bytes = client.bytesReceived - before
        let more = bytes * 1_000 / UInt64(settings.bytesPerSecondMin)
        if isOver(since, settings.requestMilliseconds + more) {
          late.append((client.connection, "its request did not become complete"))
        }
      } else if settings.idleMilliseconds > 0, client.work.isIdle,
        isOver(client.lastRequestAt, settings.idleMilliseconds)
      {
        late.append((client.connection, "it was idle"))
      }
    }
    for (connection, reason) in late {
      if let client = redis.take(connection) { closeRedis(client, reason) }
    }
  }
}
