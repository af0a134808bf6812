import Basics

/// Gives a captured state section by section: the same bytes on every replica.
package protocol SnapshotCapture: Sendable {
  /// Puts the next section in the place of what `section` holds, in the same memory; false after
  /// the last.
  mutating func nextSection(into section: inout [UInt8]) -> Bool
}

/// Builds a state from the sections of a snapshot.
package protocol SnapshotRestorer: Sendable {
  associatedtype Machine: Sendable
  /// Reads the next section; throws when it is none that ``SnapshotCapture`` gives.
  mutating func consume(_ section: [UInt8]) throws(ByteError)
  /// The state; throws when sections are missing.
  func finish() throws(ByteError) -> Machine
}
