import Basics
import RedisCommands
import ShardMap

/// Questions about all keys of the shards that are served here, or of those of them whose numbers
/// are in a range. They see the applied state; keys whose deadline is before `now` are left out of
/// what is listed.
extension ShardGroupMachine {
  /// How far SCAN has come.
  package struct ScanPlace: Hashable, Sendable {
    /// The number of a shard of the layout; those before it are done with.
    package var shard: Int
    /// The key of that shard after which it goes on; `nil` at its beginning.
    package var after: [UInt8]?

    package init(shard: Int = 0, after: [UInt8]? = nil) {
      self.shard = shard
      self.after = after
    }
  }

  /// DBSIZE: with the keys whose deadline is over and that were not removed yet, as in Redis.
  package func keyCount(in range: Range<Int>? = nil) -> Int {
    served(in: range).reduce(0) { $0 + shards[$1].keys.map.count }
  }

  /// Whether all shards with these numbers are served here.
  package func areServed(_ range: Range<Int>) -> Bool {
    range.upperBound <= shards.count && range.allSatisfy(isServed)
  }

  /// The same of one slot. Looks at all keys of its shard.
  package func keyCount(slot: Int) -> Int {
    var count = 0
    visit(slot: slot) { _ in
      count += 1
      return true
    }
    return count
  }

  /// At most `max` keys of a slot.
  package func keys(slot: Int, max: Int, now: UInt64) -> [[UInt8]] {
    var keys: [[UInt8]] = []
    guard max > 0 else { return keys }
    visit(slot: slot) { element in
      if element.marks.isAlive(at: now) { keys.append(Array(element.key)) }
      return keys.count < max
    }
    return keys
  }

  /// KEYS. `nil`: they would have more bytes than that, each counted with
  /// ``MachineLimits/replyUpkeepBytes`` more.
  package func keys(
    matching pattern: GlobPattern, in range: Range<Int>? = nil, now: UInt64, bytesMax: Int
  ) -> [[UInt8]]? {
    var keys: [[UInt8]] = []
    var bytes = 0
    for shard in served(in: range) {
      shards[shard].keys.map.forEach { element in
        guard element.marks.isAlive(at: now) else { return true }
        let key = Array(element.key)
        guard pattern.matches(key) else { return true }
        keys.append(key)
        bytes += key.count + MachineLimits.replyUpkeepBytes
        return bytes <= bytesMax
      }
      guard bytes <= bytesMax else { return nil }
    }
    return keys
  }

  /// SCAN: looks at `looks` keys, at least one, from a place on; less if what it found reaches
  /// ``MachineLimits/replyBytesMax``. `next` is `nil` at the end, which is before the shard of the
  /// number `end`.
  ///
  /// Shards come in the order of their numbers and keys in that of their bytes, so that whoever
  /// goes on until the end has seen each key once that was served here all the time, whatever came
  /// or went meanwhile.
  package func scan(
    from place: ScanPlace, before end: Int = .max, looks: Int, pattern: GlobPattern?, now: UInt64
  ) -> (keys: [[UInt8]], next: ScanPlace?) {
    var keys: [[UInt8]] = []
    var room = limits.replyBytesMax
    var looksLeft = max(1, looks)
    var after = place.after
    for shard in shards.indices where shard >= place.shard && shard < end {
      if shard > place.shard { after = nil }
      guard isServed(shard) else { continue }
      var last: [UInt8]?
      shards[shard].keys.map.forEach(after: after) { element in
        let key = Array(element.key)
        last = key
        looksLeft -= 1
        if element.marks.isAlive(at: now), pattern?.matches(key) ?? true {
          keys.append(key)
          room -= key.count + MachineLimits.replyUpkeepBytes
        }
        return looksLeft > 0 && room > 0
      }
      if looksLeft <= 0 || room <= 0 { return (keys, ScanPlace(shard: shard, after: last)) }
    }
    return (keys, nil)
  }

  /// RANDOMKEY: each about as probably as another. `nil` without keys, and after
  /// ``randomTriesMax`` whose deadline was over.
  package func randomKey(
    in range: Range<Int>? = nil, now: UInt64, random: inout SeededGenerator
  ) -> [UInt8]? {
    let count = keyCount(in: range)
    guard count > 0 else { return nil }
    for _ in 0..<Self.randomTriesMax {
      var place = random.next(in: 0..<count)
      guard
        let shard = served(in: range).first(where: { shard in
          place -= shards[shard].keys.map.count
          return place < 0
        })
      else { return nil }
      let key = shards[shard].keys.map.withAnyElement(&random) { element in
        element.marks.isAlive(at: now) ? Array(element.key) : nil
      }
      if case .some(.some(let key)) = key { return key }
    }
    return nil
  }

  private static var randomTriesMax: Int { 100 }

  /// How many keys each slot has, of all slots of the shards that are served here, ascending. Looks
  /// at all keys.
  package func slotFigures() -> [SlotFigures] {
    var counts = [Int64](repeating: 0, count: ShardLayout.slotCount)
    for shard in served {
      shards[shard].keys.map.forEach { element in
        counts[ShardLayout.slot(of: Array(element.key))] += 1
        return true
      }
    }
    return served.flatMap { layout.slots(of: ShardID($0)) }.map { slot in
      SlotFigures(slot: slot, keys: counts[slot])
    }
  }

  /// For INFO: how many keys have a deadline, and how many milliseconds these live on from
  /// ``clock`` in the mean, by a sample of some hundreds.
  package func deadlineCounts() -> (keys: Int, meanLife: UInt64) {
    let withDeadlines = served.filter { !shards[$0].keys.index.isEmpty }
    let keys = withDeadlines.reduce(0) { $0 + shards[$1].keys.index.count }
    guard keys > 0 else { return (0, 0) }
    var random = SeededGenerator(seed: clock)
    var lives: [UInt64] = []
    for shard in withDeadlines {
      // Its part, and one at least.
      let index = shards[shard].keys.index
      for _ in 0..<max(1, Self.sampleSize * index.count / keys) {
        let deadline = index.withAnyElement(&random) { Keyspace.deadline(ofPlace: $0.key) } ?? 0
        lives.append(deadline - min(clock, deadline))
      }
    }
    let count = UInt64(lives.count)
    let rest = lives.reduce(0) { $0 + $1 % count }
    return (keys, lives.reduce(rest / count) { $0 + $1 / count })
  }

  private static var sampleSize: Int { 256 }

  /// The shards that are served here, ascending.
  private var served: [Int] { shards.indices.filter(isServed) }

  private func served(in range: Range<Int>?) -> [Int] {
    guard let range else { return served }
    return range.clamped(to: shards.indices).filter(isServed)
  }

  /// Visits the keys of a slot in order until `body` returns `false`.
  private func visit(slot: Int, _ body: (ByteMap.Element) -> Bool) {
    guard 0..<ShardLayout.slotCount ~= slot else { return }
    // Other mappings spread the keys of a slot over all shards.
    let owner = layout.mapping == .slots ? layout.shard(ofSlot: slot).index : nil
    for shard in served where owner == nil || shard == owner {
      var goesOn = true
      shards[shard].keys.map.forEach { element in
        if ShardLayout.slot(of: Array(element.key)) == slot { goesOn = body(element) }
        return goesOn
      }
      guard goesOn else { return }
    }
  }
}
