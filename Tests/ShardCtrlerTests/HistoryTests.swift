import Basics
import ShardCtrler
import ShardMap
import Testing

@Suite struct HistoryTests {
  /// A hundred thousand moves and more: what is kept, what it weighs, and whether it is right.
  @Test func aHundredThousandConfigurationsAreKept() throws {
    let layout = try #require(ShardLayout(mapping: .slots, shardCount: 64))
    let total = UInt64(ConfigurationHistory.kept) + 5_000
    var history = ConfigurationHistory(layout: layout)
    var samples: [Configuration] = []
    let newest = fill(&history, until: total) {
      if $0.number.rawValue % 97 == 0 { samples.append($0) }
    }

    let oldest = history.oldest.rawValue
    #expect(oldest > 0)
    #expect(total - oldest + 1 >= UInt64(ConfigurationHistory.kept))
    #expect(history.count == Int(total - oldest + 1))
    #expect(history.count < ConfigurationHistory.kept + ConfigurationHistory.changesPerBlockMax)
    #expect(history.byteCount < 2 << 20)
    #expect(history.configuration(ConfigNumber(total)) == newest)
    #expect(history.configuration(ConfigNumber(total + 1)) == nil)
    #expect(history.configuration(ConfigNumber(oldest - 1)) == nil)

    let clock = ContinuousClock()
    var asked = 0
    let duration = clock.measure {
      for sample in samples where sample.number.rawValue >= oldest {
        #expect(history.configuration(sample.number) == sample)
        asked += 1
      }
    }
    #expect(asked > 1_000)
    print(
      "\(history.count) configurations of 64 shards: \(history.byteCount) bytes in"
        + " \(history.blocks.count) blocks; one is found in \(duration / asked)")
  }

  @Test func aBlockOfTheLargestLayoutFitsIntoASection() throws {
    let layout = try #require(
      ShardLayout(mapping: .slots, shardCount: ShardLayout.shardCountMax))
    var history = ConfigurationHistory(layout: layout)
    let newest = fill(&history, until: 1_500) { _ in }
    // Configuration 0 is a block of its own: it weighs less than the first change.
    #expect(history.blocks.count == 3)
    #expect(history.blocks.allSatisfy { $0.bytes.count < 256 << 10 })
    #expect(try history.replayed() == newest)
  }

  @Test func blocksOutOfOrderOrWithMoreThanTheyShouldAreRefused() throws {
    let layout = try #require(ShardLayout(mapping: .slots, shardCount: 4))
    var history = ConfigurationHistory(layout: layout)
    _ = fill(&history, until: 200) { _ in }
    #expect(history.blocks.count > 3)
    func expectRefused(_ change: (inout [ConfigurationHistory.Block]) -> Void) {
      var blocks = history.blocks
      change(&blocks)
      let changed = ConfigurationHistory(layout: layout, blocks: blocks, digest: 0)
      #expect(throws: ByteError.self) { try changed.replayed() }
    }
    expectRefused { $0 = [] }
    expectRefused { $0.swapAt(0, 1) }
    expectRefused { $0.remove(at: 1) }
    expectRefused { $0[0].count -= 1 }
    expectRefused { $0[0].count += 1 }
    expectRefused { $0[0].count = 0 }
    expectRefused { $0[1].wholeBytes += 1 }
    expectRefused { $0[1].bytes.removeLast() }
    expectRefused { $0[1].bytes.append(0) }
  }

  /// Eight groups join, then shards move one by one. Gives the last configuration.
  private func fill(
    _ history: inout ConfigurationHistory, until last: UInt64, _ seen: (Configuration) -> Void
  ) -> Configuration {
    var random = SeededGenerator(seed: last)
    var current = Configuration(layout: history.layout)
    while current.number.rawValue < last {
      var next = current
      next.number = current.number.next
      next.madeAt += UInt64(random.next(in: 0...60_000))
      if current.groups.isEmpty {
        for group in 1...8 {
          next.groups[GroupID(UInt32(group))] = GroupRecord(
            identity: GroupIdentity(rawValue: UInt64(group)), membershipIndex: 0, replicas: [])
        }
        next.shards = current.shards.map { $0.handedOver(to: GroupID(1), in: next.number) }
      } else {
        let shard = random.next(in: 0..<next.shards.count)
        let owner = GroupID(current.shards[shard].owner.rawValue % 8 + 1)
        next.shards[shard] = current.shards[shard].handedOver(to: owner, in: next.number)
        next.cause = .move(ShardID(shard), to: owner)
      }
      history.append(next, after: current)
      current = next
      seen(current)
    }
    return current
  }
}
