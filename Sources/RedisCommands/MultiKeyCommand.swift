import RESP

/// A command on several keys, or that looks at two, parsed; its keys come from the table, in the
/// order of the request.
package enum MultiKeyCommand: Hashable, Sendable {
  case get
  /// MSET; with `onlyIfNew` MSETNX, which sets all or none.
  case set([[UInt8]], onlyIfNew: Bool)
  /// DEL and UNLINK.
  case delete
  /// EXISTS and TOUCH: a key that is named twice counts twice.
  case count
  case rename(onlyIfNew: Bool)
  case copy(replaces: Bool)
  case longestCommon(LongestCommon.Options)

  /// `nil` for a command that is none of these.
  package init?(_ name: String, _ arguments: [[UInt8]]) throws(CommandError) {
    switch name {
    case "mget": self = .get
    case "mset", "msetnx":
      guard arguments.count % 2 == 1 else {
        throw .arity(name)
      }
      let values = stride(from: 2, to: arguments.count, by: 2).map { arguments[$0] }
      self = .set(values, onlyIfNew: name == "msetnx")
    case "del", "unlink": self = .delete
    case "exists", "touch": self = .count
    case "rename": self = .rename(onlyIfNew: false)
    case "renamenx": self = .rename(onlyIfNew: true)
    case "copy": self = .copy(replaces: try Self.copy(arguments))
    case "lcs": self = .longestCommon(try LongestCommon.Options(arguments))
    default: return nil
    }
  }

  private static func copy(_ arguments: [[UInt8]]) throws(CommandError) -> Bool {
    var replaces = false
    var index = 3
    while index < arguments.count {
      switch option(arguments[index]) {
      case "replace": replaces = true
      case "db" where index + 1 < arguments.count:
        index += 1
        let database = try shortInteger(arguments[index])
        guard 0..<ServerSettings.databases ~= database else {
          throw CommandError("ERR DB index is out of range")
        }
      default: throw .syntax
      }
      index += 1
    }
    if arguments[1] == arguments[2] {
      throw CommandError("ERR source and destination objects are the same")
    }
    return replaces
  }

  /// What comes of it: a reply, and for some keys, by their place, what becomes of them; applied in
  /// order, so that of a key that is named twice the later one holds.
  package struct Outcome: Hashable, Sendable {
    package var reply: Reply
    package var changes: [Change] = []

    package struct Change: Hashable, Sendable {
      package let place: Int
      package let change: KeyChange
    }

    package init(_ reply: Reply) { self.reply = reply }

    /// That of a command on one key.
    package init(_ outcome: KeyOutcome) {
      reply = outcome.reply
      if case .none = outcome.change { return }
      changes = [Change(place: 0, change: outcome.change)]
    }

    init(_ reply: Reply, _ changes: [(Int, KeyChange)]) {
      self.reply = reply
      self.changes = changes.map { Change(place: $0.0, change: $0.1) }
    }
  }

  /// Carries the command out on what its keys hold, `stored[n]` being that of `keys[n]`, at `now`
  /// of the replicated clock. `limit` bounds the memory of LCS, in bytes.
  package func apply(keys: [[UInt8]], stored: [StoredString?], now: Int64, limit: Int) -> Outcome {
    let current = stored.map { entry in entry.flatMap { $0.isAlive(at: now) ? $0 : nil } }
    switch self {
    case .get: return Outcome(.array(current.map { $0.map { .bulk($0.bytes) } ?? .null }))
    case .set(let values, let onlyIfNew):
      if onlyIfNew, current.contains(where: { $0 != nil }) { return Outcome(.integer(0)) }
      let changes = values.enumerated().map { ($0.offset, KeyChange.put(StoredString($0.element))) }
      return Outcome(onlyIfNew ? .integer(1) : .ok, changes)
    case .delete:
      var seen: Set<[UInt8]> = []
      let places = keys.indices.filter { current[$0] != nil && seen.insert(keys[$0]).inserted }
      return Outcome(.integer(Int64(places.count)), places.map { ($0, .delete) })
    case .count:
      return Outcome(.integer(Int64(current.count { $0 != nil })))
    case .rename(let onlyIfNew): return Self.rename(keys, current, onlyIfNew)
    case .copy(let replaces):
      guard let value = current[0], replaces || current[1] == nil else {
        return Outcome(.integer(0))
      }
      return Outcome(.integer(1), [(1, .put(value))])
    case .longestCommon(let options):
      let common = LongestCommon(current[0]?.bytes ?? [], current[1]?.bytes ?? [])
      return Outcome(common.reply(options, limit: limit))
    }
  }

  private static func rename(_ keys: [[UInt8]], _ current: [StoredString?], _ onlyIfNew: Bool)
    -> Outcome
  {
    guard let value = current[0] else { return Outcome(.error(CommandError.noSuchKey.text)) }
    let refusal = Outcome(onlyIfNew ? .integer(0) : .ok)
    if keys[0] == keys[1] || onlyIfNew && current[1] != nil { return refusal }
    return Outcome(onlyIfNew ? .integer(1) : .ok, [(1, .put(value)), (0, .delete)])
  }
}
