import RESP
import ShardMap

/// A command that the server answers without looking at keys.
package enum ServerCommand: Hashable, Sendable {
  case time
  case command(CommandQuery)
  /// CONFIG GET, with patterns.
  case parameters([[UInt8]])
  /// CONFIG SET: names and values, one after the other.
  case setParameters([[UInt8]])
  case resetStatistics
  /// Sections; none: the usual ones.
  case info([[UInt8]])
  case debug(DebugCommand)
  case cluster(ClusterCommand)
  /// HELP of a command with subcommands.
  case help(String)
  /// What has the same answer always, since what it asks about is not there.
  case fixed(Reply)

  package enum ClusterCommand: Hashable, Sendable {
    case slots, shards, nodes, info, id
    case slot(ofKey: [UInt8])
  }

  /// `nil` for a command that is none of these.
  init?(_ name: String, _ arguments: [[UInt8]]) throws(CommandError) {
    if name.hasSuffix("|help"), let bar = name.firstIndex(of: "|") {
      self = .help(String(name[..<bar]))
      return
    }
    switch name {
    case "time": self = .time
    case "config|get": self = .parameters(Array(arguments.dropFirst(2)))
    case "config|set":
      guard arguments.count % 2 == 0 else { throw .syntax }
      self = .setParameters(Array(arguments.dropFirst(2)))
    case "config|resetstat": self = .resetStatistics
    case "config|rewrite": throw CommandError("ERR The server is running without a config file")
    case "info": self = .info(Array(arguments.dropFirst()))
    case "debug": self = .debug(try DebugCommand(arguments))
    case "cluster|slots": self = .cluster(.slots)
    case "cluster|shards": self = .cluster(.shards)
    case "cluster|nodes": self = .cluster(.nodes)
    case "cluster|info": self = .cluster(.info)
    case "cluster|myid": self = .cluster(.id)
    case "cluster|keyslot": self = .cluster(.slot(ofKey: arguments[2]))
    default:
      if name == "command" || name.hasPrefix("command|") {
        self = .command(try CommandQuery(name, arguments))
      } else if let reply = try Self.fixed(name, arguments) {
        self = .fixed(reply)
      } else {
        return nil
      }
    }
  }

  /// Slow requests and delays are not recorded, and there are no functions.
  private static func fixed(_ name: String, _ arguments: [[UInt8]]) throws(CommandError) -> Reply? {
    switch name {
    case "slowlog|get":
      guard arguments.count <= 3 else { throw .subcommandOrArity(arguments[1], of: "SLOWLOG") }
      if arguments.count == 3 {
        guard let count = strictInteger(arguments[2]), count >= -1 else {
          throw CommandError("ERR count should be greater than or equal to -1")
        }
      }
      return .array([])
    case "slowlog|len": return .integer(0)
    case "slowlog|reset": return .ok
    case "latency|latest", "latency|history": return .array([])
    case "latency|reset": return .integer(0)
    case "latency|histogram": return .map([])
    default: return try function(name, arguments)
    }
  }

  private static func function(_ name: String, _ arguments: [[UInt8]]) throws(CommandError)
    -> Reply?
  {
    switch name {
    case "function|flush":
      guard arguments.count <= 3 else { throw .subcommandOrArity(arguments[1], of: "FUNCTION") }
      guard arguments.count == 2 || ["sync", "async"].contains(option(arguments[2])) else {
        throw CommandError("ERR FUNCTION FLUSH only supports SYNC|ASYNC option")
      }
      return .ok
    case "function|list":
      try checkFunctionList(arguments)
      return .array([])
    case "function|delete": throw CommandError("ERR Library not found")
    case "function|kill": throw CommandError("NOTBUSY No scripts in execution right now.")
    case "function|stats":
      return .map([
        .init(.bulk("running_script"), .null), .init(.bulk("engines"), .map([])),
      ])
    default: return nil
    }
  }

  private static func checkFunctionList(_ arguments: [[UInt8]]) throws(CommandError) {
    var hasCode = false
    var hasName = false
    var index = 2
    while index < arguments.count {
      switch option(arguments[index]) {
      case "withcode" where !hasCode: hasCode = true
      case "libraryname" where !hasName:
        guard index + 1 < arguments.count else {
          throw CommandError("ERR library name argument was not given")
        }
        hasName = true
        index += 1
      default: throw CommandError("ERR Unknown argument ", bytes: arguments[index])
      }
      index += 1
    }
  }
}

extension CommandError {
  /// Redis' answer of containers that count arguments themselves.
  static func subcommandOrArity(_ subcommand: [UInt8], of container: String) -> CommandError {
    CommandError(
      "ERR unknown subcommand or wrong number of arguments for '", quoting: subcommand,
      "'. Try \(container) HELP.")
  }
}

/// The parts of DEBUG that tests of clients use.
package enum DebugCommand: Hashable, Sendable {
  /// A reply of each kind of the protocol.
  case sample([UInt8])
  /// SLEEP 0 and SET-ACTIVE-EXPIRE 1: what is so anyway.
  case nothing

  init(_ arguments: [[UInt8]]) throws(CommandError) {
    let third = arguments.count == 3 ? arguments[2] : nil
    switch (option(arguments[1]), third.map(option)) {
    case ("protocol", .some): self = .sample(third ?? [])
    case ("sleep", "0"), ("set-active-expire", "1"): self = .nothing
    case ("sleep", .some): throw CommandError("ERR this server does not sleep: other clients wait")
    case ("set-active-expire", .some):
      throw CommandError("ERR keys expire by the replicated clock, which cannot be switched off")
    default: throw .subcommandOrArity(arguments[1], of: "DEBUG")
    }
  }

  func reply(version: RESPVersion) -> Reply {
    guard case .sample(let kind) = self else { return .ok }
    let numbers: [Reply] = [.integer(0), .integer(1), .integer(2)]
    switch option(kind) {
    case "string": return .bulk("Hello World")
    case "integer": return .integer(12_345)
    case "double": return .double(3.141)
    case "bignum": return .bigNumber(Array("1234567999999999999999999999999999999".utf8))
    case "null": return .null
    case "array": return .array(numbers)
    case "set": return .set(numbers)
    case "map":
      return .map([
        .init(.integer(0), .boolean(false)), .init(.integer(1), .boolean(true)),
        .init(.integer(2), .boolean(false)),
      ])
    case "verbatim":
      return .verbatim(format: Array("txt".utf8), Array("This is a verbatim\nstring".utf8))
    case "true": return .boolean(true)
    case "false": return .boolean(false)
    case "push" where version == .two:
      return .error("ERR RESP2 is not supported by this command")
    default:
      return .error(
        "ERR Wrong protocol type name. Please use one of the following: "
          + "string|integer|double|bignum|null|array|set|map|verbatim|true|false")
    }
  }
}
