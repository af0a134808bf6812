import ShardMap
import Testing

@Suite struct ShardLayoutTests {
  @Test(arguments: [
    ("", 0), ("123456789", 12_739), ("foo", 12_182), ("bar", 5_061), ("hello", 866),
    ("user1000", 3_443),
  ])
  func slotsAreThoseOfRedisCluster(key: String, slot: Int) {
    #expect(ShardLayout.slot(of: Array(key.utf8)) == slot)
  }

  /// The examples of the Redis Cluster specification, and the edges around them.
  @Test(
    arguments: [
      ("{user1000}.following", "user1000"), ("{user1000}.followers", "user1000"),
      ("foo{{bar}}zap", "{bar"), ("foo{bar}{zap}", "bar"), ("}{bar}", "bar"), ("{}", nil),
      ("foo{}{bar}", nil), ("foo{bar", nil), ("foo}bar", nil), ("{", nil), ("foo{", nil),
      ("}", nil),
    ] as [(String, String?)])
  func aTagAloneIsHashed(key: String, tag: String?) {
    // A key without braces has no tag, so its slot is that of the whole key.
    let expected = bitwiseChecksum(Array((tag ?? key).utf8)) % 16_384
    #expect(ShardLayout.slot(of: Array(key.utf8)) == Int(expected))
  }

  @Test func shardsDivideTheSlotsEvenlyAndInOrder() throws {
    for shardCount in [1, 2, 3, 7, 10, 64, 100, 1_000, 4_095, 4_096] {
      let layout = try #require(ShardLayout(mapping: .slots, shardCount: shardCount))
      var next = 0
      var sizes: Set<Int> = []
      for shard in 0..<shardCount {
        let range = layout.slots(of: ShardID(shard))
        #expect(range.lowerBound == next)
        next = range.upperBound
        sizes.insert(range.count)
        #expect(layout.shard(ofSlot: range.lowerBound) == ShardID(shard))
        #expect(layout.shard(ofSlot: range.upperBound - 1) == ShardID(shard))
      }
      #expect(next == ShardLayout.slotCount)
      #expect((sizes.max() ?? 0) - (sizes.min() ?? 0) <= 1)
    }
  }

  @Test func aShardThatDoesNotExistHasNoSlots() throws {
    let layout = try #require(ShardLayout(mapping: .slots, shardCount: 10))
    #expect(layout.slots(of: ShardID(10)).isEmpty)
    #expect(layout.slots(of: ShardID(65_535)).isEmpty)
  }

  @Test func keysGoToTheShardOfTheirSlot() throws {
    let layout = try #require(ShardLayout(mapping: .slots, shardCount: 64))
    // 12,182 × 64 / 16,384 = 47.6; 5,061 × 64 / 16,384 = 19.8
    #expect(layout.shard(of: Array("foo".utf8)) == ShardID(47))
    #expect(layout.shard(of: Array("bar".utf8)) == ShardID(19))
    #expect(layout.shard(of: []) == ShardID(0))
  }

  @Test func theFirstByteMappingIsTheSeeds() throws {
    let layout = try #require(ShardLayout(mapping: .firstByte, shardCount: 10))
    #expect(layout.shard(of: []) == ShardID(0))
    for digit in 0..<10 {
      #expect(layout.shard(of: Array("\(digit)".utf8)) == ShardID((48 + digit) % 10))
    }
    #expect(layout.shard(of: Array("{a}b".utf8)) == ShardID(123 % 10))
    #expect(layout.shard(of: [255, 1]) == ShardID(5))
  }

  @Test func aLayoutHasBetweenOneAndTheGreatestNumberOfShards() {
    #expect(ShardLayout(mapping: .slots, shardCount: 0) == nil)
    #expect(ShardLayout(mapping: .slots, shardCount: -1) == nil)
    #expect(ShardLayout(mapping: .slots, shardCount: 4_097) == nil)
    #expect(ShardLayout(mapping: .slots, shardCount: 4_096) != nil)
  }

  /// CRC-16/XMODEM bit by bit, apart from the table that the code under test uses.
  private func bitwiseChecksum(_ bytes: [UInt8]) -> UInt16 {
    var state: UInt16 = 0
    for byte in bytes {
      for bit in (0..<8).reversed() {
        let feedback = (state >> 15) ^ UInt16((byte >> UInt8(bit)) & 1)
        state = (state << 1) ^ (feedback == 1 ? 0x1021 : 0)
      }
    }
    return state
  }
}
