extension CommandTable {
  /// Commands on the connection, and transactions.
  static let connection: [CommandDescription] = [
    CommandDescription(
      "multi", 1, [.noScript, .loading, .stale, .fast, .allowBusy], .transactions, since: "1.2.0",
      "Begins a transaction."),
    CommandDescription(
      "exec", 1, [.noScript, .loading, .stale, .skipSlowLog], .transactions, since: "1.2.0",
      "Carries a transaction out, at one moment.", complexity: "That of its commands"),
    CommandDescription(
      "discard", 1, [.noScript, .loading, .stale, .fast, .allowBusy], .transactions, since: "2.0.0",
      "Gives a transaction up.", complexity: "O(N) for N commands"),
    CommandDescription(
      "watch", -2, [.noScript, .loading, .stale, .fast, .allowBusy], .transactions, since: "2.2.0",
      keys: [.readsOnly([], at: 1, last: -1)],
      "Lets the next EXEC do nothing if one of the keys changes before.",
      complexity: "O(N) for N keys"),
    CommandDescription(
      "unwatch", 1, [.noScript, .loading, .stale, .fast, .allowBusy], .transactions, since: "2.2.0",
      "Takes back all WATCH."),
    CommandDescription(
      "ping", -1, [.fast], .connection, since: "1.0.0", tips: [.allShards, .allSucceed],
      "Answers, to show that it is there."),
    CommandDescription(
      "echo", 2, [.loading, .stale, .fast], .connection, since: "1.0.0",
      "Answers with its argument."),
    CommandDescription(
      "select", 2, [.loading, .stale, .fast], .connection, since: "1.0.0",
      "Chooses a database; there is number 0 only."),
    CommandDescription(
      "quit", -1, [.noScript, .loading, .stale, .fast, .noAuth, .allowBusy], .connection,
      since: "1.0.0", "Closes the connection."),
    CommandDescription(
      "reset", 1, [.noScript, .loading, .stale, .fast, .noAuth, .allowBusy], .connection,
      since: "6.2.0", "Makes the connection as new."),
    CommandDescription(
      "hello", -1, [.noScript, .loading, .stale, .fast, .noAuth, .allowBusy], .connection,
      since: "6.0.0", "Agrees on the version of the protocol, and may log in."),
    CommandDescription(
      "auth", -2, [.noScript, .loading, .stale, .fast, .noAuth, .allowBusy], .connection,
      since: "1.0.0", "Logs in."),
    CommandDescription(
      "client", -2, [], .connection, since: "2.4.0", "What concerns connections.",
      complexity: "That of its subcommands", subcommands: clientSubcommands),
  ]

  private static let clientSubcommands: [CommandDescription] = [
    CommandDescription(
      "client|getname", 2, [.noScript, .loading, .stale], .connection, since: "2.6.9",
      "The name of this connection."),
    CommandDescription(
      "client|help", 2, [.loading, .stale], .connection, since: "5.0.0", "What CLIENT can do."),
    CommandDescription(
      "client|id", 2, [.noScript, .loading, .stale], .connection, since: "5.0.0",
      "The number of this connection."),
    CommandDescription(
      "client|info", 2, [.noScript, .loading, .stale], .connection, since: "6.2.0",
      tips: [.nondeterministic], "The state of this connection."),
    CommandDescription(
      "client|kill", -3, [.admin, .noScript, .loading, .stale], .connection, since: "2.4.0",
      "Closes connections.", complexity: "O(N) for N connections"),
    CommandDescription(
      "client|list", -2, [.admin, .noScript, .loading, .stale], .connection, since: "2.4.0",
      tips: [.nondeterministic], "The states of all connections.",
      complexity: "O(N) for N connections"),
    CommandDescription(
      "client|no-evict", 3, [.admin, .noScript, .loading, .stale], .connection, since: "7.0.0",
      "Whether this connection may be closed to save memory."),
    CommandDescription(
      "client|no-touch", 3, [.noScript, .loading, .stale], .connection, since: "7.2.0",
      "Whether this connection's reads count as use of a key."),
    CommandDescription(
      "client|pause", -3, [.admin, .noScript, .loading, .stale], .connection, since: "2.9.50",
      "Holds requests back for a time."),
    CommandDescription(
      "client|reply", 3, [.noScript, .loading, .stale], .connection, since: "3.2.0",
      "Turns replies off and on."),
    CommandDescription(
      "client|setinfo", 4, [.noScript, .loading, .stale], .connection, since: "7.2.0",
      "Tells the client's library."),
    CommandDescription(
      "client|setname", 3, [.noScript, .loading, .stale], .connection, since: "2.6.9",
      "Names this connection."),
    CommandDescription(
      "client|unpause", 2, [.admin, .noScript, .loading, .stale], .connection, since: "6.2.0",
      "Ends a pause.", complexity: "O(N) for N connections"),
  ]
}
