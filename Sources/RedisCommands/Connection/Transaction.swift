import RESP

/// What EXEC carries out at one moment: the commands on the keys of one shard in their order, each
/// seeing what those before it did, on the condition that no watched key has changed.
package struct Transaction: Equatable, Sendable {
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

  /// One of its commands may take room; it is carried out as a whole or not at all.
  package var growsData: Bool { commands.contains { $0.growsData } }

  package enum Result: Hashable, Sendable {
    /// The answer of each command, in their order.
    case applied([Reply])
    /// A watched key has changed; nothing was done.
    case changed
    /// It was not carried out, or nobody knows whether it was: the text says which.
    case failed(CommandError)
  }
}
