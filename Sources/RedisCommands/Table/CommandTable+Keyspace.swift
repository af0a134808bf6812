extension CommandTable {
  /// Commands on keys, whatever their values.
  static let keyspace: [CommandDescription] = [
    CommandDescription(
      "del", -2, [.write], .generic, since: "1.0.0", keys: [.removes([.delete], at: 1, last: -1)],
      tips: [.manyShards, .sum], "Deletes keys.", complexity: "O(N) for N keys"),
    CommandDescription(
      "unlink", -2, [.write, .fast], .generic, since: "4.0.0",
      keys: [.removes([.delete], at: 1, last: -1)], tips: [.manyShards, .sum],
      "Deletes keys; here the same as DEL.", complexity: "O(N) for N keys"),
    CommandDescription(
      "exists", -2, [.readOnly, .fast], .generic, since: "1.0.0",
      keys: [.readsOnly([], at: 1, last: -1)], tips: [.manyShards, .sum],
      "How many of the keys are there.", complexity: "O(N) for N keys"),
    CommandDescription(
      "expire", -3, [.write, .fast], .generic, since: "1.0.0",
      keys: [.readsAndWrites([.update], at: 1)], "Gives a key seconds to live."),
    CommandDescription(
      "pexpire", -3, [.write, .fast], .generic, since: "2.6.0",
      keys: [.readsAndWrites([.update], at: 1)], "Gives a key milliseconds to live."),
    CommandDescription(
      "expireat", -3, [.write, .fast], .generic, since: "1.2.0",
      keys: [.readsAndWrites([.update], at: 1)], "Gives a key a deadline in Unix seconds."),
    CommandDescription(
      "pexpireat", -3, [.write, .fast], .generic, since: "2.6.0",
      keys: [.readsAndWrites([.update], at: 1)], "Gives a key a deadline in Unix milliseconds."),
    CommandDescription(
      "ttl", 2, [.readOnly, .fast], .generic, since: "1.0.0", keys: [.readsOnly([.access], at: 1)],
      tips: [.nondeterministic], "How many seconds a key has to live."),
    CommandDescription(
      "pttl", 2, [.readOnly, .fast], .generic, since: "2.6.0", keys: [.readsOnly([.access], at: 1)],
      tips: [.nondeterministic], "How many milliseconds a key has to live."),
    CommandDescription(
      "expiretime", 2, [.readOnly, .fast], .generic, since: "7.0.0",
      keys: [.readsOnly([.access], at: 1)], "The deadline of a key in Unix seconds."),
    CommandDescription(
      "pexpiretime", 2, [.readOnly, .fast], .generic, since: "7.0.0",
      keys: [.readsOnly([.access], at: 1)], "The deadline of a key in Unix milliseconds."),
    CommandDescription(
      "persist", 2, [.write, .fast], .generic, since: "2.2.0",
      keys: [.readsAndWrites([.update], at: 1)], "Takes a key's deadline away."),
    CommandDescription(
      "keys", 2, [.readOnly], .generic, since: "1.0.0", categories: [.dangerous],
      tips: [.allShards, .nondeterministicOrder], "All keys that a pattern matches.",
      complexity: "O(N) for N keys of the server"),
    CommandDescription(
      "scan", -2, [.readOnly], .generic, since: "2.8.0", tips: [.nondeterministic, .special],
      "Keys, some at a time.", complexity: "O(N) for COUNT N"),
    CommandDescription(
      "dbsize", 1, [.readOnly, .fast], .server, since: "1.0.0", categories: [.keyspace],
      tips: [.allShards, .sum], "How many keys there are."),
    CommandDescription(
      "type", 2, [.readOnly, .fast], .generic, since: "1.0.0", keys: [.readsOnly([], at: 1)],
      "What kind of value a key has."),
    CommandDescription(
      "rename", 3, [.write], .generic, since: "1.0.0",
      keys: [.readsAndWrites([.access, .delete], at: 1), .overwrites([.update], at: 2)],
      "Gives a value another key."),
    CommandDescription(
      "renamenx", 3, [.write, .fast], .generic, since: "1.0.0",
      keys: [.readsAndWrites([.access, .delete], at: 1), .overwrites([.insert], at: 2)],
      "Gives a value another key, unless that is there."),
    CommandDescription(
      "copy", -3, [.write, .denyOOM], .generic, since: "6.2.0",
      keys: [.readsOnly([.access], at: 1), .overwrites([.update], at: 2)],
      "Gives a value a second key."),
    CommandDescription(
      "touch", -2, [.readOnly, .fast], .generic, since: "3.2.1",
      keys: [.readsOnly([], at: 1, last: -1)], tips: [.manyShards, .sum],
      "How many of the keys are there.", complexity: "O(N) for N keys"),
    CommandDescription(
      "randomkey", 1, [.readOnly], .generic, since: "1.0.0", tips: [.allShards, .nondeterministic],
      "Some key."),
    CommandDescription(
      "flushall", -1, [.write], .server, since: "1.0.0", categories: [.dangerous, .keyspace],
      tips: [.allShards, .allSucceed], "Deletes all keys.",
      complexity: "O(N) for N keys of the server"),
    CommandDescription(
      "flushdb", -1, [.write], .server, since: "1.0.0", categories: [.dangerous, .keyspace],
      tips: [.allShards, .allSucceed], "Deletes all keys of the database.",
      complexity: "O(N) for N keys of the server"),
    CommandDescription(
      "object", -2, [], .generic, since: "2.2.3", "Looks into how a value is kept.",
      complexity: "That of its subcommands", subcommands: objectSubcommands),
  ]

  private static let objectSubcommands: [CommandDescription] = [
    CommandDescription(
      "object|encoding", 3, [.readOnly], .generic, since: "2.2.3", keys: [.readsOnly([], at: 2)],
      tips: [.nondeterministic], "How a value is kept."),
    CommandDescription(
      "object|freq", 3, [.readOnly], .generic, since: "4.0.0", keys: [.readsOnly([], at: 2)],
      tips: [.nondeterministic], "How often a key is used, where that is counted."),
    CommandDescription(
      "object|help", 2, [.loading, .stale], .generic, since: "6.2.0", "What OBJECT can do."),
    CommandDescription(
      "object|idletime", 3, [.readOnly], .generic, since: "2.2.3", keys: [.readsOnly([], at: 2)],
      tips: [.nondeterministic], "For how many seconds a key was not used."),
    CommandDescription(
      "object|refcount", 3, [.readOnly], .generic, since: "2.2.3", keys: [.readsOnly([], at: 2)],
      tips: [.nondeterministic], "How many share a value."),
  ]
}
