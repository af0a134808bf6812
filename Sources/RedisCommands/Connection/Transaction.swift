import RESP

/// What EXEC carries out at one moment: the commands on the keys of one shard, on the condition
/// that no watched key has changed.
package struct Transaction: Hashable, Sendable {
  /// A key as WATCH saw it.
  package struct Watched: Hashable, Sendable {
    package let key: [UInt8]
    /// `nil`: it was not there, or its deadline was over.
    package let version: UInt64?

    package init(key: [UInt8], version: UInt64?) {
      self.key = key
      self.version = version
    }
  }

  package let watched: [Watched]
  package let commands: [KeyedCommand]

  package init(watched: [Watched], commands: [KeyedCommand]) {
    self.watched = watched
    self.commands = commands
  }

  /// All keys, those that are watched too, some perhaps several times: they must be of one shard.
  package var keys: [[UInt8]] { watched.map(\.key) + commands.flatMap(\.keys) }

  /// Without a write it need not go through the log.
  package var isWrite: Bool { commands.contains { $0.isWrite } }

  package enum Result: Hashable, Sendable {
    /// The answer of each command, in their order.
    case applied([Reply])
    /// A watched key has changed; nothing was done.
    case changed
    /// It was not carried out, or nobody knows whether it was: the text says which.
    case failed(CommandError)
  }

  /// The answers, and what becomes of keys, in order; a key may be changed several times.
  package struct Outcome: Hashable, Sendable {
    package var result: Result
    package var changes: [Change] = []

    package struct Change: Hashable, Sendable {
      package let key: [UInt8]
      package let change: KeyChange
    }
  }

  /// What a store has under a key.
  package struct Entry: Hashable, Sendable {
    package let value: StoredString
    package let version: UInt64

    package init(value: StoredString, version: UInt64) {
      self.value = value
      self.version = version
    }
  }

  /// Carries it out at `now` of the replicated clock, milliseconds since 1970, on what `entry` says
  /// that the store holds before the transaction. Each command sees what those before it did.
  /// `limit` bounds a value, in bytes.
  package func apply(now: Int64, limit: Int, entry: ([UInt8]) -> Entry?) -> Outcome {
    for key in watched {
      let current = entry(key.key).flatMap { $0.value.isAlive(at: now) ? $0.version : nil }
      if current != key.version { return Outcome(result: .changed) }
    }
    var written: [[UInt8]: StoredString?] = [:]
    var replies: [Reply] = []
    var outcome = Outcome(result: .changed)
    for command in commands {
      let stored = command.keys.map { key in written[key] ?? entry(key)?.value }
      let done = command.apply(stored, now: now, limit: limit)
      replies.append(done.reply)
      for change in done.changes {
        let key = command.keys[change.place]
        switch change.change {
        case .none: continue
        case .delete: written.updateValue(nil, forKey: key)
        case .put(let value): written.updateValue(value, forKey: key)
        }
        outcome.changes.append(.init(key: key, change: change.change))
      }
    }
    outcome.result = .applied(replies)
    return outcome
  }
}
