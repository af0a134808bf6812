import Basics
import ShardMap

/// The keys of a bench, with what is known of each.
struct BenchKeys: Sendable {
  /// Appended bytes after which a key's place is taken by a fresh one, below the limit of a value.
  static let appendedBytesMax = 900_000

  private let prefix: String
  private let layout: ShardLayout
  private(set) var names: [[UInt8]] = []
  private(set) var shards: [ShardID] = []
  /// For each number below the count of keys, the name in use.
  private var current: [Int]
  private var appended: [Int]

  init(count: Int, prefix: String, layout: ShardLayout) {
    self.prefix = prefix
    self.layout = layout
    current = Array(0..<count)
    appended = Array(repeating: 0, count: count)
    names.reserveCapacity(count)
    for number in 0..<count { add("\(prefix)\(number)") }
  }

  private mutating func add(_ name: String) {
    names.append(Array(name.utf8))
    shards.append(layout.shard(of: names[names.count - 1]))
  }

  /// The index of the name that key `number` has now.
  func index(of number: Int) -> Int { current[number] }

  /// Likewise, for an append of `bytes`.
  mutating func indexForAppend(_ number: Int, bytes: Int) -> Int {
    appended[number] += bytes
    if appended[number] > Self.appendedBytesMax {
      appended[number] = bytes
      current[number] = names.count
      add("\(prefix)\(number):\(names.count)")
    }
    return current[number]
  }
}

/// The longest time without a completed request, over all and for each group.
struct GapTracker: Sendable {
  struct Gap: Sendable {
    var operations = 0
    var last: UInt64
    var longest: UInt64 = 0

    mutating func complete(at now: UInt64) {
      if now > last { longest = max(longest, now - last) }
      last = now
      operations += 1
    }
  }

  private(set) var overall: Gap
  private(set) var groups: [GroupID: Gap] = [:]
  /// By shard.
  private var owners: [GroupID] = []
  private var number: ConfigNumber?

  init(start: UInt64) { overall = Gap(last: start) }

  /// Which group owns each shard from now on. A group that owns none waits for nothing.
  mutating func adopt(_ configuration: Configuration, at now: UInt64) {
    if let number, number >= configuration.number { return }
    number = configuration.number
    let before = Set(owners)
    owners = configuration.shards.map(\.owner)
    let owning = Set(owners)
    for group in owning where !before.contains(group) {
      groups[group, default: Gap(last: now)].last = now
    }
  }

  mutating func complete(_ shard: ShardID, at now: UInt64) {
    overall.complete(at: now)
    guard shard.index < owners.count else { return }
    groups[owners[shard.index], default: Gap(last: now)].complete(at: now)
  }

  /// Counts the time from the last completion to the end for all that still own shards.
  mutating func finish(at now: UInt64) {
    if now > overall.last { overall.longest = max(overall.longest, now - overall.last) }
    for group in Set(owners).sorted() {
      guard let gap = groups[group], now > gap.last else { continue }
      groups[group]?.longest = max(gap.longest, now - gap.last)
    }
  }
}
