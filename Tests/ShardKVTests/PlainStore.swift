import RedisCommands
import RESP
import ShardMap

@testable import ShardKV

/// What groups should answer and hold, whoever of them has a shard: one dictionary, in which
/// nothing is ever removed because its deadline is over, only taken for absent. ``clock`` is that
/// of the group that is asked.
struct PlainStore {
  struct Row: Hashable {
    var value: [UInt8]
    var deadline: UInt64 = 0
    var version: UInt64
    /// One more with each change of any key.
    var change: Int
  }

  let layout: ShardLayout
  var clock: UInt64 = 0
  private(set) var rows: [[UInt8]: Row] = [:]
  private var changes = 0

  init(layout: ShardLayout) { self.layout = layout }

  func alive(_ key: [UInt8]) -> Row? {
    rows[key].flatMap { $0.deadline == 0 || clock <= $0.deadline ? $0 : nil }
  }

  /// The keys of some shards that are there, by shard and then by their bytes.
  func keys(of shards: Set<ShardID>) -> [[UInt8]] {
    rows.keys.filter { shards.contains(layout.shard(of: $0)) && alive($0) != nil }
      .sorted { left, right in
        let shards = (layout.shard(of: left), layout.shard(of: right))
        return shards.0 == shards.1 ? left.lexicographicallyPrecedes(right) : shards.0 < shards.1
      }
  }

  mutating func run(_ command: KeyedCommand) -> Reply {
    guard Set(command.keys.map { layout.shard(of: $0) }).count == 1 else {
      return .error("CROSSSLOT Keys in request don't hash to the same slot")
    }
    let stored = command.keys.map { key in
      alive(key).map {
        StoredString($0.value, deadline: $0.deadline == 0 ? nil : Int64($0.deadline))
      }
    }
    let outcome = command.apply(stored, now: Int64(clock), limit: Limits.valueBytesMax)
    for change in outcome.changes {
      switch change.change {
      case .none: break
      case .delete: remove(command.keys[change.place])
      case .put(let value):
        put(command.keys[change.place], value.bytes, deadline: UInt64(value.deadline ?? 0))
      }
    }
    return outcome.reply
  }

  mutating func run(_ operation: WriteOperation, on key: [UInt8]) -> Output {
    switch operation {
    case .put(let value): put(key, value)
    case .append(let suffix):
      put(key, (alive(key)?.value ?? []) + suffix, deadline: alive(key)?.deadline ?? 0)
    case .delete:
      guard alive(key) != nil else { return .write(.missing) }
      remove(key)
      return .write(.written(version: 0))
    case .compareAndSet(let expected, let value):
      guard alive(key)?.value == expected else { return .write(.compareFailed) }
      put(key, value)
    }
    return .write(.written(version: rows[key]?.version ?? 0))
  }

  mutating func removeAll(of shards: Set<ShardID>) {
    rows = rows.filter { !shards.contains(layout.shard(of: $0.key)) }
  }

  private mutating func put(_ key: [UInt8], _ value: [UInt8], deadline: UInt64 = 0) {
    changes += 1
    let version = (alive(key)?.version ?? 0) + 1
    rows[key] = Row(value: value, deadline: deadline, version: version, change: changes)
  }

  private mutating func remove(_ key: [UInt8]) { rows[key] = nil }
}
