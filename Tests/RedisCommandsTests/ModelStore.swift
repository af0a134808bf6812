import RESP

@testable import RedisCommands

/// A store that is a dictionary, for carrying commands out in tests.
struct ModelStore {
  static let limit = 1 << 20
  struct Entry {
    var value: StoredString
    var version: UInt64
  }

  private(set) var entries: [[UInt8]: Entry] = [:]
  var now: Int64 = 1_893_456_000_000
  /// One more with each change of any key, so that no two values of a key have the same.
  private var version: UInt64 = 0

  mutating func run(_ request: [[UInt8]]) -> Reply {
    do throws(CommandError) {
      let description = try CommandTable.standard.command(for: request)
      let command = try RedisRequest(
        description, description.keys(in: request), limit: Self.limit)
      guard case .keyed(let keyed) = command else { return .error("ERR not on keys") }
      return run(keyed)
    } catch {
      return .error(error.text)
    }
  }

  mutating func run(_ line: String) -> Reply {
    run(line.split(separator: " ").map { Array($0.utf8) })
  }

  mutating func run(_ command: KeyedCommand) -> Reply {
    let stored = command.keys.map { entries[$0]?.value }
    let outcome = command.apply(stored, now: now, limit: Self.limit)
    for change in outcome.changes { carryOut(change.change, command.keys[change.place]) }
    return outcome.reply
  }

  mutating func run(_ transaction: Transaction) -> Transaction.Result {
    guard versions(transaction.watched.map(\.key)) == transaction.watched.map(\.version) else {
      return .changed
    }
    return .applied(transaction.commands.map { run($0) })
  }

  mutating func run(_ command: KeyspaceCommand) -> Reply {
    let alive = keys([UInt8(ascii: "*")])
    switch command {
    case .matching(let pattern): return .array(keys(pattern).map { .bulk($0) })
    case .count: return .integer(Int64(alive.count))
    case .anyKey: return alive.first.map { .bulk($0) } ?? .null
    case .flush:
      entries = [:]
      return .ok
    case .scan: return .array([.bulk("0"), .array(alive.map { .bulk($0) })])
    case .countInSlot: return .integer(0)
    case .inSlot, .statistics: return .array([])
    }
  }

  func versions(_ keys: [[UInt8]]) -> [UInt64?] {
    keys.map { key in
      entries[key].flatMap { $0.value.isAlive(at: now) ? $0.version : nil }
    }
  }

  /// Keys that are alive and match, in order.
  func keys(_ pattern: [UInt8]) -> [[UInt8]] {
    let glob = GlobPattern(pattern)
    return entries.filter { $0.value.value.isAlive(at: now) && glob.matches($0.key) }.map(\.key)
      .sorted { $0.lexicographicallyPrecedes($1) }
  }

  private mutating func carryOut(_ change: KeyChange, _ key: [UInt8]) {
    version += 1
    switch change {
    case .none: break
    case .delete: entries[key] = nil
    case .put(let value): entries[key] = Entry(value: value, version: version)
    }
  }
}
