import RESP
import RedisCommands
import ShardMap

/// Redis' commands: carried out from the log, or answered if they only read.
extension ShardGroupMachine {
  /// What a group has of the shards of some keys.
  package enum Standing: Hashable, Sendable {
    /// Owned, and the data is here.
    case served
    /// Owned, and data is still to come.
    case awaited
    /// Another group's.
    case elsewhere
  }

  /// The worst standing of the shards of these keys; served without any.
  package func standing(of keys: [[UInt8]]) -> Standing {
    var worst = Standing.served
    for key in keys {
      switch standing(of: layout.shard(of: key)) {
      case .served: break
      case .awaited: worst = .awaited
      case .elsewhere: return .elsewhere
      }
    }
    return worst
  }

  /// Whether a shard of these keys is still to come, and all of them are this group's.
  package func mustWait(for keys: @autoclosure () -> [[UInt8]]) -> Bool {
    !arriving.isEmpty && standing(of: keys()) == .awaited
  }

  /// Answers commands of which none writes, by the applied state as it is at `now`, which is not
  /// before ``clock``. Whether that state is new enough is for Raft to say, and whether a key is
  /// gone that was there at ``clock`` for ``hasDeadline(of:before:)``.
  package func answer(_ commands: [KeyedCommand], now: UInt64) -> [CommandOutcome] {
    var budget = ReplyBudget(limits.replyBytesMax, isDivisible: true)
    return Self.inTurn(commands) { command in
      let place = place(of: layout.shard(of: command.keys))
      guard case .shard(let shard) = place else { return place.outcome }
      return outcome(of: command, in: shard, now: now, &budget).map { .reply($0.reply) }
    }
  }

  /// Answers a transaction that does not write, likewise.
  package func answer(_ transaction: Transaction, now: UInt64) -> TransactionOutcome {
    let place = place(of: transaction.keys)
    guard case .shard(let shard) = place else { return place.transactionOutcome }
    guard isUnchanged(transaction.watched, in: shard, now: now) else { return .result(.changed) }
    var budget = ReplyBudget(limits.replyBytesMax, isDivisible: false)
    let replies = transaction.commands.compactMap { command in
      outcome(of: command, in: shard, now: now, &budget)?.reply
    }
    return .result(.applied(replies))
  }

  /// For WATCH, of each key the number of its last change, `nil` of one that is not there at `now`.
  /// As a whole `nil` unless all are served here.
  package func versions(of keys: [[UInt8]], now: UInt64) -> [UInt64?]? {
    guard standing(of: keys) == .served else { return nil }
    return keys.map { key in
      shards[layout.shard(of: key).index].keys.marks(of: key, now: now)?.modified
    }
  }

  /// Whether one of these keys is there at ``clock`` and no more at `now`: then only the log may
  /// say that it is gone, lest another leader with a slower clock shows it again.
  package func hasDeadline(of keys: @autoclosure () -> [[UInt8]], before now: UInt64) -> Bool {
    guard nextDeadline < now else { return false }
    return keys().contains { key in
      let shard = layout.shard(of: key)
      guard canServe(shard), let marks = shards[shard.index].keys.marks(of: key, now: clock)
      else { return false }
      return !marks.isAlive(at: now)
    }
  }

  mutating func applyCommands(_ commands: [KeyedCommand]) -> [CommandOutcome] {
    var budget = ReplyBudget(limits.replyBytesMax, isDivisible: true)
    return Self.inTurn(commands) { command in
      let place = place(of: layout.shard(of: command.keys))
      guard case .shard(let shard) = place else { return place.outcome }
      return carryOut(command, in: shard, &budget).map { .reply($0) }
    }
  }

  /// What comes of each command; behind the first without an outcome nothing more is done.
  private static func inTurn(
    _ commands: [KeyedCommand], _ outcome: (KeyedCommand) -> CommandOutcome?
  ) -> [CommandOutcome] {
    var isOver = false
    return commands.map { command in
      guard !isOver, let outcome = outcome(command) else {
        isOver = true
        return .later
      }
      return outcome
    }
  }

  /// A transaction is never undone, so its commands are carried out one by one: what each changes
  /// need not be kept until the last.
  mutating func applyTransaction(_ transaction: Transaction) -> TransactionOutcome {
    let place = place(of: transaction.keys)
    guard case .shard(let shard) = place else { return place.transactionOutcome }
    guard isUnchanged(transaction.watched, in: shard, now: clock) else { return .result(.changed) }
    var budget = ReplyBudget(limits.replyBytesMax, isDivisible: false)
    return .result(.applied(transaction.commands.compactMap { carryOut($0, in: shard, &budget) }))
  }

  /// - Returns: whether all of these shards are served here.
  mutating func flush(_ range: Range<Int>) -> Bool {
    for index in range.clamped(to: shards.indices) where isServed(index) {
      discarded += shards[index].keys.removeAll()
      noteDeadline(index)
    }
    return areServed(range)
  }

  private func standing(of shard: ShardID) -> Standing {
    canServe(shard) ? .served : awaitsData(shard) ? .awaited : .elsewhere
  }

  /// Where the keys of a command are.
  private enum Place {
    /// All in a shard that is served here.
    case shard(Int)
    case crossing, awaited, elsewhere

    /// Unless they are in one shard that is served here.
    var outcome: CommandOutcome {
      switch self {
      case .shard, .crossing: .reply(.error(CommandError.crossSlot.text))
      case .awaited: .notReady
      case .elsewhere: .wrongGroup
      }
    }

    /// The same of a transaction.
    var transactionOutcome: TransactionOutcome {
      switch self {
      case .shard, .crossing: .result(.failed(CommandError.crossSlot))
      case .awaited: .notReady
      case .elsewhere: .wrongGroup
      }
    }
  }

  private func place(of keys: [[UInt8]]) -> Place {
    keys.isEmpty ? .shard(0) : place(of: layout.shard(ofAll: keys))
  }

  private func place(of shard: ShardID?) -> Place {
    guard let shard else { return .crossing }
    switch standing(of: shard) {
    case .served: return .shard(shard.index)
    case .awaited: return .awaited
    case .elsewhere: return .elsewhere
    }
  }

  private func isUnchanged(_ watched: [Transaction.Watched], in shard: Int, now: UInt64) -> Bool {
    watched.allSatisfy { key in
      shards[shard].keys.marks(of: key.key, now: now)?.modified == key.version
    }
  }

  /// - Returns: `nil`, and nothing is changed, if the reply has to wait.
  private mutating func carryOut(
    _ command: KeyedCommand, in shard: Int, _ budget: inout ReplyBudget
  ) -> Reply? {
    guard let outcome = outcome(of: command, in: shard, now: clock, &budget) else { return nil }
    for change in outcome.changes {
      let key = command.keys[change.place]
      switch change.change {
      case .none: break
      case .delete: _ = shards[shard].keys.remove(key, now: clock)
      case .put(let value):
        let deadline = value.deadline.map { UInt64(max(1, $0)) } ?? 0
        shards[shard].keys.put(key, value.bytes, deadline: deadline, now: clock)
      }
    }
    if !outcome.changes.isEmpty { noteDeadline(shard) }
    return outcome.reply
  }

  /// What comes of a command on keys of a shard that is served here; `nil`: the reply has to wait.
  private func outcome(
    of command: KeyedCommand, in shard: Int, now: UInt64, _ budget: inout ReplyBudget
  ) -> MultiKeyCommand.Outcome? {
    // The one answer that may be far longer than all that is stored: a key may be named often.
    if case .multiple(.get) = command.operation {
      let bytes = command.keys.reduce(MachineLimits.replyUpkeepBytes) { sum, key in
        sum + MachineLimits.replyUpkeepBytes
          + (shards[shard].keys.valueBytes(of: key, now: now) ?? 0)
      }
      guard budget.fits(bytes) else { return budget.excess.map { .init($0) } }
    }
    var outcome = outcome(of: command, in: shard, now: now)
    guard let reply = budget.admit(outcome.reply) else { return nil }
    outcome.reply = reply
    return outcome
  }

  private func outcome(of command: KeyedCommand, in shard: Int, now: UInt64)
    -> MultiKeyCommand.Outcome
  {
    guard command.keys.allSatisfy({ $0.count <= Limits.keyBytesMax }) else {
      return .init(.error("ERR the key is longer than \(Limits.keyBytesMax) bytes"))
    }
    let looksAtValues = command.looksAtValues
    let outcome: MultiKeyCommand.Outcome
    if case .single(let single) = command.operation {
      let stored = shards[shard].keys.stored(
        command.keys[0], withValue: looksAtValues, now: now)
      outcome = .init(
        single.apply(to: stored, now: Int64(clamping: now), limit: Limits.valueBytesMax))
    } else {
      let stored = command.keys.map { key in
        shards[shard].keys.stored(key, withValue: looksAtValues, now: now)
      }
      outcome = command.apply(stored, now: Int64(clamping: now), limit: Limits.valueBytesMax)
    }
    let isTooLong = outcome.changes.contains { change in
      if case .put(let value) = change.change {
        value.bytes.count > Limits.valueBytesMax
      } else {
        false
      }
    }
    return isTooLong ? .init(.error(CommandError.tooLong.text)) : outcome
  }
}

extension Keyspace {
  /// A key that is there at `now`, as Redis' commands see it.
  fileprivate func stored(_ key: [UInt8], withValue: Bool, now: UInt64) -> StoredString? {
    map.withElement(of: key) { element -> StoredString? in
      let marks = element.marks
      guard marks.isAlive(at: now) else { return nil }
      return StoredString(
        withValue ? Array(element.value) : [],
        deadline: marks.deadline == 0 ? nil : Int64(clamping: marks.deadline))
    } ?? nil
  }
}
