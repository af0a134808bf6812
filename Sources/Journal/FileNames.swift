import Raft

/// The names in a replica's folder.
enum FileNames {
  static let identity = "identity"
  /// The same once more, for a disk that damages the other.
  static let identityCopy = "identity-copy"
  static let identityTemporary = "identity.tmp"
  /// Locked by whoever uses the folder; the journal never looks at it.
  static let lock = "lock"
  /// Empty: log and snapshots are to be given up at the next start.
  static let discard = "discard"
  static let temporarySuffix = ".tmp"
  static let brokenSuffix = ".broken"

  /// No number of a file, an entry, a term or a doubt is larger, so that those after it exist.
  static let numberMax = UInt64(1) << 62

  static func segment(_ id: UInt64) -> String { "wal-\(hexadecimal(id)).log" }

  /// The segment id of a name that ``segment(_:)`` makes; `nil` for every other name.
  static func segmentID(_ name: String) -> UInt64? {
    guard name.hasPrefix("wal-"), name.hasSuffix(".log"), name.utf8.count == 24,
      let id = UInt64(name.dropFirst(4).dropLast(4), radix: 16), id <= numberMax,
      segment(id) == name
    else { return nil }
    return id
  }

  static func snapshot(_ id: EntryID) -> String {
    "snap-\(hexadecimal(id.index.rawValue))-\(hexadecimal(id.term.rawValue))"
  }

  /// The entry of a name that ``snapshot(_:)`` makes; `nil` for every other name.
  static func snapshotID(_ name: String) -> EntryID? {
    let parts = name.split(separator: "-", omittingEmptySubsequences: false)
    guard parts.count == 3, let index = UInt64(parts[1], radix: 16),
      let term = UInt64(parts[2], radix: 16), max(index, term) <= numberMax
    else { return nil }
    let id = EntryID(index: LogIndex(index), term: Term(term))
    return snapshot(id) == name ? id : nil
  }

  /// A segment that is not used yet: an old one, or one that was written ahead.
  static func spare(of segment: UInt64) -> String { spare(segment << 1) }

  /// One that was written ahead, by its own count: never the name of one that was a segment.
  static func spare(made number: UInt64) -> String { spare(number << 1 | 1) }

  /// The count in a name that ``spare(made:)`` makes; `nil` for every other name.
  static func spareMade(_ name: String) -> UInt64? {
    spareNumber(name).flatMap { $0 & 1 == 1 ? $0 >> 1 : nil }
  }

  private static func spare(_ number: UInt64) -> String { "spare-\(hexadecimal(number))" }

  /// The number of a spare's name; `nil` for every other name.
  static func spareNumber(_ name: String) -> UInt64? {
    guard name.hasPrefix("spare-"), let number = UInt64(name.dropFirst(6), radix: 16),
      number <= numberMax,
      spare(number) == name
    else { return nil }
    return number
  }

  /// The segment id in the name of a segment, or of what it was kept aside as; so that no id is
  /// used twice.
  static func segmentNumber(_ name: String) -> UInt64? {
    guard name.hasPrefix("wal-") else { return nil }
    guard let id = UInt64(name.dropFirst(4).prefix(16), radix: 16), id <= numberMax else {
      return nil
    }
    return id
  }

  /// 16 digits, so that names sort as their numbers do.
  private static func hexadecimal(_ number: UInt64) -> String {
    let digits = String(number, radix: 16)
    return String(repeating: "0", count: 16 - digits.count) + digits
  }
}
