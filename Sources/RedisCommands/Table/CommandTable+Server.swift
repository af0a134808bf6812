extension CommandTable {
  /// Commands on the server.
  static let server: [CommandDescription] = [
    CommandDescription(
      "time", 1, [.loading, .stale, .fast], .server, since: "2.6.0", tips: [.nondeterministic],
      "The server's clock."),
    CommandDescription(
      "command", -1, [.loading, .stale], .server, since: "2.8.13", categories: [.connection],
      tips: [.nondeterministicOrder], "Which commands there are.",
      complexity: "O(N) for N commands", subcommands: commandSubcommands),
    CommandDescription(
      "config", -2, [], .server, since: "2.0.0", "Parameters of the server.",
      complexity: "That of its subcommands", subcommands: configSubcommands),
    CommandDescription(
      "info", -1, [.loading, .stale], .server, since: "1.0.0", categories: [.dangerous],
      tips: [.nondeterministic, .allShards, .specialAnswer], "Facts and figures of the server."),
    CommandDescription(
      "memory", -2, [], .server, since: "4.0.0", "What takes memory.",
      complexity: "That of its subcommands", subcommands: memorySubcommands),
    CommandDescription(
      "slowlog", -2, [], .server, since: "2.2.12", "Requests that took long.",
      complexity: "That of its subcommands", subcommands: slowlogSubcommands),
    CommandDescription(
      "latency", -2, [], .server, since: "2.8.13", "Delays that were watched.",
      complexity: "That of its subcommands", subcommands: latencySubcommands),
    CommandDescription(
      "debug", -2, [.admin, .noScript, .loading, .stale], .server, since: "1.0.0", isInternal: true,
      "Means of tests.", complexity: "That of its subcommands"),
    CommandDescription(
      "function", -2, [], .scripting, since: "7.0.0",
      "Functions of clients, which there are none of.", complexity: "That of its subcommands",
      subcommands: functionSubcommands),
  ]

  private static let commandSubcommands: [CommandDescription] = [
    CommandDescription(
      "command|count", 2, [.loading, .stale], .server, since: "2.8.13", categories: [.connection],
      "How many commands there are."),
    CommandDescription(
      "command|docs", -2, [.loading, .stale], .server, since: "7.0.0", categories: [.connection],
      tips: [.nondeterministicOrder], "What commands are for.", complexity: "O(N) for N commands"),
    CommandDescription(
      "command|getkeys", -4, [.loading, .stale], .server, since: "2.8.13",
      categories: [.connection], "Which arguments of a request are keys.",
      complexity: "O(N) for N arguments"),
    CommandDescription(
      "command|getkeysandflags", -4, [.loading, .stale], .server, since: "7.0.0",
      categories: [.connection],
      "Which arguments of a request are keys, and what is done with them.",
      complexity: "O(N) for N arguments"),
    CommandDescription(
      "command|help", 2, [.loading, .stale], .server, since: "5.0.0", categories: [.connection],
      "What COMMAND can do."),
    CommandDescription(
      "command|info", -2, [.loading, .stale], .server, since: "2.8.13", categories: [.connection],
      tips: [.nondeterministicOrder], "The properties of commands.",
      complexity: "O(N) for N commands"),
    CommandDescription(
      "command|list", -2, [.loading, .stale], .server, since: "7.0.0", categories: [.connection],
      tips: [.nondeterministicOrder], "The names of commands.", complexity: "O(N) for N commands"),
  ]

  private static let configSubcommands: [CommandDescription] = [
    CommandDescription(
      "config|get", -3, [.admin, .noScript, .loading, .stale], .server, since: "2.0.0",
      "The values of parameters.", complexity: "O(N) for N patterns"),
    CommandDescription(
      "config|help", 2, [.loading, .stale], .server, since: "5.0.0", "What CONFIG can do."),
    CommandDescription(
      "config|resetstat", 2, [.admin, .noScript, .loading, .stale], .server, since: "2.0.0",
      "Counts from zero again."),
    CommandDescription(
      "config|rewrite", 2, [.admin, .noScript, .loading, .stale], .server, since: "2.8.0",
      "Writes the file of parameters."),
    CommandDescription(
      "config|set", -4, [.admin, .noScript, .loading, .stale], .server, since: "2.0.0",
      tips: [.allNodes, .allSucceed], "Changes parameters.", complexity: "O(N) for N parameters"),
  ]

  private static let memorySubcommands: [CommandDescription] = [
    CommandDescription(
      "memory|help", 2, [.loading, .stale], .server, since: "4.0.0", "What MEMORY can do."),
    CommandDescription(
      "memory|usage", -3, [.readOnly], .server, since: "4.0.0", keys: [.readsOnly([], at: 2)],
      "How many bytes a key and its value take, about."),
  ]

  private static let slowlogSubcommands: [CommandDescription] = [
    CommandDescription(
      "slowlog|get", -2, [.admin, .loading, .stale], .server, since: "2.2.12",
      tips: [.allNodes, .nondeterministic], "The latest requests that took long.",
      complexity: "O(N) for N requests"),
    CommandDescription(
      "slowlog|help", 2, [.loading, .stale], .server, since: "6.2.0", "What SLOWLOG can do."),
    CommandDescription(
      "slowlog|len", 2, [.admin, .loading, .stale], .server, since: "2.2.12",
      tips: [.allNodes, .sum, .nondeterministic], "How many requests that took long are kept."),
    CommandDescription(
      "slowlog|reset", 2, [.admin, .loading, .stale], .server, since: "2.2.12",
      tips: [.allNodes, .allSucceed], "Forgets the requests that took long."),
  ]

  private static let latencySubcommands: [CommandDescription] = [
    CommandDescription(
      "latency|help", 2, [.loading, .stale], .server, since: "2.8.13", "What LATENCY can do."),
    CommandDescription(
      "latency|histogram", -2, [.admin, .noScript, .loading, .stale], .server, since: "7.0.0",
      tips: [.nondeterministic, .allNodes, .specialAnswer], "How long commands took.",
      complexity: "O(N) for N commands"),
    CommandDescription(
      "latency|history", 3, [.admin, .noScript, .loading, .stale], .server, since: "2.8.13",
      tips: [.nondeterministic, .allNodes, .specialAnswer], "The delays of one kind."),
    CommandDescription(
      "latency|latest", 2, [.admin, .noScript, .loading, .stale], .server, since: "2.8.13",
      tips: [.nondeterministic, .allNodes, .specialAnswer], "The newest delay of each kind."),
    CommandDescription(
      "latency|reset", -2, [.admin, .noScript, .loading, .stale], .server, since: "2.8.13",
      tips: [.allNodes, .allSucceed], "Forgets delays."),
  ]

  private static let functionSubcommands: [CommandDescription] = [
    CommandDescription(
      "function|delete", 3, [.write, .noScript], .scripting, since: "7.0.0",
      tips: [.allShards, .allSucceed], "Deletes a library."),
    CommandDescription(
      "function|flush", -2, [.write, .noScript], .scripting, since: "7.0.0",
      tips: [.allShards, .allSucceed], "Deletes all libraries."),
    CommandDescription(
      "function|help", 2, [.loading, .stale], .scripting, since: "7.0.0", "What FUNCTION can do."),
    CommandDescription(
      "function|kill", 2, [.noScript, .allowBusy], .scripting, since: "7.0.0",
      tips: [.allShards, .oneSucceeds], "Stops the function that runs."),
    CommandDescription(
      "function|list", -2, [.noScript], .scripting, since: "7.0.0", tips: [.nondeterministicOrder],
      "All libraries."),
    CommandDescription(
      "function|stats", 2, [.noScript, .allowBusy], .scripting, since: "7.0.0",
      tips: [.nondeterministic, .allShards, .specialAnswer],
      "The function that runs, and the engines."),
  ]
}
