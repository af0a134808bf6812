import Basics

/// The part of the replicated log that is in memory: everything after `base`, without gaps.
struct Log: Sendable {
  /// The entry before the first one here: the last that was compacted, or zero.
  private(set) var base: EntryID
  private(set) var baseStamp: UInt64
  private(set) var entries: [Entry]

  init(base: EntryID = .zero, baseStamp: UInt64 = 0, entries: [Entry] = []) {
    self.base = base
    self.baseStamp = baseStamp
    self.entries = entries
  }

  var last: EntryID { entries.last?.id ?? base }
  var lastStamp: UInt64 { entries.last?.stamp ?? baseStamp }
  var count: Int { entries.count }
  var first: Entry? { entries.first }

  /// The term of the entry at `index`; `nil` before `base` and after the end.
  func term(at index: LogIndex) -> Term? {
    if index == base.index { return base.term }
    return position(of: index).map { entries[$0].term }
  }

  func id(at index: LogIndex) -> EntryID? {
    term(at: index).map { EntryID(index: index, term: $0) }
  }

  func stamp(at index: LogIndex) -> UInt64? {
    if index == base.index { return baseStamp }
    return position(of: index).map { entries[$0].stamp }
  }

  func contains(_ id: EntryID) -> Bool { term(at: id.index) == id.term }

  /// A copy of the entries from `first` to `last`, both included; what is not here is left out.
  func slice(from first: LogIndex, through last: LogIndex) -> [Entry] {
    let lower = max(first.rawValue, base.index.rawValue + 1)
    let upper = min(last.rawValue, self.last.index.rawValue)
    guard lower <= upper else { return [] }
    let start = Int(lower - base.index.rawValue - 1)
    return Array(entries[start...start + Int(upper - lower)])
  }

  /// A copy of the entries from `first` to `last` as far as they weigh at most `bytesMax` together;
  /// one entry comes in any case.
  func batch(
    from first: LogIndex, through last: LogIndex, bytesMax: Int
  ) -> (entries: [Entry], bytes: Int) {
    guard let start = position(of: first) else { return ([], 0) }
    var bytes = entries[start].weight
    var end = start + 1
    let limit = Int(min(last, self.last.index).rawValue - base.index.rawValue)
    while end < limit, bytes + entries[end].weight <= bytesMax {
      bytes += entries[end].weight
      end += 1
    }
    return (Array(entries[start..<end]), bytes)
  }

  /// The last entry at or before `index` whose term is at most `term`, by halving, because terms
  /// never fall along the log; `base` if there is none after it.
  func lastEntry(at index: LogIndex, notAbove term: Term) -> EntryID {
    guard index > base.index else { return base }
    var low = 0
    var high = Int(min(index.rawValue, last.index.rawValue) - base.index.rawValue)
    while low < high {
      let middle = (low + high) / 2
      if entries[middle].term <= term { low = middle + 1 } else { high = middle }
    }
    return low == 0 ? base : entries[low - 1].id
  }

  /// Payload bytes of the entries after `index`.
  func bytes(after index: LogIndex) -> Int { bytes(after: index, through: last.index) }

  func bytes(after first: LogIndex, through last: LogIndex) -> Int {
    var sum = 0
    var index = max(first, base.index).next
    while index <= last, let position = position(of: index) {
      sum += entries[position].weight
      index = index.next
    }
    return sum
  }

  mutating func append(_ entry: Entry) {
    invariant(
      entry.index == last.index.next, "entry \(entry.id) cannot follow \(last)"
    )
    entries.append(entry)
  }

  /// Drops the entry at `index` and all after it.
  mutating func truncate(from index: LogIndex) {
    guard let position = position(of: index) else { return }
    entries.removeSubrange(position...)
  }

  /// Drops everything up to `index`, which becomes the base.
  ///
  /// - Returns: the entries as they were: to free many takes long, and need not happen here.
  mutating func compact(upTo index: LogIndex) -> [Entry] {
    guard let position = position(of: index) else { return [] }
    base = entries[position].id
    baseStamp = entries[position].stamp
    var old = Array(entries[(position + 1)...])
    swap(&old, &entries)
    return old
  }

  /// Where to cut so that at most so many entries and bytes stay behind `index`.
  func cut(behind index: LogIndex, entriesMax: Int, bytesMax: Int) -> LogIndex {
    var cut = index
    var bytes = 0
    while cut > base.index, let position = position(of: cut) {
      bytes += entries[position].weight
      if index.rawValue - cut.rawValue >= UInt64(max(entriesMax, 0)) || bytes > bytesMax { break }
      cut = cut.previous
    }
    return cut
  }

  private func position(of index: LogIndex) -> Int? {
    guard index > base.index, index <= last.index else { return nil }
    return Int(index.rawValue - base.index.rawValue - 1)
  }
}

extension Entry {
  /// What an entry counts against the limits on bytes: its payload and what surrounds it.
  package var weight: Int { payload.count + 32 }
}
