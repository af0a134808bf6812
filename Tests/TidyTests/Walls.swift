/// What each target may import. A wall is moved here on purpose, with its reason in
/// docs/ARCHITECTURE.md; the package manifest may declare no more than this.
enum Walls {
  /// Values that turn inputs into effects: no clock, thread, file, socket or global randomness.
  static let pure: [String: Set<String>] = [
    "Arguments": [],
    "Basics": [],
    "Checksums": ["CChecksums"],
    "ShardMap": ["Basics", "Checksums"],
    "Sessions": ["Basics"],
    "Raft": ["Basics"],
    "Balancing": ["Basics"],
    "ShardCtrler": ["Basics", "ShardMap", "Sessions", "Balancing"],
    "ShardKV": ["Basics", "ShardMap", "Sessions"],
    "Journal": ["Basics", "Checksums", "ShardMap", "Raft"],
    "Wire": ["Basics", "Checksums", "ShardMap", "Sessions", "Raft"],
    "Clerk": ["Basics", "ShardMap", "Sessions", "Wire"],
    "ShardKVServer": [
      "Basics", "ShardMap", "Sessions", "Raft", "ShardCtrler", "ShardKV", "Journal", "Wire",
      "Clerk",
    ],
    "Simulation": [
      "Basics", "Checksums", "ShardMap", "Sessions", "Raft", "ShardCtrler", "ShardKV", "Journal",
      "Wire", "Clerk", "ShardKVServer",
    ],
  ]

  /// Loops and programs that turn effects into system calls.
  static let acting: [String: Set<String>] = [
    "EventLoop": ["Basics", "CLinux", "Wire"],
    "Storage": ["Basics", "CLinux", "Journal"],
    "KVClient": ["Basics", "ShardMap", "Sessions", "Wire", "Clerk", "EventLoop"],
    "shardkv-server": [
      "Arguments", "Basics", "ShardMap", "Raft", "Journal", "Wire", "ShardKVServer", "EventLoop",
      "Storage",
    ],
    "shardkv-cli": [
      "Arguments", "Basics", "ShardMap", "Wire", "Clerk", "EventLoop", "KVClient",
    ],
    "shardkv-sim": ["Arguments", "Basics", "Simulation"],
  ]

  /// C headers, without imports.
  static let headers: Set<String> = ["CChecksums", "CLinux"]

  /// What only acting targets may import besides.
  static let system: Set<String> = ["Glibc", "Synchronization"]

  /// The modules that `target` may import; `nil` for a target without a wall.
  static func allowed(_ target: String) -> Set<String>? {
    pure[target] ?? acting[target]?.union(system)
  }

  /// Names that make the same input give another result, or wait; none stands in a pure target.
  static let forbiddenWords: Set<String> = [
    "shuffled", "shuffle", "randomElement", "SystemRandomNumberGenerator", "UUID",
    "Date", "ContinuousClock", "SuspendingClock", "Task", "await", "async", "actor", "Hasher",
    "hashValue", "AsyncStream", "DispatchQueue", "Thread", "Mutex", "Atomic", "print",
  ]

  /// The same, of members whose names may mean something else.
  static let forbiddenCalls = [".random(", ".random,"]
}
