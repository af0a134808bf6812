// swift-tools-version: 6.2
import PackageDescription

/// Every target: Swift 6 mode, warnings are errors, existentials are spelled out.
let settings: [SwiftSetting] = [
  .swiftLanguageMode(.v6),
  .enableUpcomingFeature("ExistentialAny"),
  .treatAllWarnings(as: .error),
]

func target(_ name: String, _ dependencies: [Target.Dependency]) -> Target {
  .target(name: name, dependencies: dependencies, swiftSettings: settings)
}

func program(_ name: String, _ dependencies: [Target.Dependency]) -> Target {
  .executableTarget(name: name, dependencies: dependencies, swiftSettings: settings)
}

func tests(_ name: String, _ dependencies: [Target.Dependency]) -> Target {
  .testTarget(name: name, dependencies: dependencies, swiftSettings: settings)
}

// What each target may import is a decision, kept in docs/ARCHITECTURE.md and checked by TidyTests.
let package = Package(
  name: "shardkv",
  products: [
    .library(name: "KVClient", targets: ["KVClient"]),
    .executable(name: "shardkv-server", targets: ["shardkv-server"]),
    .executable(name: "shardkv-cli", targets: ["shardkv-cli"]),
    .executable(name: "shardkv-sim", targets: ["shardkv-sim"]),
  ],
  targets: [
    // Pure: values that turn inputs into effects.
    target("Basics", []),
    target("Arguments", []),
    target("RESP", ["Basics"]),
    target("RedisCommands", ["Basics", "RESP", "ShardMap"]),
    .systemLibrary(name: "CChecksums"),
    target("Checksums", ["CChecksums"]),
    target("ShardMap", ["Basics", "Checksums"]),
    target("Sessions", ["Basics"]),
    target("Raft", ["Basics"]),
    target("Balancing", ["Basics", "Checksums"]),
    target("ShardCtrler", ["Basics", "ShardMap", "Sessions", "Balancing"]),
    .target(name: "CSharedBlock"),
    target("ShardKV", ["Basics", "CSharedBlock", "RESP", "RedisCommands", "ShardMap", "Sessions"]),
    target("Journal", ["Basics", "Checksums", "ShardMap", "Raft"]),
    target("Wire", ["Basics", "Checksums", "ShardMap", "Sessions", "Raft"]),
    target("Clerk", ["Basics", "ShardMap", "Sessions", "Balancing", "Wire"]),
    target(
      "ShardKVServer",
      [
        "Basics", "ShardMap", "Sessions", "Raft", "ShardCtrler", "ShardKV", "Journal", "Wire",
        "Clerk", "RESP", "RedisCommands",
      ]
    ),

    // Acts: loops that turn effects into system calls.
    .systemLibrary(name: "CLinux"),
    target("EventLoop", ["Basics", "CLinux", "Wire"]),
    target("Storage", ["Basics", "CLinux", "CSharedBlock", "Journal", "EventLoop"]),
    target("KVClient", ["Basics", "ShardMap", "Wire", "Clerk", "EventLoop"]),
    program(
      "shardkv-server",
      [
        "Arguments", "Basics", "ShardMap", "Raft", "Journal", "Wire", "RedisCommands",
        "ShardKVServer", "EventLoop", "Storage",
      ]
    ),
    program(
      "shardkv-cli",
      ["Arguments", "Basics", "ShardMap", "Wire", "Clerk", "EventLoop", "KVClient"]
    ),

    // Simulated: whole clusters in one thread.
    target(
      "Simulation",
      [
        "Basics", "Checksums", "ShardMap", "Sessions", "Raft", "ShardCtrler", "ShardKV", "Journal",
        "Wire",
        "Clerk", "ShardKVServer", "RESP",
      ]
    ),
    program("shardkv-sim", ["Arguments", "Basics", "Simulation"]),
    target("Fuzzing", ["Arguments", "Basics"]),
    program("resp-fuzz", ["Basics", "Fuzzing", "RESP"]),
    program(
      "file-fuzz",
      [
        "Basics", "Checksums", "Fuzzing", "Journal", "RESP", "Raft", "RedisCommands", "Sessions",
        "ShardCtrler", "ShardKV", "ShardKVServer", "ShardMap",
      ]),

    tests(
      "ShardKVServerTests",
      [
        "ShardKVServer", "Basics", "Journal", "RESP", "Raft", "RedisCommands", "Sessions",
        "ShardCtrler", "ShardKV", "ShardMap", "Wire",
      ]),
    tests("ChecksumsTests", ["Checksums", "Basics"]),
    tests("ArgumentsTests", ["Arguments"]),
    tests("RESPTests", ["RESP", "resp-fuzz", "Basics"]),
    tests("RedisCommandsTests", ["RedisCommands", "RESP", "ShardMap", "Basics"]),
    tests("ClerkTests", ["Basics", "ShardMap", "Sessions", "Raft", "Wire", "Clerk"]),
    tests("WireTests", ["Basics", "Checksums", "ShardMap", "Sessions", "Raft", "Wire"]),
    tests("ShardMapTests", ["ShardMap", "Basics"]),
    tests("SessionsTests", ["Sessions", "Basics"]),
    tests(
      "ShardKVTests", ["ShardKV", "RESP", "RedisCommands", "Sessions", "ShardMap", "Basics"]),
    tests("BalancingTests", ["Balancing", "Basics", "Checksums"]),
    tests("ShardCtrlerTests", ["ShardCtrler", "ShardMap", "Sessions", "Basics"]),
    tests(
      "KVClientTests",
      ["Basics", "Clerk", "EventLoop", "KVClient", "Raft", "Sessions", "ShardMap", "Wire"]
    ),
    tests("TidyTests", []),
    tests("EventLoopTests", ["Basics", "EventLoop", "Wire"]),
    tests("RaftTests", ["Basics", "Raft"]),
    tests(
      "SimulationTests",
      ["Basics", "Clerk", "Journal", "Raft", "ShardKVServer", "ShardMap", "Simulation", "Wire"]),
    tests(
      "StorageTests",
      ["Basics", "CSharedBlock", "EventLoop", "ShardMap", "Raft", "Journal", "Storage"]),
    tests(
      "ScenarioTests",
      [
        "Balancing", "Basics", "Checksums", "Clerk", "RESP", "Raft", "Sessions", "ShardKVServer",
        "ShardMap", "Simulation", "Wire",
      ]),
    tests(
      "JournalTests",
      ["Basics", "Checksums", "ShardMap", "Raft", "Journal", "Simulation", "file-fuzz"]),
    tests("CLITests", ["shardkv-cli", "Arguments", "Basics", "Clerk", "ShardMap", "Wire", "Raft"]),
  ]
)

// A release build of all tests takes minutes. With the names of test targets in SHARDKV_TESTS those
// alone are built, and share what the programs are made of.
if let chosen = Context.environment["SHARDKV_TESTS"]?.split(separator: " ") {
  package.targets.removeAll { $0.type == .test && !chosen.contains(Substring($0.name)) }
}
