import RESP
import RedisCommands
import ShardKV
import ShardMap
import Testing

@testable import ShardKVServer

/// Work for Redis clients between nodes, as bytes, and commands that are cut for several shards.
@Suite struct RemoteWorkTests {
  private static func command(_ line: String) throws -> KeyedCommand {
    try #require(
      KeyedCommand(logged: line.split(separator: " ").map { Array($0.utf8) }, limit: 1 << 20))
  }

  private static var works: [RemoteWork] {
    get throws {
      [
        .commands([try command("SET a 1 PX 100"), try command("MGET a b")]),
        .transaction(
          Transaction(
            watched: [.init(key: [1], version: 7), .init(key: [2], version: nil)],
            commands: [try command("INCR n")])),
        .versions([[], [0, 255]]),
        .keyspace(KeyspaceQuestion(topic: .count, shards: 0..<4)),
        .keyspace(KeyspaceQuestion(topic: .matching([42]), shards: 1..<2)),
        .keyspace(
          KeyspaceQuestion(topic: .scan(after: [7], looks: 10, pattern: nil), shards: 0..<64)),
        .keyspace(
          KeyspaceQuestion(topic: .scan(after: nil, looks: 1, pattern: []), shards: 3..<3)),
        .keyspace(KeyspaceQuestion(topic: .anyKey, shards: 0..<1)),
        .keyspace(KeyspaceQuestion(topic: .flush, shards: 0..<4_096)),
      ]
    }
  }

  private static let results: [RemoteResult] = [
    .commands([
      .reply(.null), .reply(.ok), .reply(.integer(-1)), .reply(.error("ERR no")), .wrongGroup,
      .notReady, .later, .reply(.array([.bulk([1, 0]), .null, .bulk([])])),
      .reply(.map([.init(.bulk("matches"), .array([])), .init(.bulk("len"), .integer(3))])),
    ]),
    .transaction(.result(.applied([.ok, .null]))), .transaction(.result(.changed)),
    .transaction(.result(.failed(CommandError("ERR why")))), .transaction(.wrongGroup),
    .transaction(.notReady), .versions([nil, 3]), .count(9), .keys(nil), .keys([[], [1]]),
    .scanned([[5]], next: ShardGroupMachine.ScanPlace(shard: 3, after: [9])),
    .scanned([], next: ShardGroupMachine.ScanPlace(shard: 4, after: nil)),
    .scanned([], next: nil), .flushed, .elsewhere,
  ]

  @Test func isReadAsItWasWritten() throws {
    for work in try Self.works { #expect(try RemoteWork(encoded: work.encoded()) == work) }
    for result in Self.results {
      #expect(try RemoteResult(encoded: result.encoded()) == result)
    }
  }

  /// Whatever stands there, it is read or refused.
  @Test func damagedBytesAreRefusedOrRead() throws {
    var samples = try Self.works.map { $0.encoded() }
    samples += Self.results.map { $0.encoded() }
    for bytes in samples {
      for length in bytes.indices {
        _ = try? RemoteWork(encoded: Array(bytes[..<length]))
        _ = try? RemoteResult(encoded: Array(bytes[..<length]))
      }
      for bit in 0..<bytes.count * 8 {
        var damaged = bytes
        damaged[bit / 8] ^= 1 << UInt8(bit % 8)
        _ = try? RemoteWork(encoded: damaged)
        _ = try? RemoteResult(encoded: damaged)
      }
    }
  }

  @Test func commandsOnSeveralShardsAreCutAndJoined() throws {
    let layout = try #require(ShardLayout(mapping: .firstByte, shardCount: 3))
    func spread(_ line: String) throws -> SpreadCommand? {
      SpreadCommand(try Self.command(line), layout: layout, limit: 1 << 20)
    }
    func texts(_ spread: SpreadCommand) -> [String] {
      spread.parts.map {
        $0.arguments.map { String(decoding: $0, as: UTF8.self) }.joined(separator: " ")
      }
    }
    // The first bytes modulo 3: a 1, b 2, c 0, d 1.
    let get = try #require(try spread("MGET a b c d a"))
    #expect(texts(get) == ["MGET c", "MGET a d a", "MGET b"])
    let parts: [RESP.Reply] = [
      .array([.bulk("C")]), .array([.bulk("A"), .null, .bulk("A")]), .array([.bulk("B")]),
    ]
    #expect(
      get.join(parts) == .array([.bulk("A"), .bulk("B"), .bulk("C"), .null, .bulk("A")]))
    let set = try #require(try spread("MSET a 1 b 2 d 3"))
    #expect(texts(set) == ["MSET a 1 d 3", "MSET b 2"])
    #expect(set.join([.ok, .ok]) == .ok)
    #expect(set.join([.ok, .error("ERR x")]) == .error("ERR x"))
    let count = try #require(try spread("EXISTS a a c"))
    #expect(count.join([.integer(1), .integer(2)]) == .integer(3))
    for line in ["MSETNX a 1 b 2", "RENAME a b", "COPY a b", "LCS a b", "GET a"] {
      #expect(try spread(line) == nil)
    }
  }
}
