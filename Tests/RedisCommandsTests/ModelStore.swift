import RESP

@testable import RedisCommands

/// A store that is a dictionary, for carrying commands out in tests.
struct ModelStore {
  static let limit = 1 << 20
  private(set) var entries: [[UInt8]: StoredString] = [:]
  var now: Int64 = 1_893_456_000_000

  mutating func run(_ request: [[UInt8]]) -> Reply {
    let name = option(request[0])
    do throws(CommandError) {
      if let error = Self.arityError(name, request.count) { throw error }
      if let command = try StringCommand(name, request, limit: Self.limit) {
        let outcome = command.apply(to: entries[request[1]], now: now, limit: Self.limit)
        carryOut(outcome.change, request[1])
        return outcome.reply
      }
      if let command = try MultiKeyCommand(name, request) {
        let keys = Self.keys(name, request)
        let stored = keys.map { entries[$0] }
        let outcome = command.apply(keys: keys, stored: stored, now: now, limit: Self.limit)
        for change in outcome.changes { carryOut(change.change, keys[change.place]) }
        return outcome.reply
      }
      throw CommandError("ERR unknown command '\(name)'")
    } catch {
      return .error(error.text)
    }
  }

  mutating func run(_ line: String) -> Reply {
    run(line.split(separator: " ").map { Array($0.utf8) })
  }

  /// Keys that are alive and match, in order.
  func keys(_ pattern: [UInt8]) -> [[UInt8]] {
    let glob = GlobPattern(pattern)
    return entries.filter { $0.value.isAlive(at: now) && glob.matches($0.key) }.map(\.key)
      .sorted { $0.lexicographicallyPrecedes($1) }
  }

  private mutating func carryOut(_ change: KeyChange, _ key: [UInt8]) {
    switch change {
    case .none: break
    case .delete: entries[key] = nil
    case .put(let value): entries[key] = value
    }
  }

  private static func keys(_ name: String, _ request: [[UInt8]]) -> [[UInt8]] {
    switch name {
    case "mset", "msetnx": stride(from: 1, to: request.count, by: 2).map { request[$0] }
    case "rename", "renamenx", "copy", "lcs": [request[1], request[2]]
    default: Array(request.dropFirst())
    }
  }

  /// How many arguments a command has, with its name; negative: at least.
  private static let arities: [String: Int] = [
    "get": 2, "set": -3, "setex": 4, "psetex": 4, "setnx": 3, "mget": -2, "mset": -3, "msetnx": -3,
    "append": 3, "strlen": 2, "getset": 3, "getdel": 2, "getex": -2, "getrange": 4, "substr": 4,
    "setrange": 4, "incr": 2, "decr": 2, "incrby": 3, "decrby": 3, "incrbyfloat": 3, "del": -2,
    "unlink": -2, "exists": -2, "touch": -2, "expire": -3, "pexpire": -3, "expireat": -3,
    "pexpireat": -3, "ttl": 2, "pttl": 2, "expiretime": 2, "pexpiretime": 2, "persist": 2,
    "type": 2, "rename": 3, "renamenx": 3, "copy": -3, "setbit": 4, "getbit": 3, "bitcount": -2,
    "lcs": -3,
  ]

  private static func arityError(_ name: String, _ count: Int) -> CommandError? {
    guard let arity = arities[name] else { return nil }
    if arity > 0 ? count == arity : count >= -arity { return nil }
    return CommandError("ERR wrong number of arguments for '\(name)' command")
  }
}
