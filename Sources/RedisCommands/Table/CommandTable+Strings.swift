extension CommandTable {
  /// Commands on values.
  static let strings: [CommandDescription] = [
    CommandDescription(
      "get", 2, [.readOnly, .fast], .string, since: "1.0.0", keys: [.readsOnly([.access], at: 1)],
      "The value of a key."),
    CommandDescription(
      "set", -3, [.write, .denyOOM], .string, since: "1.0.0",
      keys: [
        .readsAndWrites(
          [.access, .update, .variable], at: 1, notes: "With GET it reads the value, too.")
      ], "Gives a key a value; on conditions and with a deadline if asked to."),
    CommandDescription(
      "setex", 4, [.write, .denyOOM], .string, since: "2.0.0",
      keys: [.overwrites([.update], at: 1)], "Gives a key a value and seconds to live."),
    CommandDescription(
      "psetex", 4, [.write, .denyOOM], .string, since: "2.6.0",
      keys: [.overwrites([.update], at: 1)], "Gives a key a value and milliseconds to live."),
    CommandDescription(
      "setnx", 3, [.write, .denyOOM, .fast], .string, since: "1.0.0",
      keys: [.overwrites([.insert], at: 1)], "Gives a key a value unless it has one."),
    CommandDescription(
      "mget", -2, [.readOnly, .fast], .string, since: "1.0.0",
      keys: [.readsOnly([.access], at: 1, last: -1)], tips: [.manyShards],
      "The values of several keys at one moment.", complexity: "O(N) for N keys"),
    CommandDescription(
      "mset", -3, [.write, .denyOOM], .string, since: "1.0.1",
      keys: [.overwrites([.update], at: 1, last: -1, step: 2)], tips: [.manyShards, .allSucceed],
      "Gives several keys their values at one moment.", complexity: "O(N) for N keys"),
    CommandDescription(
      "msetnx", -3, [.write, .denyOOM], .string, since: "1.0.1",
      keys: [.overwrites([.insert], at: 1, last: -1, step: 2)], tips: [.manyShards, .minimum],
      "Gives several keys their values, unless one of them is there.", complexity: "O(N) for N keys"
    ),
    CommandDescription(
      "append", 3, [.write, .denyOOM, .fast], .string, since: "2.0.0",
      keys: [.readsAndWrites([.insert], at: 1)], "Puts bytes behind a value.",
      complexity: "O(1) on average"),
    CommandDescription(
      "strlen", 2, [.readOnly, .fast], .string, since: "2.2.0", keys: [.readsOnly([], at: 1)],
      "How many bytes a value has."),
    CommandDescription(
      "getset", 3, [.write, .denyOOM, .fast], .string, since: "1.0.0",
      keys: [.readsAndWrites([.access, .update], at: 1)],
      deprecated: .init(since: "6.2.0", by: "`SET` with `GET`"),
      "Gives a key a value and answers with the one before."),
    CommandDescription(
      "getdel", 2, [.write, .fast], .string, since: "6.2.0",
      keys: [.readsAndWrites([.access, .delete], at: 1)], "The value of a key, which is deleted."),
    CommandDescription(
      "getex", -2, [.write, .fast], .string, since: "6.2.0",
      keys: [.readsAndWrites([.access, .update], at: 1, notes: "It may change the deadline.")],
      "The value of a key, whose deadline may be changed."),
    CommandDescription(
      "getrange", 4, [.readOnly], .string, since: "2.4.0", keys: [.readsOnly([.access], at: 1)],
      "A part of a value.", complexity: "O(N) for N bytes of the answer"),
    CommandDescription(
      "substr", 4, [.readOnly], .string, since: "1.0.0", keys: [.readsOnly([.access], at: 1)],
      deprecated: .init(since: "2.0.0", by: "`GETRANGE`"),
      "A part of a value; the old name of GETRANGE.", complexity: "O(N) for N bytes of the answer"),
    CommandDescription(
      "setrange", 4, [.write, .denyOOM], .string, since: "2.2.0",
      keys: [.readsAndWrites([.update], at: 1)], "Overwrites a part of a value.",
      complexity: "O(N) for N bytes"),
    CommandDescription(
      "incr", 2, [.write, .denyOOM, .fast], .string, since: "1.0.0",
      keys: [.readsAndWrites([.access, .update], at: 1)], "Adds one to a number."),
    CommandDescription(
      "decr", 2, [.write, .denyOOM, .fast], .string, since: "1.0.0",
      keys: [.readsAndWrites([.access, .update], at: 1)], "Takes one from a number."),
    CommandDescription(
      "incrby", 3, [.write, .denyOOM, .fast], .string, since: "1.0.0",
      keys: [.readsAndWrites([.access, .update], at: 1)], "Adds to a number."),
    CommandDescription(
      "decrby", 3, [.write, .denyOOM, .fast], .string, since: "1.0.0",
      keys: [.readsAndWrites([.access, .update], at: 1)], "Takes from a number."),
    CommandDescription(
      "incrbyfloat", 3, [.write, .denyOOM, .fast], .string, since: "2.6.0",
      keys: [.readsAndWrites([.access, .update], at: 1)], "Adds a fraction to a number."),
    CommandDescription(
      "lcs", -3, [.readOnly], .string, since: "7.0.0",
      keys: [.readsOnly([.access], at: 1, last: 1)],
      "The longest sequence that two values have in common.",
      complexity: "O(N*M) for values of N and M bytes"),
    CommandDescription(
      "setbit", 4, [.write, .denyOOM], .bitmap, since: "2.2.0",
      keys: [.readsAndWrites([.access, .update], at: 1)], "Sets one bit of a value."),
    CommandDescription(
      "getbit", 3, [.readOnly, .fast], .bitmap, since: "2.2.0",
      keys: [.readsOnly([.access], at: 1)], "One bit of a value."),
    CommandDescription(
      "bitcount", -2, [.readOnly], .bitmap, since: "2.6.0", keys: [.readsOnly([.access], at: 1)],
      "How many bits of a value are one.", complexity: "O(N) for N bytes"),
  ]
}
