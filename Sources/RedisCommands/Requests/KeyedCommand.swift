import RESP

/// A command on the keys of one shard, as a store carries it out and a log keeps it. The arguments
/// say everything: parsed again, on every replica, they give the same. Immutable, and shared by
/// reference, so that it is not copied on its way.
package final class KeyedCommand: Sendable {
  package enum Operation: Sendable {
    case single(StringCommand)
    case multiple(MultiKeyCommand)
    case inspection(InspectionCommand)
    /// What cannot be carried out whatever the keys hold; the answer is the refusal. A transaction
    /// may have such a command, for Redis reads arguments only when it carries a command out.
    case refused(CommandError)
  }

  /// At least one.
  package let keys: CommandKeys
  package let isWrite: Bool
  /// It may take room, so that it is refused where there is none.
  package let growsData: Bool
  package let operation: Operation

  /// The command of a request that the table knows; `nil` if it has no keys. `limit` bounds a
  /// value, in bytes.
  package init?(_ description: CommandDescription, _ keys: CommandKeys, limit: Int) {
    // WATCH has keys, but concerns the connection.
    guard !description.keys.isEmpty, description.group != .transactions else { return nil }
    self.keys = keys
    isWrite = description.flags.contains(.write)
    growsData = description.flags.contains(.denyOOM)
    do throws(CommandError) {
      let name = description.name
      let arguments = keys.arguments
      if let command = try StringCommand(name, arguments, limit: limit) {
        operation = .single(command)
      } else if let command = try MultiKeyCommand(name, arguments) {
        operation = .multiple(command)
      } else if let command = try InspectionCommand(name, arguments) {
        operation = .inspection(command)
      } else {
        return nil
      }
    } catch {
      operation = .refused(error)
    }
  }

  /// The command of arguments that come from a log: `nil` when they are none.
  package convenience init?(logged arguments: [[UInt8]], limit: Int) {
    guard let description = try? CommandTable.standard.command(for: arguments) else { return nil }
    self.init(description, description.keys(in: arguments), limit: limit)
  }

  /// As the client sent them, the command's name first.
  package var arguments: [[UInt8]] { keys.arguments }

  /// Whether it depends on more of its keys than whether they are there, and how long. If not, it
  /// may be given empty values.
  package var looksAtValues: Bool {
    switch operation {
    case .single(.set(let options)): options.returnsOld
    case .single(.type), .single(.timeToLive), .refused: false
    case .multiple(.set), .multiple(.delete), .multiple(.count): false
    case .single, .multiple, .inspection: true
    }
  }

  /// Carries it out on what its keys hold, `stored[n]` being that of `keys[n]`, at `now` of the
  /// replicated clock, in milliseconds since 1970. `limit` bounds a value, in bytes.
  package func apply(_ stored: [StoredString?], now: Int64, limit: Int)
    -> MultiKeyCommand.Outcome
  {
    switch operation {
    case .single(let command):
      return .init(command.apply(to: stored.first ?? nil, now: now, limit: limit))
    case .multiple(let command):
      return command.apply(keys: Array(keys), stored: stored, now: now, limit: limit)
    case .inspection(let command):
      let current = stored.first ?? nil
      return .init(command.reply(current.flatMap { $0.isAlive(at: now) ? $0 : nil }))
    case .refused(let error): return .init(.error(error.text))
    }
  }
}

extension KeyedCommand: Equatable {
  package static func == (one: KeyedCommand, other: KeyedCommand) -> Bool {
    one.arguments == other.arguments
  }
}
