import Basics
import ShardMap

/// A table that hands out its own keys: an array with reused places, whose elements are changed
/// where they are. A dictionary would move each of them out and in again for every change.
struct Slab<Element> {
  private static var slotBits: UInt64 { 24 }

  private var slots: [Element?] = []
  /// The key that each slot has, or had last: its number, and above it how often it was used.
  private var keys: [UInt64] = []
  private var free: [Int] = []

  var count: Int { slots.count - free.count }

  /// Takes an element in; no element had its key before.
  mutating func insert(_ element: Element) -> UInt64 {
    if let slot = free.popLast() {
      keys[slot] += 1 << Self.slotBits
      slots[slot] = element
      return keys[slot]
    }
    let slot = UInt64(slots.count)
    invariant(slot < 1 << Self.slotBits, "more than \(slot) elements in a slab")
    slots.append(element)
    keys.append(1 << Self.slotBits | slot)
    return keys[keys.count - 1]
  }

  subscript(key: UInt64) -> Element? {
    _read {
      if let slot = slot(of: key) { yield slots[slot] } else { yield nil }
    }
    _modify {
      if let slot = slot(of: key) {
        yield &slots[slot]
        if case .none = slots[slot] { free.append(slot) }
      } else {
        var none: Element?
        yield &none
      }
    }
  }

  mutating func remove(_ key: UInt64) -> Element? {
    guard let slot = slot(of: key) else { return nil }
    free.append(slot)
    return slots[slot].take()
  }

  /// The keys of the elements that satisfy `matches`, always in the same order. Looks at all.
  func keys(where matches: (Element) -> Bool) -> [UInt64] {
    slots.indices.compactMap { slot in
      slots[slot].flatMap { matches($0) ? keys[slot] : nil }
    }
  }

  private func slot(of key: UInt64) -> Int? {
    let slot = Int(key & (1 << Self.slotBits - 1))
    guard slot < slots.count, keys[slot] == key, case .some = slots[slot] else { return nil }
    return slot
  }
}

extension Slab: Sendable where Element: Sendable {}

extension Slab where Element == Pending {
  subscript(id: OperationID) -> Pending? {
    _read { yield self[id.rawValue] }
    _modify { yield &self[id.rawValue] }
  }
}

/// The sessions of all shards, and of the controller (`nil`).
struct SessionTable: Sendable {
  private var sessions = [Session()]

  subscript(key: ShardID?) -> Session {
    _read {
      let index = key.map { $0.index + 1 } ?? 0
      if index < sessions.count { yield sessions[index] } else { yield Session() }
    }
    _modify {
      let index = key.map { $0.index + 1 } ?? 0
      while index >= sessions.count { sessions.append(Session()) }
      yield &sessions[index]
    }
  }
}
