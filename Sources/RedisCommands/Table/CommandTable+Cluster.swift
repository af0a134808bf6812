extension CommandTable {
  /// Commands on the cluster.
  static let cluster: [CommandDescription] = [
    CommandDescription(
      "readonly", 1, [.loading, .stale, .fast], .cluster, since: "3.0.0", categories: [.connection],
      "Lets replicas answer this connection's reads."),
    CommandDescription(
      "readwrite", 1, [.loading, .stale, .fast], .cluster, since: "3.0.0",
      categories: [.connection], "Takes READONLY back."),
    CommandDescription(
      "asking", 1, [.fast], .cluster, since: "3.0.0", categories: [.connection],
      "Lets the next request be answered while its slot moves here."),
    CommandDescription(
      "cluster", -2, [], .cluster, since: "3.0.0", "Who has which slots.",
      complexity: "That of its subcommands", subcommands: clusterSubcommands),
  ]

  private static let clusterSubcommands: [CommandDescription] = [
    CommandDescription(
      "cluster|countkeysinslot", 3, [.stale], .cluster, since: "3.0.0",
      "How many keys a slot has here."),
    CommandDescription(
      "cluster|getkeysinslot", 4, [.stale], .cluster, since: "3.0.0", tips: [.nondeterministic],
      "Keys of a slot.", complexity: "O(N) for N keys"),
    CommandDescription(
      "cluster|help", 2, [.loading, .stale], .cluster, since: "5.0.0", "What CLUSTER can do."),
    CommandDescription(
      "cluster|info", 2, [.stale], .cluster, since: "3.0.0", tips: [.nondeterministic],
      "The state of the cluster."),
    CommandDescription(
      "cluster|keyslot", 3, [.stale], .cluster, since: "3.0.0", "The slot of a key.",
      complexity: "O(N) for N bytes"),
    CommandDescription(
      "cluster|myid", 2, [.stale], .cluster, since: "3.0.0", "The id of this node."),
    CommandDescription(
      "cluster|nodes", 2, [.stale], .cluster, since: "3.0.0", tips: [.nondeterministic],
      "Nodes, one a line.", complexity: "O(N) for N nodes"),
    CommandDescription(
      "cluster|shards", 2, [.stale], .cluster, since: "7.0.0", tips: [.nondeterministic],
      "Groups, their slots and their nodes.", complexity: "O(N) for N nodes"),
    CommandDescription(
      "cluster|slot-stats", -4, [.loading, .stale], .cluster, since: "8.0.0",
      tips: [.nondeterministic], "Figures of slots.", complexity: "O(N) for N slots"),
    CommandDescription(
      "cluster|slots", 2, [.stale], .cluster, since: "3.0.0", tips: [.nondeterministic],
      deprecated: .init(since: "7.0.0", by: "`CLUSTER SHARDS`"), "Ranges of slots and their nodes.",
      complexity: "O(N) for N nodes"),
  ]
}
