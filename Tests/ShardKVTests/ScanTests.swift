import Basics
import RedisCommands
import ShardMap
import Testing

@testable import ShardKV

/// Questions about all keys of a group.
struct ScanTests {
  private typealias Place = ShardGroupMachine.ScanPlace

  private static func glob(_ pattern: String) -> GlobPattern { GlobPattern(Array(pattern.utf8)) }

  /// `count` keys in each of the four shards, as `3k17`.
  private static func fill(_ group: inout TestMachine, count: Int) {
    for number in 0..<count {
      _ = group.run(
        "SET 0k\(number) v", "SET 1k\(number) v", "SET 2k\(number) v", "SET 3k\(number) v")
    }
  }

  private static func scan(_ machine: ShardGroupMachine, looks: Int, _ pattern: String? = nil)
    -> (keys: [[UInt8]], calls: Int)
  {
    var keys: [[UInt8]] = []
    var place: Place? = Place()
    var calls = 0
    while let from = place {
      let found = machine.scan(
        from: from, looks: looks, pattern: pattern.map(glob), now: machine.clock)
      keys += found.keys
      place = found.next
      calls += 1
    }
    return (keys, calls)
  }

  @Test(arguments: [1, 7, 100, 1_000_000]) func aScanFindsEachKeyOnce(looks: Int) {
    var group = TestMachine.alone()
    Self.fill(&group, count: 50)
    let found = Self.scan(group.machine, looks: looks)
    #expect(found.keys.count == 200 && Set(found.keys).count == 200)
    #expect(found.calls <= 200 / looks + 2)
    #expect(Self.scan(group.machine, looks: looks, "2k1*").keys.count == 11)
    #expect(Self.scan(TestMachine.alone().machine, looks: looks).keys.isEmpty)
  }

  @Test func placesThatAreNowhereAreBorne() {
    var group = TestMachine.alone()
    Self.fill(&group, count: 2)
    func keys(_ place: Place) -> Int {
      group.machine.scan(from: place, looks: 100, pattern: nil, now: 0).keys.count
    }
    #expect(keys(Place(shard: -5, after: [99])) == 8)
    #expect(keys(Place(shard: .max)) == 0 && keys(Place(shard: 3, after: [255])) == 0)
    #expect(keys(Place(shard: .min)) == 8)
    #expect(group.machine.scan(from: Place(), looks: -1, pattern: nil, now: 0).keys.count == 1)
  }

  @Test func aScanEndsEarlyWhenItsKeysAreManyBytes() {
    var limits = MachineLimits()
    limits.replyBytesMax = 200
    var group = TestMachine.alone(limits: limits)
    Self.fill(&group, count: 50)
    let first = group.machine.scan(from: Place(), looks: 1000, pattern: nil, now: 0)
    #expect((8...12).contains(first.keys.count))
    #expect(Self.scan(group.machine, looks: 1000).keys.count == 200)
  }

  /// Shards go to another group and come from it, keys come, go and expire, and a scan goes on.
  @Test(arguments: 0..<10) func aScanFindsWhatIsThereThroughout(seed: UInt64) {
    var random = SeededGenerator(seed: seed)
    let (one, two) = (GroupID(1), GroupID(2))
    var controller = TestController(layout: layoutOfFour, groups: [one, two])
    var groups = [TestMachine(1, layout: layoutOfFour), TestMachine(2, layout: layoutOfFour)]
    func adopt(_ owners: [Int: GroupID]) {
      let next = controller.move(owners)
      for index in groups.indices { groups[index].apply(.adopt(next)) }
      for _ in 0..<4 {
        for index in groups.indices {
          var others = [groups[1 - index]]
          carryOutDuties(of: &groups[index], &others, bytesMax: 1)
          groups[1 - index] = others[0]
        }
      }
    }
    adopt([0: one, 1: one, 2: one, 3: one])
    Self.fill(&groups[0], count: 40)
    var throughout = Set(groups[0].keys(at: 0))
    var isHere = [true, true, true, true]
    var found: [String] = []
    var place: Place? = Place()
    while let from = place {
      let step = groups[0].machine.scan(
        from: from, looks: random.next(in: 1...9), pattern: nil, now: groups[0].machine.clock)
      found += step.keys.map { String(decoding: $0, as: UTF8.self) }
      place = step.next
      let shard = random.next(in: 0..<4)
      switch random.next(in: 0..<8) {
      case 0:
        isHere[shard].toggle()
        adopt([shard: isHere[shard] ? one : two])
        throughout = throughout.filter { !$0.hasPrefix("\(shard)") }
      case 1...3 where isHere[shard]:
        let key = "\(shard)k\(random.next(in: 0..<40))"
        let isOver = random.chance(0.5)
        _ = groups[0].run(isOver ? "SET \(key) x PX 1" : "DEL \(key)")
        groups[0].machine.advanceClock(to: groups[0].machine.clock + 2)
        throughout.remove(key)
      case 4 where isHere[shard]: _ = groups[0].run("SET \(shard)n\(random.next()) x")
      default: break
      }
    }
    #expect(throughout.isSubset(of: found))
    #expect(Set(found).count == found.count)
    for group in groups { group.machine.checkAgreement() }
  }

  @Test func keysAreListedUpToALimit() {
    var group = TestMachine.alone()
    Self.fill(&group, count: 20)
    _ = group.run("SET 0x v PXAT 100")
    let bytes = group.keys(at: 0).reduce(0) { $0 + $1.utf8.count + 16 }
    func count(_ pattern: String, _ bytesMax: Int, at now: UInt64 = 0) -> Int? {
      group.machine.keys(matching: Self.glob(pattern), now: now, bytesMax: bytesMax)?.count
    }
    #expect(count("*", bytes) == 81 && count("*", bytes - 1) == nil)
    #expect(count("*", bytes, at: 101) == 80)
    #expect(count("1k?", 1000) == 10 && count("nothing", 0) == 0)
    #expect(group.machine.keyCount() == 81)
  }

  @Test(arguments: [ShardLayout.Mapping.slots, .firstByte])
  func keysOfASlotAreCounted(mapping: ShardLayout.Mapping) throws {
    let layout = try #require(ShardLayout(mapping: mapping, shardCount: 8))
    var controller = TestController(layout: layout, groups: [GroupID(1), GroupID(2)])
    var group = TestMachine(1, layout: layout)
    let all = Dictionary(uniqueKeysWithValues: (0..<8).map { ($0, GroupID(1)) })
    group.apply(.adopt(controller.move(all)))
    for number in 0..<100 { _ = group.run("SET key\(number) v", "SET {tag}\(number) v") }
    _ = group.run("SET {tag}x v PXAT 100")
    let slot = ShardLayout.slot(of: Array("tag".utf8))
    #expect(group.machine.keyCount(slot: slot) == 101)
    #expect(group.machine.keys(slot: slot, max: 1000, now: 100).count == 101)
    #expect(group.machine.keys(slot: slot, max: 1000, now: 101).count == 100)
    #expect(group.machine.keys(slot: slot, max: 3, now: 0).count == 3)
    #expect(group.machine.keys(slot: slot, max: 0, now: 0).isEmpty)
    for strange in [-1, ShardLayout.slotCount] {
      #expect(group.machine.keyCount(slot: strange) == 0)
    }
    let figures = group.machine.slotFigures()
    #expect(figures.map(\.slot) == Array(0..<ShardLayout.slotCount))
    #expect(figures[slot].keys == 101 && figures.reduce(0) { $0 + $1.keys } == 201)
    let shard = layout.shard(ofSlot: slot)
    group.apply(.adopt(controller.move([shard.index: GroupID(2)])))
    #expect(group.machine.slotFigures().allSatisfy { !layout.slots(of: shard).contains($0.slot) })
  }

  @Test func randomKeysAreAboutEven() {
    var group = TestMachine.alone()
    var random = SeededGenerator(seed: 7)
    #expect(group.machine.randomKey(now: 0, random: &random) == nil)
    Self.fill(&group, count: 10)
    _ = group.run("SET 0only x", "SET 0gone x PXAT 100")
    var counts: [[UInt8]: Int] = [:]
    for _ in 0..<4200 {
      guard let key = group.machine.randomKey(now: 101, random: &random) else { continue }
      counts[key, default: 0] += 1
    }
    #expect(counts.count == 41 && counts.values.allSatisfy { (50...160).contains($0) })
    var over = TestMachine.alone()
    _ = over.run("SET 0a x PXAT 100")
    #expect(over.machine.randomKey(now: 101, random: &random) == nil)
    #expect(over.machine.randomKey(now: 100, random: &random) == Array("0a".utf8))
  }

  @Test func deadlinesAreCountedAndTheirMeanIsNear() {
    var group = TestMachine.alone()
    #expect(group.machine.deadlineCounts() == (0, 0))
    Self.fill(&group, count: 5)
    for number in 0..<1000 { _ = group.run("SET \(number % 4)d\(number) x PXAT \(2000 + number)") }
    group.machine.advanceClock(to: 1500)
    let counts = group.machine.deadlineCounts()
    #expect(counts.keys == 1000 && (900...1100).contains(counts.meanLife))
    _ = group.run("SET 0far x PXAT 9223372036854775807", "SET 1far x PXAT 9223372036854775807")
    #expect(group.machine.deadlineCounts().keys == 1002)
  }
}
