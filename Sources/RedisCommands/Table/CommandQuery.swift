import RESP

/// COMMAND and its subcommands: what clients ask of the table.
package enum CommandQuery: Hashable, Sendable {
  case all
  case count
  /// Of these, or of all if there are none.
  case info([[UInt8]])
  case docs([[UInt8]])
  case list(Filter?)
  /// Of a request, which begins with its name.
  case keys(of: [[UInt8]], withFlags: Bool)

  package enum Filter: Hashable, Sendable {
    /// There are no modules.
    case module
    case category([UInt8])
    case pattern([UInt8])
  }

  init(_ name: String, _ arguments: [[UInt8]]) throws(CommandError) {
    let rest = Array(arguments.dropFirst(2))
    switch name {
    case "command|count": self = .count
    case "command|info": self = .info(rest)
    case "command|docs": self = .docs(rest)
    case "command|list": self = .list(try Self.filter(rest))
    case "command|getkeys": self = .keys(of: rest, withFlags: false)
    case "command|getkeysandflags": self = .keys(of: rest, withFlags: true)
    default: self = .all
    }
  }

  private static func filter(_ arguments: [[UInt8]]) throws(CommandError) -> Filter? {
    if arguments.isEmpty { return nil }
    guard arguments.count == 3, option(arguments[0]) == "filterby" else { throw .syntax }
    switch option(arguments[1]) {
    case "module": return .module
    case "aclcat": return .category(arguments[2])
    case "pattern": return .pattern(arguments[2])
    default: throw .syntax
    }
  }

  package func reply(_ table: CommandTable) -> Reply {
    switch self {
    case .all, .info([]): return .array(table.commands.map(\.infoReply))
    case .count: return .integer(Int64(table.commands.count))
    case .info(let names):
      return .array(names.map { table.command(named: $0)?.infoReply ?? .null })
    case .docs(let names):
      let commands = names.isEmpty ? table.commands : names.compactMap(table.command(named:))
      return .map(commands.map(\.docsReply))
    case .list(let filter): return .array(Self.names(table, filter).map { .bulk($0) })
    case .keys(let request, let withFlags): return Self.keys(table, request, withFlags)
    }
  }

  private static func names(_ table: CommandTable, _ filter: Filter?) -> [String] {
    let all = table.commands.flatMap { [$0] + $0.subcommands }
    switch filter {
    case nil: return all.map(\.name)
    case .module: return []
    case .category(let wanted):
      return all.filter { $0.categories.names.contains(option(wanted)) }.map(\.name)
    case .pattern(let text):
      let pattern = GlobPattern(text.map(asciiLowercased))
      return all.map(\.name).filter { pattern.matches(Array($0.utf8)) }
    }
  }

  private static func keys(_ table: CommandTable, _ request: [[UInt8]], _ withFlags: Bool) -> Reply
  {
    guard let command = table.lookUp(request) else {
      return .error("ERR Invalid command specified")
    }
    guard !command.keys.isEmpty else { return .error("ERR The command has no key arguments") }
    guard command.accepts(argumentCount: request.count) else {
      return .error("ERR Invalid number of arguments specified for command")
    }
    guard withFlags else { return .array(command.keys(in: request).map { .bulk($0) }) }
    var result: [Reply] = []
    for spec in command.keys {
      let names = spec.names(in: request).map { Reply.simple($0) }
      for place in spec.places(argumentCount: request.count) {
        result.append(.array([.bulk(request[place]), .set(names)]))
      }
    }
    return .array(result)
  }
}

extension KeySpec {
  /// What a request does with the key: SET reads it only if it has the option GET.
  fileprivate func names(in request: [[UInt8]]) -> [String] {
    guard use.contains(.variable) else { return names }
    let reads = request.dropFirst(3).contains { option($0) == "get" }
    let kept: KeySpec.Use = reads ? [.access, .update] : [.update]
    return [(reads ? Access.readsAndWrites : .overwrites).rawValue] + kept.names
  }

  fileprivate var reply: Reply {
    func map(_ pairs: [(String, Reply)]) -> Reply {
      .map(pairs.map { Reply.Pair(.bulk($0.0), $0.1) })
    }
    let begin = map([
      ("type", .bulk("index")), ("spec", map([("index", .integer(Int64(first)))])),
    ])
    let range = map([
      ("lastkey", .integer(Int64(last))), ("keystep", .integer(Int64(step))),
      ("limit", .integer(0)),
    ])
    let find = map([("type", .bulk("range")), ("spec", range)])
    let note = notes.map { [("notes", Reply.bulk($0))] } ?? []
    return map(
      note + [
        ("flags", .set(names.map { .simple($0) })), ("begin_search", begin), ("find_keys", find),
      ])
  }
}

extension CommandDescription {
  fileprivate var infoReply: Reply {
    .array([
      .bulk(name), .integer(Int64(arity)), .set(flags.names.map { .simple($0) }),
      .integer(Int64(keyRange.first)), .integer(Int64(keyRange.last)),
      .integer(Int64(keyRange.step)), .set(categories.names.map { .simple("@\($0)") }),
      .set(tips.map { .bulk($0.rawValue) }), .set(keys.map(\.reply)),
      .set(subcommands.map(\.infoReply)),
    ])
  }

  fileprivate var docsReply: Reply.Pair {
    var pairs = [
      Reply.Pair(.bulk("summary"), .bulk(summary)), Reply.Pair(.bulk("since"), .bulk(since)),
      Reply.Pair(.bulk("group"), .bulk(group.rawValue)),
      Reply.Pair(.bulk("complexity"), .bulk(complexity)),
    ]
    if deprecation != nil || isInternal {
      let flags = (deprecation == nil ? [] : ["deprecated"]) + (isInternal ? ["syscmd"] : [])
      pairs.append(.init(.bulk("doc_flags"), .set(flags.map { .simple($0) })))
    }
    if let deprecation {
      pairs.append(.init(.bulk("deprecated_since"), .bulk(deprecation.since)))
      pairs.append(.init(.bulk("replaced_by"), .bulk(deprecation.by)))
    }
    if !subcommands.isEmpty {
      pairs.append(.init(.bulk("subcommands"), .map(subcommands.map(\.docsReply))))
    }
    return .init(.bulk(name), .map(pairs))
  }

  /// The answer to HELP of a command with subcommands.
  package var helpReply: Reply {
    var lines = ["\(name.uppercased()) <subcommand> [<argument> ...]. Subcommands are:"]
    for subcommand in subcommands {
      lines.append(String(subcommand.name.dropFirst(name.utf8.count + 1)).uppercased())
      lines.append("    \(subcommand.summary)")
    }
    return .array(lines.map { .simple($0) })
  }
}
