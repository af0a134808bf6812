import Arguments

let options = CommandTable(
  program: "shardkv-server",
  summary: "one replica of a shardkv cluster",
  examples: [
    "shardkv-server id 3                          # random ids for a cluster, a group, a replica",
    "shardkv-server init --data n1 --cluster-id … --group 1 --group-id … --replica-id … \\",
    "                    --members 8c…=10.0.0.1:7111,1f…=10.0.0.2:7111,a0…=10.0.0.3:7111",
  ],
  commands: [
    Command(
      "init", summary: "Makes the data folder of a new replica.", flags: initFlags,
      details: """
          A replica's folder is made once, before its first run. One that lost its folder must not be
          made again under its old id: it would have forgotten what it promised to the others.
        """),
    Command("id", operands: "[COUNT]", count: 0...1, summary: "Prints random ids, one a line."),
  ],
  footer: "Every option can also be given by the environment variable that stands after it.")

private let initFlags = [
  Flag("data", value: "DIR", help: "The folder to make; it may exist if it is empty."),
  Flag("cluster-id", value: "HEX16", help: "The same for all replicas of the cluster."),
  Flag("group", value: "N", help: "The group's number; 0 makes a controller."),
  Flag("group-id", value: "HEX16", help: "The same for all replicas of the group."),
  Flag("replica-id", value: "HEX16", help: "This replica's own."),
  Flag(
    "members", value: "HEX16=HOST:PORT,…",
    help: "The group's first replicas, this one included, with the addresses where all others, "
      + "clients too, reach them."),
  Flag(
    "shards", value: "N", default: "64",
    help: "Number of shards, 1 to 4096; the same in the whole cluster, for ever."),
  Flag(
    "mapping", value: "NAME", default: "slots",
    help: "How keys map to shards, for ever: slots (as Redis Cluster) or first-byte."),
]
