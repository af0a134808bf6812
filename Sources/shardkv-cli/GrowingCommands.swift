import Arguments

/// The commands that change who owns what, and those that show it.
let growingCommands = [
  Command(
    "join", operands: "GID=HOST:PORT,HOST:PORT,…[@WEIGHT] …", count: 1...512,
    summary: "Add running groups; shards move to them.",
    flags: [waitFlag, expectFlag, dryRunFlag],
    details: """
      The addresses are those of the group's replicas, which must run and have registered.
      Examples: shardkv-cli join 3=127.0.0.1:7131,127.0.0.1:7132,127.0.0.1:7133
                shardkv-cli join 4=10.0.0.7:7100,10.0.0.8:7100,10.0.0.9:7100@2
      """),
  Command(
    "leave", operands: "GID …", count: 1...512,
    summary: "Remove groups; their shards move to the others.",
    flags: [
      Flag("force", help: "Let even the last group leave: its data waits for the next owner."),
      waitFlag, expectFlag, dryRunFlag,
    ],
    details: """
      With --wait it is safe to stop the group afterwards, and a group that has left already is only
      waited for.
      Example: shardkv-cli leave 3 --wait
      """),
  Command(
    "drain", operands: "GID …", count: 1...512,
    summary: "Empty groups that stay members, and wait until they hold nothing.",
    flags: [Flag("no-wait", help: "Return when the change is made."), expectFlag, dryRunFlag],
    details: """
      The group keeps its weight for when it is undrained. Ctrl-C ends only the waiting.
      Example: shardkv-cli drain 2
      """),
  Command(
    "undrain", operands: "GID …", count: 1...512, summary: "Let drained groups own shards again.",
    flags: [waitFlag, expectFlag, dryRunFlag]),
  Command(
    "weight", operands: "GID WEIGHT", count: 2...2,
    summary: "Change how much a group is to own beside the others (0: nothing).",
    flags: [waitFlag, expectFlag, dryRunFlag],
    details: """
      Weights count under the policies weighted and consistent-hash; 0 counts always.
      Example: shardkv-cli weight 2 3
      """),
  Command(
    "policy", operands: "NAME", count: 1...1, summary: "Choose how shards are spread over groups.",
    flags: [waitFlag, expectFlag, dryRunFlag],
    details: """
      balanced          as many for each group, moving as few as possible (the default)
      weighted          in proportion to the groups' weights, moving as few as possible
      consistent-hash   each shard to its place on a ring of the groups: less even, but where a
                        shard is depends on nothing but the groups and their weights
      """),
  Command(
    "rebalance", summary: "Place the shards as the policy says, undoing moves made by hand.",
    flags: [waitFlag, expectFlag, dryRunFlag], details: "Example: shardkv-cli rebalance --dry-run"),
  Command(
    "move", operands: "SHARD GID", count: 2...2, summary: "Give one shard to a group.",
    flags: [expectFlag, dryRunFlag],
    details: """
      It stays there until groups join, leave, drain or change their weight, the policy changes, or
      rebalance is run.
      Example: shardkv-cli move 7 2
      """),
  Command(
    "group", operands: "members|add|remove|replace|transfer GID …", count: 2...4,
    summary: "Show and change the replicas of a group (0: the controllers).",
    details: """
      members GID                       voters, learners, and how far each is behind
      add GID ID=HOST:PORT[+REDISPORT]  one more replica: it listens, and votes when it caught up
      remove GID REPLICA                it leaves; stop it afterwards
      replace GID OLD NEW=HOST:PORT[+REDISPORT]
                                        the same two in one change of the quorum
      transfer GID [REPLICA]            another replica leads

      A REPLICA is named by its id (16 hex digits) or its address. A new one has to run, made by
      'shardkv-server init --join'. Until it has caught up it is not counted, so that a wrong
      address costs nothing. A command that was interrupted, or gave up after --timeout (here 2m),
      goes on where it was when it is given again.
      Example: shardkv-cli group replace 1 127.0.0.1:7112 5f0c2e9a11d04b77=127.0.0.1:7114
      """),
  Command(
    "query", operands: "[NUMBER]", count: 0...1, summary: "Show a configuration, or the newest."),
  Command(
    "history", summary: "Show the latest configurations: when and why each was made.",
    flags: [Flag("last", value: "N", default: "10", help: "How many, up to 1000.")]),
]

private let waitFlag = Flag(
  "wait",
  help: "Until every move is over and no group that is to be empty holds a shard; gives up when "
    + "nothing moves for --timeout.")

private let expectFlag = Flag(
  "expect", value: "N",
  help: "Only while configuration N is the newest: what --dry-run showed, or nothing.")

private let dryRunFlag = Flag(
  "dry-run", help: "Only show what would move, from where, to where and why.")
