import Basics

/// The keys of one shard with their deadlines, and what finds those whose deadline is over.
///
/// Every change goes through here, so that map, index and counter agree. A key lives up to and with
/// the millisecond of its deadline; from then on it counts as absent in all that takes a moment
/// `now`, whether it was removed or not. Moments are milliseconds of the replicated clock since
/// 1970.
struct Keyspace: Sendable {
  private(set) var map = ByteMap()
  /// For each key with a deadline one that is made of both (``place(of:deadline:)``), so that they
  /// come in the order in which they are over. It follows from `map` and stands in no snapshot.
  private(set) var index = ByteMap()
  /// The number of changes that this shard has seen, wherever it was: what the last changed key is
  /// marked with. It does not fall when keys are removed.
  private(set) var changes: UInt64 = 0
  /// The least deadline, `UInt64.max` without any.
  private(set) var firstDeadline = UInt64.max

  /// There is nothing here that a new shard would not have.
  var isBlank: Bool { map.isEmpty && changes == 0 }

  /// Sets a value, without a deadline unless one is given, which is not 0 then. The result is the
  /// key's version.
  @discardableResult
  mutating func put(
    _ key: [UInt8], _ value: [UInt8], deadline: UInt64 = 0, now: UInt64
  ) -> UInt64 {
    changes += 1
    let changed = map.put(
      key, value, ByteMap.Update(modified: changes, deadline: deadline, now: now))
    note(changed, of: key)
    return changed.marks.version
  }

  /// Puts bytes behind a value, or sets it without a deadline. The result is the key's version.
  mutating func append(_ key: [UInt8], _ suffix: [UInt8], now: UInt64) -> UInt64 {
    changes += 1
    let changed = map.append(
      key, suffix, ByteMap.Update(modified: changes, deadline: nil, now: now))
    note(changed, of: key)
    return changed.marks.version
  }

  /// Removes a key that is there at `now`; `false` if it is not.
  mutating func remove(_ key: [UInt8], now: UInt64) -> Bool {
    guard marks(of: key, now: now) != nil else { return false }
    remove(key)
    return true
  }

  /// Removes up to `max` keys whose deadlines are before `now`, the earliest first and of equal
  /// ones the least. Gives their number.
  mutating func removeOverdue(now: UInt64, max: Int) -> Int {
    guard firstDeadline < now, max > 0 else { return 0 }
    var keys: [[UInt8]] = []
    index.forEach { element in
      guard Self.deadline(ofPlace: element.key) < now else { return false }
      keys.append(Array(element.key.dropFirst(Self.deadlineBytes)))
      return keys.count < max
    }
    for key in keys { remove(key) }
    return keys.count
  }

  /// Removes all keys and gives what held them, for freeing it takes long.
  mutating func removeAll() -> [ByteMap] {
    defer {
      map = ByteMap()
      index = ByteMap()
      firstDeadline = .max
    }
    return [map, index].filter { !$0.isEmpty }
  }

  /// What is kept of a key that is there at `now`.
  func marks(of key: [UInt8], now: UInt64) -> EntryMarks? {
    map.withElement(of: key) { $0.marks }.flatMap { $0.isAlive(at: now) ? $0 : nil }
  }

  /// The value of a key that is there at `now`, and what is kept of it.
  func value(of key: [UInt8], now: UInt64) -> (value: [UInt8], marks: EntryMarks)? {
    map.withElement(of: key) { element in
      element.marks.isAlive(at: now) ? (Array(element.value), element.marks) : nil
    } ?? nil
  }

  /// How many bytes the value of a key has that is there at `now`.
  func valueBytes(of key: [UInt8], now: UInt64) -> Int? {
    map.withElement(of: key) { $0.marks.isAlive(at: now) ? $0.value.count : nil } ?? nil
  }

  /// Whether a key that is there at `now` has just this value; `nil`: whether it is not there.
  func isValue(of key: [UInt8], _ value: [UInt8]?, now: UInt64) -> Bool {
    map.withElement(of: key) { element in
      element.marks.isAlive(at: now) ? value.map { $0.elementsEqual(element.value) } ?? false : nil
    }.flatMap { $0 } ?? (value == nil)
  }

  private mutating func remove(_ key: [UInt8]) {
    guard let old = map.remove(key) else { return }
    changes += 1
    note(ByteMap.Changed(oldDeadline: old.deadline), of: key)
  }

  /// Brings the index up to a change of a key.
  private mutating func note(_ changed: ByteMap.Changed, of key: [UInt8]) {
    let (old, new) = (changed.oldDeadline, changed.marks.deadline)
    guard old != new else { return }
    if new != 0 { index.put(Self.place(of: key, deadline: new), []) }
    if old != 0 {
      let isIndexed = index.remove(Self.place(of: key, deadline: old)) != nil
      invariant(isIndexed, "a key with the deadline \(old) was not in the index")
    }
    if old == firstDeadline {
      firstDeadline = leastDeadline()
    } else if new != 0 {
      firstDeadline = min(firstDeadline, new)
    }
  }

  private func leastDeadline() -> UInt64 {
    var least = UInt64.max
    index.forEach { element in
      least = Self.deadline(ofPlace: element.key)
      return false
    }
    return least
  }
}

/// The keys of a shard as they come from another replica or from the shard's owner before.
extension Keyspace {
  /// Sets a key with all that was kept of it.
  mutating func restore(_ key: [UInt8], _ value: [UInt8], _ marks: EntryMarks) {
    raiseChanges(to: marks.modified)
    note(map.put(key, value, ByteMap.Update(marks)), of: key)
  }

  /// Puts the part at `offset` behind those before it. `false`, and nothing is changed, if it is
  /// not the next of this key.
  mutating func restorePart(
    _ key: [UInt8], at offset: Int, _ part: [UInt8], _ marks: EntryMarks
  ) -> Bool {
    let present = map.withElement(of: key) { ($0.value.count, $0.marks) }
    guard offset == present?.0 ?? 0, present?.1 ?? marks == marks else { return false }
    raiseChanges(to: marks.modified)
    note(map.append(key, part, ByteMap.Update(marks)), of: key)
    return true
  }

  /// Flips a bit of a value and changes nothing else; false if the key has no such bit.
  mutating func flipBit(_ bit: Int, ofValueOf key: [UInt8]) -> Bool {
    guard let (old, marks) = map.withElement(of: key, { (Array($0.value), $0.marks) }),
      bit >= 0, bit / 8 < old.count
    else { return false }
    var value = old
    value[bit / 8] ^= 1 << UInt8(bit % 8)
    restore(key, value, marks)
    return true
  }

  /// Goes on from a number of changes, unless more are known of.
  mutating func raiseChanges(to number: UInt64) { changes = max(changes, number) }
}

extension ByteMap.Update {
  /// Sets just these marks.
  fileprivate init(_ marks: EntryMarks) {
    self.init(version: marks.version, modified: marks.modified, deadline: marks.deadline)
  }
}

/// The index of deadlines.
extension Keyspace {
  static let deadlineBytes = 8

  /// A key of the index: the deadline, highest byte first, then the key.
  private static func place(of key: [UInt8], deadline: UInt64) -> [UInt8] {
    var place: [UInt8] = []
    place.reserveCapacity(deadlineBytes + key.count)
    withUnsafeBytes(of: deadline.bigEndian) { place.append(contentsOf: $0) }
    place.append(contentsOf: key)
    return place
  }

  static func deadline(ofPlace place: UnsafeRawBufferPointer) -> UInt64 {
    UInt64(bigEndian: place.loadUnaligned(as: UInt64.self))
  }
}
