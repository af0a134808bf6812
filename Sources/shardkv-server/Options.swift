import Arguments

let options = CommandTable(
  program: "shardkv-server",
  summary: "one replica of a shardkv cluster",
  examples: [
    "shardkv-server id 3                          # random ids for a cluster, a group, a replica",
    "shardkv-server init --data n1 --cluster-id … --group 1 --group-id … --replica-id … \\",
    "                    --members 8c…=10.0.0.1:7111,1f…=10.0.0.2:7111,a0…=10.0.0.3:7111",
    "shardkv-server run --data n1 --controllers 10.0.0.1:7101,10.0.0.2:7101,10.0.0.3:7101",
  ],
  flags: [
    Flag(
      "log-level", value: "LEVEL", default: "info",
      help: "The least important lines to log: debug, info, warning or error.")
  ],
  commands: [
    Command(
      "init", summary: "Makes the data folder of a new replica.", flags: initFlags,
      details: """
          A replica's folder is made once, before its first run. One that lost its folder must not
          be made again under its old id: it would have forgotten what it promised to the others,
          and they refuse it. Make one with a new id and --join, and replace the old one by it with
          'shardkv-cli group replace'.
        """),
    Command("id", operands: "[COUNT]", count: 0...1, summary: "Prints random ids, one a line."),
    Command(
      "run", summary: "Serves until SIGTERM or SIGINT.", flags: runFlags,
      details: """
          Prints one line, beginning with 'ready', on stdout when it serves, and its log on stderr.
          Exit codes: 0 asked to stop; 64 wrong usage; 65 the data is damaged; 70 internal error;
          74 the disk failed; 78 folder or settings are not right.
        """),
    Command(
      "journal", operands: "inspect|verify DIR", count: 2...2,
      summary: "Shows or checks a data folder, and changes nothing.", flags: journalFlags,
      details: """
          inspect shows whose folder it is, the segments of its log, its snapshots and other files,
          and what the next start would do. verify checks every byte as a start does, and names
          file, byte, log index and reason of all that is wrong, and what the replica would do
          about it. Nothing is written, made or locked, so both may be used beside a running
          replica: what it writes meanwhile is looked at again, up to five times. Or use a copy.
          Exit codes: 0 done, and for verify: all is well; 64 wrong usage; 65 something is damaged;
          66 DIR is no data folder; 74 a file could not be read.
        """),
    Command(
      "snapshot", operands: "inspect|verify FILE", count: 2...2,
      summary: "Shows or checks one snapshot, and changes nothing.", flags: lookFlags,
      details: """
          inspect shows whose snapshot it is, at which entry of the log, the group's members then,
          its sections, and the state in it: shards with keys and bytes, or the configuration.
          verify checks every byte, and that a replica can restore its state from it. That takes as
          much memory as the replica's state.
          Exit codes: 0 done, and for verify: all is well; 64 wrong usage; 65 it is damaged, or no
          snapshot; 66 there is no such file; 74 it could not be read.
        """),
  ],
  footer: "Every option can also be given by the environment variable that stands after it.")

private let lookFlags = [Flag("json", help: "Print a JSON document instead of text.")]

private let journalFlags = [
  Flag(
    "records",
    help: "For inspect: every record of the log, too, one a line. With --json each line is a "
      + "document, the first the report."),
  Flag("json", help: "Print a JSON document instead of text."),
]

private let initFlags = [
  Flag("data", value: "DIR", help: "The folder to make; it may exist if it is empty."),
  Flag("cluster-id", value: "HEX16", help: "The same for all replicas of the cluster."),
  Flag("group", value: "N", help: "The group's number; 0 makes a controller."),
  Flag("group-id", value: "HEX16", help: "The same for all replicas of the group."),
  Flag("replica-id", value: "HEX16", help: "This replica's own."),
  Flag(
    "members", value: "HEX16=HOST:PORT[+REDISPORT],…",
    help: "The group's first replicas, this one included, with the addresses where all others, "
      + "clients too, reach them. Clients of Redis are served at REDISPORT of the same host."),
  Flag(
    "join", value: "HOST:PORT[+REDISPORT]",
    help: "Instead of --members: the replica joins a group that exists, and is reached there. It "
      + "waits until 'shardkv-cli group add' or 'group replace' names it."),
  Flag(
    "shards", value: "N", default: "64",
    help: "Number of shards, 1 to 4096; the same in the whole cluster, for ever."),
  Flag(
    "mapping", value: "NAME", default: "slots",
    help: "How keys map to shards, for ever: slots (as Redis Cluster) or first-byte."),
]

private let runFlags = [
  Flag("data", value: "DIR", help: "The folder that init made."),
  Flag(
    "listen", value: "HOST:PORT", help: "Where to accept; otherwise this replica's own address."),
  Flag(
    "redis-listen", value: "HOST:PORT",
    help: "Where to accept clients of Redis; otherwise this replica's own address for them."),
  Flag(
    "redis-routing", value: "NAME", default: "redirect",
    help:
      "What a client of Redis gets that asks for keys of another group: redirect tells it where "
      + "they are, as Redis Cluster does; proxy asks that group for it, so that clients need know "
      + "nothing of clusters."),
  Flag(
    "redis-password-file", value: "FILE",
    help: "Its first line is the password of Redis' clients; without one only clients of this "
      + "machine are served. Nobody but its owner may be able to read it."),
  Flag(
    "redis-clients-max", value: "N", default: "10000",
    help: "Connections of Redis' clients at one time."),
  Flag(
    "redis-clients-per-address-max", value: "N", default: "256",
    help: "The same from one address other than this machine's own."),
  Flag(
    "redis-idle-timeout", value: "DURATION", default: "0s",
    help: "Closes clients of Redis that ask for nothing for so long; 0s: never."),
  Flag("redis-debug", help: "Allow DEBUG, which tests of Redis' clients send."),
  Flag(
    "controllers", value: "HOST:PORT,…",
    help: "The controllers; needed by every group but theirs."),
  Flag("heartbeat", value: "DURATION", default: "100ms", help: "Between a leader's heartbeats."),
  Flag(
    "election-timeout", value: "DURATION", default: "500ms",
    help: "Without a leader for this long, up to twice as long by chance, a replica campaigns; "
      + "at least 3 heartbeats."),
  Flag(
    "read-lease",
    help: "While leading, answer reads without asking the others each time, as long as a majority "
      + "has lately promised to elect nobody else. Relies on the clocks: see --clock-drift-max. "
      + "Replicas without it promise nothing, so give it to all of a group."),
  Flag(
    "clock-drift-max", value: "PERCENT", default: "25",
    help: "With --read-lease: by how much one machine's clock may run faster than another's, at "
      + "most. If it can be more, or a virtual machine can be stopped together with its clock, "
      + "a read may miss writes."),
  Flag(
    "snapshot-bytes", value: "N", default: "16777216",
    help: "Bytes of journal after which a snapshot is made, if they are at least a fifth of the "
      + "last one."),
  Flag(
    "sync", value: "WHERE", default: "thread",
    help: "Where the journal is written and synced: thread, so that a slow disk holds up neither "
      + "heartbeats nor reads, or loop."),
  Flag(
    "disk-reserve", value: "BYTES",
    help:
      "With less than that free on the disk, writes that make the data grow are refused; reads, "
      + "deletes and changes of the cluster go on. 0 switches it off; otherwise 256 MiB, or 5 % of "
      + "the file system where that is less."),
]
