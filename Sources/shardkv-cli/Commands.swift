import Arguments

/// Everything that `shardkv-cli` understands.
let commandTable = CommandTable(
  program: "shardkv-cli", summary: "reads, writes, watches and grows a shardkv cluster",
  examples: [
    "shardkv-cli put greeting hello          store a value",
    "shardkv-cli get greeting                print it",
    "shardkv-cli status                      what is up, and how many failures it survives",
    "shardkv-cli bench -c 64 -z 10 --mix get=90,put=10",
  ],
  flags: [
    Flag(
      "endpoints", short: "e", value: "HOST:PORT,…",
      default: "127.0.0.1:7101,127.0.0.1:7102,127.0.0.1:7103",
      help: "Addresses of the controllers."),
    Flag("json", help: "Print one JSON document instead of text."),
    Flag("timeout", value: "DURATION", default: "5s", help: "How long one request may take."),
  ],
  commands: dataCommands + watchingCommands + [benchCommand] + growingCommands,
  footer: """

    A VALUE of '-' is read from standard input; '--' ends the options. Data goes to standard
    output, everything else to standard error.

    EXIT CODES
      0  done                         69  unavailable, not applied
      1  the answer is no             70  internal error
     64  wrong usage                  73  the servers' disks are full, not applied
     75  outcome unknown: it may have been applied
    More: README.md and docs/HANDBOOK.md
    """)

/// Who answers reads, and what they must have seen.
private let readFlags = [
  Flag(
    "from-any",
    help: "Let any replica answer, not only the leader: it asks its leader how far it must have "
      + "applied."),
  Flag("stale", help: "Let any replica answer from what it has, and say how old that may be."),
]

private let dataCommands = [
  Command(
    "get", operands: "KEY", count: 1...1, summary: "Print a key's value.",
    flags: readFlags,
    details: """
      The read is linearizable: it sees every write that was acknowledged before it was sent, also
      with --from-any. With --stale it sees those that are older than the age that is printed.
      A newline follows the value only on a terminal. A missing key gives exit code 1.
      Example: shardkv-cli get greeting
      """),
  Command(
    "put", operands: "KEY VALUE", count: 2...2, summary: "Set a key.",
    details: """
      Examples: shardkv-cli put greeting hello
                shardkv-cli put photo - < photo.jpg
      """),
  Command(
    "append", operands: "KEY VALUE", count: 2...2,
    summary: "Add to the end of a key's value; a missing key starts empty.",
    details: "Example: shardkv-cli append greeting ', world'"),
  Command(
    "delete", operands: "KEY", count: 1...1, summary: "Delete a key.",
    details: "A missing key gives exit code 1.\nExample: shardkv-cli delete greeting"),
  Command(
    "cas", operands: "KEY OLD NEW", count: 2...3,
    summary: "Set a key to NEW if it holds OLD (compare and set).",
    flags: [Flag("absent", help: "Expect that the key is missing; takes the place of OLD.")],
    details: """
      If the key holds something else, nothing changes and the exit code is 1.
      Examples: shardkv-cli cas greeting hello goodbye
                shardkv-cli cas lock --absent me
      """),
  Command(
    "where", operands: "KEY", count: 1...1,
    summary: "Show a key's slot, shard, group and replicas.",
    details: "Example: shardkv-cli where greeting"),
]

private let watchingCommands = [
  Command(
    "status", summary: "Show groups, replicas, shards, moves, and how many failures are survived.",
    flags: [Flag("details", help: "Show every shard in a line of its own.")]),
  Command(
    "health", summary: "Let every group commit a probe write (it deletes a key that is not there).",
    details: """
      Waits, up to --timeout, until the controllers and every group that owns shards have committed
      one. Exit code 69 if one could not.
      """),
]

private let benchCommand = Command(
  "bench", summary: "Load the cluster and measure.",
  flags: [
    Flag("clients", short: "c", value: "N", default: "32", help: "Clients with own connections."),
    Flag("pipeline", short: "P", value: "N", default: "1", help: "Requests in flight per client."),
    Flag("requests", short: "n", value: "N", help: "Stop after N requests."),
    Flag("seconds", short: "z", value: "SECONDS", help: "Stop after this time (default 10)."),
    Flag(
      "data-size", short: "d", value: "BYTES",
      help: "Bytes of a value (default 256; with --verify a token of at most 16)."),
    Flag("keys", short: "r", value: "N", default: "1000", help: "Number of different keys."),
    Flag(
      "mix", value: "OP=PART,…", default: "get=90,put=10",
      help: "Parts of get, put, append and delete."),
    Flag(
      "rate", value: "N",
      help: "Requests a second (open loop): latency counts from when each should have been sent."),
    Flag("warmup", value: "SECONDS", default: "0", help: "Load without measuring first."),
  ] + readFlags + [
    Flag("verify", help: "Appends carry unique tokens; everything is read back and compared."),
    Flag(
      "history", value: "FILE",
      help: "Write every operation to FILE, for shardkv-sim check; uses keys of its own."),
    Flag("seed", value: "N", default: "1", help: "Repeats the choice of keys and operations."),
  ],
  details: """
    A closed loop unless --rate is given: each client sends its next request when the last one is
    answered. --verify takes mixes of append and get; it counts appends that were lost, doubled or
    reordered, and answers of get that were stale, and then exits with 1. --from-any and --stale
    are about the gets, as for 'get'.
    Examples: shardkv-cli bench -c 64 -z 10 -d 256 --mix put=100
              shardkv-cli bench -c 32 -z 60 --mix append=100 --verify
              shardkv-cli bench -c 64 -z 30 --rate 5000 --mix get=95,put=5 --json
    """)
