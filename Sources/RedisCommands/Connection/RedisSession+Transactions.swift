import Basics
import RESP

extension RedisSession {
  /// What acts at once between MULTI and EXEC.
  static func isNeverQueued(_ description: CommandDescription) -> Bool {
    switch description.name {
    case "exec", "discard", "multi", "watch", "reset": true
    default: false
    }
  }

  /// Puts a command behind the others of the transaction.
  mutating func enqueue(
    _ description: CommandDescription, _ arguments: [[UInt8]], _ limits: TransactionLimits
  ) throws(CommandError) {
    // What follows a refusal will not be carried out, so it is not kept.
    guard let queued = open, !queued.isBroken else { return }
    let cost = arguments.reduce(0) { $0 + $1.count + RequestLimits.argumentUpkeepBytes }
    guard queued.queue.count < limits.commandsMax else {
      throw CommandError("ERR a transaction has at most \(limits.commandsMax) commands")
    }
    guard queued.bytes + cost <= limits.bytesMax else {
      throw CommandError("ERR the arguments of a transaction have at most \(limits.bytesMax) bytes")
    }
    if Self.concernsAllShards(description) {
      throw CommandError(
        "ERR '\(description.name)' concerns all shards and cannot be part of a transaction")
    }
    open?.queue.append(Queued(description: description, arguments: arguments))
    open?.bytes += cost
  }

  private static func concernsAllShards(_ description: CommandDescription) -> Bool {
    switch description.name {
    case "keys", "scan", "dbsize", "randomkey", "flushall", "flushdb", "cluster|countkeysinslot",
      "cluster|getkeysinslot", "cluster|slot-stats":
      true
    default: false
    }
  }

  /// Ends the transaction and forgets what was watched.
  mutating func discard() {
    open = nil
    watched = []
  }

  mutating func carryOut(_ command: TransactionCommand, _ facts: some ServerFacts)
    throws(CommandError) -> Decided
  {
    switch command {
    case .begin:
      guard open == nil else { throw CommandError("ERR MULTI calls can not be nested") }
      open = OpenTransaction()
      return .answer(.ok)
    case .discard:
      guard open != nil else { throw CommandError("ERR DISCARD without MULTI") }
      discard()
      return .answer(.ok)
    case .watch(let keys):
      guard open == nil else { throw CommandError("ERR WATCH inside MULTI is not allowed") }
      return try watch(keys, facts.settings.transaction)
    case .unwatch:
      watched = []
      return .answer(.ok)
    case .commit: return try commit(facts)
    }
  }

  /// A key that is watched already keeps the version that was seen first.
  private mutating func watch(_ keys: [[UInt8]], _ limits: TransactionLimits)
    throws(CommandError) -> Decided
  {
    let known = Set(watched.map(\.key))
    var seen: Set<[UInt8]> = []
    let new = keys.filter { !known.contains($0) && seen.insert($0).inserted }
    guard watched.count + new.count <= limits.watchedMax else {
      throw CommandError("ERR at most \(limits.watchedMax) keys can be watched")
    }
    if new.isEmpty { return .answer(.ok) }
    pending = .watch(new)
    return Decided(.watch(new))
  }

  /// The keys' versions, in the order of ``Step/Action/watch(_:)``, `nil` for a key that is not
  /// there; or why they could not be read. Gives the bytes of the answer.
  package mutating func finishWatch(_ versions: Result<[UInt64?], CommandError>) -> [UInt8] {
    guard case .watch(let keys) = pending else {
      invariant(false, "connection \(id) was given versions that it did not ask for")
      return []
    }
    pending = .nothing
    let reply: Reply
    switch versions {
    case .success(let versions):
      invariant(versions.count == keys.count, "\(versions.count) versions of \(keys.count) keys")
      watched += zip(keys, versions).map { Transaction.Watched(key: $0, version: $1) }
      reply = .ok
    case .failure(let error): reply = .error(error.text)
    }
    let bytes = style.bytes(reply)
    endRequest()
    return bytes
  }

  private mutating func commit(_ facts: some ServerFacts) throws(CommandError) -> Decided {
    guard let transaction = open else { throw CommandError("ERR EXEC without MULTI") }
    let mayBeStale =
      isReadOnly && transaction.queue.allSatisfy { !$0.description.flags.contains(.write) }
    // Redis looks at the keys first, also at those of commands that it will not be able to read.
    let keys = transaction.queue.flatMap { $0.description.keys(in: $0.arguments) }
    try checkPlace(of: keys, mayBeStale, facts)
    if transaction.isBroken {
      discard()
      throw CommandError("EXECABORT Transaction discarded because of previous errors.")
    }
    if !watched.isEmpty { try checkPlace(of: keys + watched.map(\.key), mayBeStale, facts) }
    var items: [Item] = []
    var commands: [KeyedCommand] = []
    for queued in transaction.queue {
      let item = read(queued, facts.settings, &commands)
      items.append(item)
    }
    let batch = Transaction(watched: watched, commands: commands)
    guard batch.keys.isEmpty else {
      pending = .transaction(items)
      return Decided(.commit(batch))
    }
    let step = conclude(items, .applied([]), facts)
    var decided = Decided(.written(step.bytes))
    decided.effects = step.effects
    decided.closes = step.closes
    return decided
  }

  private mutating func checkPlace(
    of keys: [[UInt8]], _ mayBeStale: Bool, _ facts: some ServerFacts
  ) throws(CommandError) {
    guard !keys.isEmpty,
      let refusal = facts.refusal(
        of: KeySlots(of: keys), mayBeStale: mayBeStale, isAsking: isAsking)
    else { return }
    discard()
    throw refusal
  }

  /// A queued command, which goes to the store or is answered here.
  private func read(
    _ queued: Queued, _ settings: ServerSettings, _ commands: inout [KeyedCommand]
  ) -> Item {
    do throws(CommandError) {
      try Self.checkCluster(queued.description, settings)
      let keys = queued.description.keys(in: queued.arguments)
      let request = try RedisRequest(queued.description, keys, limit: settings.valueBytesMax)
      guard case .keyed(let command) = request else { return .local(request) }
      if case .refused(let error) = command.operation { throw error }
      commands.append(command)
      return .stored
    } catch {
      return .refused(error)
    }
  }

  /// The result of a transaction. Commands on the connection or the server that stood in it are
  /// carried out now, if it was applied. Gives the answer, and what else is to be done.
  package mutating func finishTransaction(
    _ result: Transaction.Result, _ facts: some ServerFacts
  ) -> Step {
    guard case .transaction(let items) = pending else {
      invariant(false, "connection \(id) was given a result that it did not ask for")
      return Step(action: .answer([]))
    }
    pending = .nothing
    let done = conclude(items, result, facts)
    endRequest()
    return Step(action: .answer(done.bytes), effects: done.effects, closes: done.closes)
  }

  private struct Conclusion {
    var bytes: [UInt8] = []
    var effects: [SessionEffect] = []
    var closes = false
  }

  private mutating func conclude(
    _ items: [Item], _ result: Transaction.Result, _ facts: some ServerFacts
  ) -> Conclusion {
    var done = Conclusion()
    watched = []
    switch result {
    case .changed: done.bytes = style.bytes(.nullArray)
    case .failed(let error): done.bytes = style.bytes(.error(error.text))
    case .applied(let replies): write(items, replies, facts, &done)
    }
    open = nil
    return done
  }

  /// Each answer is written in the style that holds when it is its turn, since HELLO and CLIENT
  /// REPLY may stand among the commands.
  private mutating func write(
    _ items: [Item], _ replies: [Reply], _ facts: some ServerFacts,
    _ done: inout Conclusion
  ) {
    var writer = ReplyWriter(version: version)
    if !style.isMuted { writer.array(count: items.count) }
    var rest = replies[...]
    for item in items {
      var reply: Reply?
      switch item {
      case .stored: reply = rest.popFirst() ?? .null
      case .refused(let error): reply = .error(error.text)
      case .local(let request):
        let decided = local(request, facts)
        if case .answer(let answer) = decided.decision { reply = answer }
        done.effects += decided.effects
        done.closes = done.closes || decided.closes
      }
      writer.version = version
      if let reply, !style.isMuted { writer.write(reply) }
    }
    done.bytes = writer.bytes
  }

  private mutating func local(_ request: RedisRequest, _ facts: some ServerFacts) -> Decided {
    do throws(CommandError) {
      switch request {
      case .connection(let command): return try carryOut(command, facts)
      case .server(let command): return answer(command, facts)
      // UNWATCH is the only one of these that can be queued, and nothing is watched any more.
      case .transaction: return .answer(.ok)
      case .keyed, .keyspace:
        invariant(false, "a command on keys is not carried out by the connection")
        return .answer(nil)
      }
    } catch {
      return .error(error)
    }
  }
}
