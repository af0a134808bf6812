/// A term of leadership; 0 is before the first election (Raft §5.1).
package struct Term: RawRepresentable, Hashable, Comparable, Sendable, CustomStringConvertible {
  package let rawValue: UInt64
  package init(rawValue: UInt64) { self.rawValue = rawValue }
  package init(_ number: UInt64) { rawValue = number }

  package static let zero = Term(0)
  package var next: Term { Term(rawValue + 1) }

  // Spelled out: by default other modules compare by calls of generic code.
  package static func == (left: Self, right: Self) -> Bool { left.rawValue == right.rawValue }
  package static func != (left: Self, right: Self) -> Bool { left.rawValue != right.rawValue }
  package static func < (left: Self, right: Self) -> Bool { left.rawValue < right.rawValue }
  package static func > (left: Self, right: Self) -> Bool { left.rawValue > right.rawValue }
  package static func <= (left: Self, right: Self) -> Bool { left.rawValue <= right.rawValue }
  package static func >= (left: Self, right: Self) -> Bool { left.rawValue >= right.rawValue }

  package var description: String { String(rawValue) }
}

/// A place in the log; the first entry is at 1, and 0 is before it.
package struct LogIndex: RawRepresentable, Hashable, Comparable, Sendable, CustomStringConvertible {
  package let rawValue: UInt64
  package init(rawValue: UInt64) { self.rawValue = rawValue }
  package init(_ number: UInt64) { rawValue = number }

  package static let zero = LogIndex(0)
  package var next: LogIndex { LogIndex(rawValue + 1) }
  /// The index before; 0 stays 0.
  package var previous: LogIndex { LogIndex(rawValue == 0 ? 0 : rawValue - 1) }

  // Spelled out: by default other modules compare by calls of generic code.
  package static func == (left: Self, right: Self) -> Bool { left.rawValue == right.rawValue }
  package static func != (left: Self, right: Self) -> Bool { left.rawValue != right.rawValue }
  package static func < (left: Self, right: Self) -> Bool { left.rawValue < right.rawValue }
  package static func > (left: Self, right: Self) -> Bool { left.rawValue > right.rawValue }
  package static func <= (left: Self, right: Self) -> Bool { left.rawValue <= right.rawValue }
  package static func >= (left: Self, right: Self) -> Bool { left.rawValue >= right.rawValue }

  package var description: String { String(rawValue) }
}

/// An entry's place and term, which together name its content (Log Matching, Raft §5.3).
package struct EntryID: Hashable, Sendable, CustomStringConvertible {
  package var index: LogIndex
  package var term: Term

  package init(index: LogIndex, term: Term) {
    self.index = index
    self.term = term
  }

  package static let zero = EntryID(index: .zero, term: .zero)
  package var description: String { "\(index)@\(term)" }
}
