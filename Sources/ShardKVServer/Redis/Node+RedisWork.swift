import Basics
import Clerk
import RESP
import Raft
import RedisCommands
import ShardKV
import ShardMap
import Wire

// The way of a client's work, stage by stage:
//
// 1. It is submitted: proposed as an entry, asked for as a read, or sent to the group that has the
//    keys; or it waits, for a leader, a shard that is on its way, or the end of a pause.
// 2. Its result comes: the entry was applied, the read was confirmed, or the other group answered.
//    Or it does not: what was certainly not carried out is submitted again, and of the rest the
//    client is told.
// 3. The answers are written, in the order of the requests.

extension Node {
  /// Submits the next stage of a client's work, and takes its result if there is one at once.
  /// - Returns: whether the work is done.
  mutating func advance(_ client: inout RedisClient) -> Bool {
    while true {
      writeAnswers(of: &client)
      if client.work.isIdle { return true }
      if case .underWay = client.work.phase { return false }
      guard submit(&client) else { return false }
    }
  }

  /// Writes what is known of the answers of the first stage, and ends work that has no second.
  mutating func writeAnswers(of client: inout RedisClient) {
    guard client.work.stage == .commands else { return }
    sendRedis(client.work.takeAnswers(), client.connection)
    guard client.work.openCount == 0 else { return }
    if client.work.tail == nil { return client.work.clear() }
    client.work.stage = .tail
    client.work.phase = .new
    client.work.waitsSince = nil
  }

  /// - Returns: whether there is something to go on with at once.
  private mutating func submit(_ client: inout RedisClient) -> Bool {
    choose(&client)
    if client.work.stage == .tail, case .keyspace(let command, _)? = client.work.tail,
      client.work.sweep?.question == nil,
      !command.isOnSlot
    {
      // No group has a shard.
      finishTail(finished(command, client.work.sweep ?? sweep(for: command)), of: &client)
      return true
    }
    if isPaused(client.work) { return stall(&client, patiently: true) }
    if redis.settings.routing == .proxy, !leads(shard(of: client.work)) {
      return askOthers(&client)
    }
    guard raft.role == .leader else {
      if answersHere(client.work, client.session) {
        answer(&client, now: keys { $0.clock } ?? 0)
        return true
      }
      if raft.leader == nil { return stall(&client) }
      redirect(&client)
      return true
    }
    if holdsRequests || drainDeadline != nil { return stall(&client) }
    if keys({ $0.mustWait(for: client.work.keys) }) == true { return stall(&client) }
    if refusesGrowth {
      if seeksRoom, client.work.isWrite { return stall(&client) }
      if refuseForRoom(&client, growthOnly: !refusesWrites) { return true }
    }
    guard proposals.count + waitingReads < settings.requestsMax else {
      effects.rarePaths.insert(.overloaded)
      fail(&client, Self.overloaded)
      return true
    }
    let asker = Asker(connection: client.connection, request: client.work.number)
    if client.work.isWrite {
      guard let entry = client.work.remote?.entry, entry.count <= redis.settings.entryBytesMax
      else {
        fail(&client, Self.tooLong)
        return true
      }
      guard let id = raft.propose(entry) else { return stall(&client) }
      proposals[id.index] = Proposal(term: id.term, asker: asker, body: nil)
    } else {
      newReads.append(Reader(asker: asker, body: nil))
    }
    client.work.phase = .underWay
    return false
  }

  /// What of the stage goes together now: for a proxy what one group has.
  private mutating func choose(_ client: inout RedisClient) {
    switch (client.work.stage, client.work.tail) {
    case (.commands, _):
      guard redis.settings.routing == .proxy, let first = client.work.firstOpen,
        let configuration = keys({ $0.configuration })
      else {
        client.work.chooseRun { _ in true }
        return
      }
      let layout = identity.layout
      func owner(_ command: KeyedCommand) -> GroupID {
        command.keys.first.map { configuration.owner(of: layout.shard(of: $0)) } ?? .none
      }
      let group = owner(first)
      client.work.chooseRun { owner($0) == group }
    case (.tail, .keyspace(let command, _)):
      var sweep = client.work.sweep ?? sweep(for: command)
      sweep.question = question(for: command, &sweep)
      client.work.sweep = sweep
    case (.tail, _), (.idle, _): break
    }
  }

  /// The shard that says which group the work is for; `nil`: this node's.
  private func shard(of work: RedisWork) -> ShardID? {
    if let question = work.sweep?.question { return ShardID(question.shards.lowerBound) }
    return work.keys.first.map { identity.layout.shard(of: $0) }
  }

  /// Whether this node leads the group that has the shard.
  private func leads(_ shard: ShardID?) -> Bool {
    guard let shard else { return true }
    return raft.role == .leader && keys { $0.owns(shard) } == true
  }

  /// Sends the work to the group that has the keys.
  private mutating func askOthers(_ client: inout RedisClient) -> Bool {
    guard let remote = client.work.remote, let shard = shard(of: client.work) else {
      fail(&client, CommandError("ERR this server cannot ask others for that"))
      return true
    }
    if keys({ $0.configuration.owner(of: shard) }) == GroupID.none { return stall(&client) }
    let bytes = remote.encoded()
    guard bytes.count <= redis.settings.entryBytesMax else {
      fail(&client, Self.tooLong)
      return true
    }
    askRemote(
      bytes, isWrite: remote.isWrite, at: shard,
      for: Asker(connection: client.connection, request: client.work.number))
    client.work.phase = .underWay
    return false
  }

  /// Whether a replica that does not lead may answer from what it has applied.
  private func answersHere(_ work: RedisWork, _ session: RedisSession) -> Bool {
    if redis.settings.routing == .proxy { return false }
    switch (work.stage, work.tail) {
    case (.commands, _): return work.mayBeStale
    case (.tail, .commit(let transaction)): return session.isReadOnly && !transaction.isWrite
    case (.tail, .keyspace(let command, _)): return !command.isWrite
    case (.tail, .watch), (.tail, nil), (.idle, _): return false
    }
  }

  private func isPaused(_ work: RedisWork) -> Bool {
    guard let pause = redis.pause, now.monotonic < pause.until else { return false }
    return !pause.writesOnly || work.isWrite
  }

  /// Waits until it can be submitted; one that is not paused on purpose waits for so long only.
  /// - Returns: whether the client was told instead.
  mutating func stall(_ client: inout RedisClient, patiently: Bool = false) -> Bool {
    var since = now.monotonic
    if !patiently, let before = client.work.waitsSince { since = before }
    let patience = redis.settings.patienceMilliseconds * nanosecondsPerMillisecond
    guard now.monotonic < since + patience else {
      fail(&client, raft.leader == nil ? Self.noLeader : Self.notReady)
      return true
    }
    client.work.waitsSince = since
    client.work.phase = .stalled
    redis.stalled.append(client.connection)
    return false
  }

  // Answers that are no results.

  static var noLeader: CommandError { CommandError("CLUSTERDOWN The cluster is down") }
  static var notReady: CommandError {
    CommandError("TRYAGAIN the keys are on their way to another group; nothing was changed")
  }
  static var overloaded: CommandError {
    CommandError("TRYAGAIN too many requests wait for this server; nothing was changed")
  }
  private static var tooLong: CommandError {
    CommandError(
      "ERR the keys and arguments are too long in all: ask in parts. Nothing was changed")
  }
  static var unknown: CommandError {
    CommandError(
      "ERR outcome unknown: the leader of the group changed or was lost while the command was "
        + "under way. It may or may not have been carried out, and was not sent again")
  }

  /// Answers what is under way, or was to be submitted next, with an error.
  mutating func fail(_ client: inout RedisClient, _ error: CommandError) {
    switch (client.work.stage, client.work.tail) {
    case (.commands, _):
      for place in client.work.run { client.work.setReply(.error(error.text), at: place) }
      client.work.phase = .new
    case (.tail, .watch): finishTail(client.session.finishWatch(.failure(error)), of: &client)
    case (.tail, .commit): finish(.failed(error), of: &client)
    case (.tail, .keyspace): finishTail(.error(error.text), of: &client)
    case (.tail, nil), (.idle, _): break
    }
  }

  /// Another replica leads.
  mutating func redirect(_ client: inout RedisClient) {
    let map = clusterMap()
    switch (client.work.stage, client.work.tail) {
    case (.commands, _):
      // The server took them for its own when they came, so this is rare.
      for place in client.work.run {
        let keys = client.work.commands[place].keys
        let refusal = map.refusal(of: keys.slots, mayBeStale: false) ?? Self.notReady
        client.work.setReply(.error(refusal.text), at: place)
      }
      client.work.phase = .new
    case (.tail, .watch), (.tail, .commit):
      let keys = KeySlots(of: client.work.keys)
      fail(&client, map.refusal(of: keys, mayBeStale: false) ?? Self.noLeader)
    case (.tail, .keyspace):
      fail(&client, CommandError("READONLY You can't write against a read only replica."))
    case (.tail, nil), (.idle, _): break
    }
  }

  /// Begins what clients ask for, one after the other, as much as one turn may begin; the others
  /// are the first of the next turn.
  /// - Returns: whether something was submitted that may be carried on at once.
  mutating func continueRedis() -> Bool {
    serveClockReaders()
    if mayUnstall {
      redis.ready += redis.stalled
      redis.stalled = []
      redis.nextRetry = now.monotonic + RaftSettings.tickMilliseconds * nanosecondsPerMillisecond
    }
    guard !redis.ready.isEmpty, redis.beginsMore else { return false }
    let waiting = redis.ready
    redis.ready = []
    var begun = 0
    while begun < waiting.count, redis.beginsMore {
      let connection = waiting[begun]
      begun += 1
      guard var client = redis.take(connection) else { continue }
      client.isReady = false
      goOn(&client)
      settleRedis(consume client)
    }
    redis.ready.insert(contentsOf: waiting[begun...], at: 0)
    return true
  }

  /// What they wait for is looked at with each tick.
  private var mayUnstall: Bool { !redis.stalled.isEmpty && now.monotonic >= redis.nextRetry }

  /// Reads that wait for the clock are answered when it has come so far; when this replica does not
  /// lead any more they are asked anew.
  private mutating func serveClockReaders() {
    guard !redis.clockReaders.isEmpty else { return }
    let clock = keys { $0.clock } ?? 0
    let waiting = redis.clockReaders
    redis.clockReaders = []
    for reader in waiting {
      if raft.role != .leader {
        reply(reader.asker, .refused(.wrongLeader(hint: leaderAddress)))
      } else if clock < reader.time, refusesWrites {
        // Another leader's clock may be behind, and would show again what this answer hides.
        reply(reader.asker, .refused(.noRoom))
      } else if clock < reader.time {
        redis.clockReaders.append(reader)
      } else if let bytes = reader.work, let work = try? RemoteWork(encoded: bytes) {
        answerRemote(reader.asker, work, now: clock)
      } else if var client = takeWaiting(reader.asker) {
        answer(&client, now: clock)
        leaveReady(consume client)
      }
    }
  }
}

extension KeyspaceCommand {
  /// It concerns the keys of one slot, or counts by slot, at this very node.
  var isOnSlot: Bool {
    switch self {
    case .countInSlot, .inSlot, .statistics: true
    case .matching, .scan, .count, .anyKey, .flush: false
    }
  }
}

extension RedisWork {
  /// What is to be carried out now; `nil` for what only this node can answer.
  var remote: RemoteWork? {
    switch (stage, tail) {
    case (.commands, _): .commands(runCommands)
    case (.tail, .watch(let keys)): .versions(keys)
    case (.tail, .commit(let transaction)): .transaction(transaction)
    case (.tail, .keyspace): sweep?.question.map { .keyspace($0) }
    case (.tail, nil), (.idle, _): nil
    }
  }
}
