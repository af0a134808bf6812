/// What is known of a command before its arguments are looked at; facts of Redis 7.0, and of later
/// versions for the few subcommands that came after it. Immutable, and shared by reference, so that
/// a request does not copy it.
package final class CommandDescription: Sendable {
  /// In lower case; that of a subcommand is `container|name`.
  package let name: String
  /// How many arguments a request has, with the names; negative: at least so many. A subcommand's
  /// counts its container's name, too.
  package let arity: Int
  package let flags: Flags
  package let group: Group
  /// The version of Redis that brought it.
  package let since: String
  package let categories: Categories
  package let keys: [KeySpec]
  let keyRange: (first: Int, last: Int, step: Int)
  package let tips: [Tip]
  package let deprecation: Deprecation?
  /// Not meant for applications.
  package let isInternal: Bool
  /// What it does, for people.
  package let summary: String
  package let complexity: String
  /// By name; a command that has some does nothing by itself.
  package let subcommands: [CommandDescription]

  init(
    _ name: String, _ arity: Int, _ flags: Flags, _ group: Group, since: String,
    categories: Categories = [], keys: [KeySpec] = [], tips: [Tip] = [],
    deprecated: Deprecation? = nil, isInternal: Bool = false, _ summary: String,
    complexity: String = "O(1)", subcommands: [CommandDescription] = []
  ) {
    self.name = name
    self.arity = arity
    self.flags = flags
    self.group = group
    self.since = since
    self.categories = categories.union(
      Categories(flags: flags, group: subcommands.isEmpty ? group : .server))
    self.keys = keys
    keyRange = Self.keyRange(keys)
    self.tips = tips
    deprecation = deprecated
    self.isInternal = isInternal
    self.summary = summary
    self.complexity = complexity
    self.subcommands = subcommands
  }

  /// Whether a request may have so many arguments.
  package func accepts(argumentCount count: Int) -> Bool {
    arity >= 0 ? count == arity : count >= -arity
  }

  package struct Deprecation: Hashable, Sendable {
    package let since: String
    /// What to use instead.
    package let by: String
  }

  /// Who documents it.
  package enum Group: String, Sendable {
    case string, bitmap, generic, connection, server, transactions, scripting, cluster
  }

  /// How a proxy may send a command to several nodes and join their answers.
  package enum Tip: String, Sendable {
    case nondeterministic = "nondeterministic_output"
    case nondeterministicOrder = "nondeterministic_output_order"
    case manyShards = "request_policy:multi_shard"
    case allShards = "request_policy:all_shards"
    case allNodes = "request_policy:all_nodes"
    case special = "request_policy:special"
    case allSucceed = "response_policy:all_succeeded"
    case oneSucceeds = "response_policy:one_succeeded"
    case sum = "response_policy:agg_sum"
    case minimum = "response_policy:agg_min"
    case specialAnswer = "response_policy:special"
  }

  /// In the order in which COMMAND gives them.
  package struct Flags: OptionSet, Hashable, Sendable {
    package let rawValue: UInt16
    package init(rawValue: UInt16) { self.rawValue = rawValue }

    package static let write = Flags(rawValue: 1 << 0)
    package static let readOnly = Flags(rawValue: 1 << 1)
    /// Takes memory, so that it is refused when there is none.
    package static let denyOOM = Flags(rawValue: 1 << 2)
    package static let admin = Flags(rawValue: 1 << 3)
    package static let noScript = Flags(rawValue: 1 << 4)
    package static let loading = Flags(rawValue: 1 << 5)
    package static let stale = Flags(rawValue: 1 << 6)
    package static let skipSlowLog = Flags(rawValue: 1 << 7)
    package static let fast = Flags(rawValue: 1 << 8)
    /// May be asked for before logging in.
    package static let noAuth = Flags(rawValue: 1 << 9)
    package static let allowBusy = Flags(rawValue: 1 << 10)

    static let names = [
      "write", "readonly", "denyoom", "admin", "noscript", "loading", "stale", "skip_slowlog",
      "fast", "no_auth", "allow_busy",
    ]
    package var names: [String] { Self.names.indices.filter(has).map { Self.names[$0] } }
    private func has(_ bit: Int) -> Bool { rawValue >> UInt16(bit) & 1 == 1 }
  }

  /// Kinds that access lists speak of, in the order in which COMMAND gives them. Those of Redis
  /// that no command here has are left out.
  package struct Categories: OptionSet, Hashable, Sendable {
    package let rawValue: UInt16
    package init(rawValue: UInt16) { self.rawValue = rawValue }

    package static let keyspace = Categories(rawValue: 1 << 0)
    package static let read = Categories(rawValue: 1 << 1)
    package static let write = Categories(rawValue: 1 << 2)
    package static let string = Categories(rawValue: 1 << 3)
    package static let bitmap = Categories(rawValue: 1 << 4)
    package static let admin = Categories(rawValue: 1 << 5)
    package static let fast = Categories(rawValue: 1 << 6)
    package static let slow = Categories(rawValue: 1 << 7)
    package static let dangerous = Categories(rawValue: 1 << 8)
    package static let connection = Categories(rawValue: 1 << 9)
    package static let transaction = Categories(rawValue: 1 << 10)
    package static let scripting = Categories(rawValue: 1 << 11)

    static let names = [
      "keyspace", "read", "write", "string", "bitmap", "admin", "fast", "slow", "dangerous",
      "connection", "transaction", "scripting",
    ]
    package var names: [String] { Self.names.indices.filter(has).map { Self.names[$0] } }
    private func has(_ bit: Int) -> Bool { rawValue >> UInt16(bit) & 1 == 1 }

    /// What follows from a command's flags and group.
    init(flags: Flags, group: Group) {
      var result: Categories = flags.contains(.fast) ? .fast : .slow
      if flags.contains(.write) { result.insert(.write) }
      if flags.contains(.readOnly) { result.insert(.read) }
      if flags.contains(.admin) { result.formUnion([.admin, .dangerous]) }
      switch group {
      case .string: result.insert(.string)
      case .bitmap: result.insert(.bitmap)
      case .generic: result.insert(.keyspace)
      case .connection: result.insert(.connection)
      case .transactions: result.insert(.transaction)
      case .scripting: result.insert(.scripting)
      case .server, .cluster: break
      }
      self = result
    }
  }
}
