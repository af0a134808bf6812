import Raft

/// The names in a replica's folder.
enum FileNames {
  static let identity = "identity"
  static let identityTemporary = "identity.tmp"
  /// Locked by whoever uses the folder; the journal never looks at it.
  static let lock = "lock"
  static let temporarySuffix = ".tmp"
  static let brokenSuffix = ".broken"

  static func segment(_ id: UInt64) -> String { "wal-\(hexadecimal(id)).log" }

  /// The segment id of a name that ``segment(_:)`` makes; `nil` for every other name.
  static func segmentID(_ name: String) -> UInt64? {
    guard name.hasPrefix("wal-"), name.hasSuffix(".log"), name.utf8.count == 24,
      let id = UInt64(name.dropFirst(4).dropLast(4), radix: 16), segment(id) == name
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
      let term = UInt64(parts[2], radix: 16)
    else { return nil }
    let id = EntryID(index: LogIndex(index), term: Term(term))
    return snapshot(id) == name ? id : nil
  }

  /// Where bytes are kept that recovery cut from `name` at `offset`.
  static func broken(_ name: String, offset: Int) -> String {
    "\(name).\(hexadecimal(UInt64(offset)))\(brokenSuffix)"
  }

  /// 16 digits, so that names sort as their numbers do.
  private static func hexadecimal(_ number: UInt64) -> String {
    let digits = String(number, radix: 16)
    return String(repeating: "0", count: 16 - digits.count) + digits
  }
}
