import RESP

/// A request whose arguments were read.
package enum RedisRequest: Equatable, Sendable {
  case keyed(KeyedCommand)
  case keyspace(KeyspaceCommand)
  case transaction(TransactionCommand)
  case connection(ConnectionCommand)
  case server(ServerCommand)

  /// The request of a command that the table knows, with a number of arguments that it allows.
  /// `limit` bounds a value, in bytes. Throws what Redis answers to arguments that it cannot read.
  package init(_ description: CommandDescription, _ keys: CommandKeys, limit: Int)
    throws(CommandError)
  {
    let name = description.name
    let arguments = keys.arguments
    if let command = KeyedCommand(description, keys, limit: limit) {
      self = .keyed(command)
    } else if let command = try KeyspaceCommand(name, arguments) {
      self = .keyspace(command)
    } else if let command = TransactionCommand(name, arguments) {
      self = .transaction(command)
    } else if let command = try ConnectionCommand(name, arguments) {
      self = .connection(command)
    } else if let command = try ServerCommand(name, arguments) {
      self = .server(command)
    } else {
      throw CommandError("ERR the command '\(name)' is in the table but cannot be carried out")
    }
  }
}

/// What begins, ends and guards a transaction.
package enum TransactionCommand: Hashable, Sendable {
  case begin
  /// EXEC.
  case commit
  case discard
  case watch([[UInt8]])
  case unwatch

  /// `nil` for a command that is none of these.
  init?(_ name: String, _ arguments: [[UInt8]]) {
    switch name {
    case "multi": self = .begin
    case "exec": self = .commit
    case "discard": self = .discard
    case "watch": self = .watch(Array(arguments.dropFirst()))
    case "unwatch": self = .unwatch
    default: return nil
    }
  }
}
