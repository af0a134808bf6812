import ShardMap

/// The keys of a request, in the order of its arguments: a view of these.
package struct CommandKeys: RandomAccessCollection, Sendable {
  /// All of the request, the command's name first.
  package let arguments: [[UInt8]]
  private let first: Int
  private let step: Int
  package let count: Int
  package let slots: KeySlots

  fileprivate init(_ arguments: [[UInt8]], first: Int, end: Int, step: Int) {
    self.arguments = arguments
    self.first = first
    self.step = step
    count = end > first ? (end - first + step - 1) / step : 0
    var slots = KeySlots.none
    for place in stride(from: first, to: Swift.max(first, end), by: step) {
      slots.add(arguments[place])
    }
    self.slots = slots
  }

  package var startIndex: Int { 0 }
  package var endIndex: Int { count }
  package subscript(place: Int) -> [UInt8] { arguments[first + place * step] }
}

/// Which slots keys have.
package enum KeySlots: Hashable, Sendable {
  /// There are no keys.
  case none
  case one(Int)
  /// Of several slots; the first key's is this one.
  case several(first: Int)

  package init(of keys: [[UInt8]]) {
    self = .none
    for key in keys { add(key) }
  }

  mutating func add(_ key: [UInt8]) {
    switch self {
    case .none: self = .one(ShardLayout.slot(of: key))
    case .one(let slot): if ShardLayout.slot(of: key) != slot { self = .several(first: slot) }
    case .several: break
    }
  }
}

extension CommandDescription {
  /// The keys of a request that has enough arguments.
  package func keys(in arguments: [[UInt8]]) -> CommandKeys {
    let (first, last, step) = keyRange
    guard step > 0 else { return CommandKeys(arguments, first: 0, end: 0, step: 1) }
    let end = last < 0 ? arguments.count + last + 1 : Swift.min(last + 1, arguments.count)
    return CommandKeys(arguments, first: first, end: end, step: step)
  }
}

extension ShardLayout {
  /// The shard of all these keys, `nil` if they are of several; without keys it is any.
  package func shard(of keys: CommandKeys) -> ShardID? {
    if mapping == .slots, case .one(let slot) = keys.slots { return shard(ofSlot: slot) }
    return shard(ofAll: keys)
  }

  /// The shard of all these keys, `nil` if they are of several; without keys it is any.
  package func shard(ofAll keys: some Collection<[UInt8]>) -> ShardID? {
    guard let first = keys.first else { return ShardID(0) }
    let shard = shard(of: first)
    return keys.dropFirst().allSatisfy { self.shard(of: $0) == shard } ? shard : nil
  }
}
