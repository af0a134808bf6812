import Basics
import ShardMap

/// The groups that have registered: for each number the newest incarnation, and older ones for as
/// long as a kept configuration names them.
struct GroupDirectory: Sendable {
  struct Known: Hashable, Sendable {
    var group: GroupID
    var record: GroupRecord
    /// The incarnation that a join of this number means.
    var isNewest: Bool
    /// The last configuration that named it, the newest one for a group in it; `nil` if none has.
    var lastNamed: ConfigNumber?
  }

  /// Ascending by number and identity, so that every replica has the same order.
  private(set) var known: [Known] = []

  var newestCount: Int { known.count { $0.isNewest } }

  /// The incarnation that a join of `group` means.
  func newest(_ group: GroupID) -> GroupRecord? {
    known[position(group, GroupIdentity(rawValue: 0))...]
      .prefix { $0.group == group }
      .first { $0.isNewest }?.record
  }

  func record(_ group: GroupID, _ identity: GroupIdentity) -> GroupRecord? {
    let place = position(group, identity)
    guard place < known.count, known[place].matches(group, identity) else { return nil }
    return known[place].record
  }

  /// Whether these incarnations are here.
  func hasAll(_ records: [GroupID: GroupRecord]) -> Bool {
    records.allSatisfy { record($0.key, $0.value.identity) != nil }
  }

  /// Makes `record` the newest of its number. One that no configuration ever named is forgotten.
  mutating func register(_ group: GroupID, _ record: GroupRecord) {
    for place in known.indices where known[place].group == group { known[place].isNewest = false }
    let place = position(group, record.identity)
    if place < known.count, known[place].matches(group, record.identity) {
      known[place].record = record
      known[place].isNewest = true
    } else {
      known.insert(
        Known(group: group, record: record, isNewest: true, lastNamed: nil), at: place)
    }
    known.removeAll { $0.group == group && !$0.isNewest && $0.lastNamed == nil }
  }

  /// Notes that configuration `number` names these groups.
  mutating func name(_ records: [GroupID: GroupRecord], in number: ConfigNumber) {
    for place in known.indices
    where records[known[place].group]?.identity == known[place].record.identity {
      known[place].lastNamed = number
    }
  }

  /// Forgets old incarnations that no configuration from `oldest` on names.
  mutating func forget(before oldest: ConfigNumber) {
    known.removeAll { !$0.isNewest && ($0.lastNamed ?? .zero) < oldest }
  }

  /// Takes back what a snapshot holds, in its order; false if the order is not right.
  mutating func restore(_ entry: Known) -> Bool {
    if let last = known.last,
      (last.group, last.record.identity) >= (entry.group, entry.record.identity)
    {
      return false
    }
    known.append(entry)
    return true
  }

  /// Where the incarnation stands or would stand.
  private func position(_ group: GroupID, _ identity: GroupIdentity) -> Int {
    var low = 0
    var high = known.count
    while low < high {
      let middle = low + (high - low) / 2
      if (known[middle].group, known[middle].record.identity) < (group, identity) {
        low = middle + 1
      } else {
        high = middle
      }
    }
    return low
  }
}

extension GroupDirectory.Known {
  fileprivate func matches(_ group: GroupID, _ identity: GroupIdentity) -> Bool {
    self.group == group && record.identity == identity
  }
}
