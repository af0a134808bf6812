import Raft

/// What must hold of snapshots: the log is kept for a follower that is sent one.
///
/// That a follower gets entries after a snapshot, and not one snapshot after the other, cannot be
/// asked for: while its answers are cut off, its leader can only send it the newest again.
enum SnapshotWatch {
  /// At least so many entries behind its own snapshot are kept for a follower that needs them.
  private static let entriesKept: UInt64 = 64

  /// What is wrong with what a replica shows after a turn.
  /// - Parameter last: what it showed after the turn before; `nil` if it has just started.
  static func problem(of seen: NodeObservation, after last: NodeObservation?) -> String? {
    guard let last, let sent = last.sending, seen.sending == sent,
      seen.firstIndex > last.firstIndex, seen.firstIndex > sent.next,
      seen.snapshotIndex.rawValue - sent.rawValue <= entriesKept
    else { return nil }
    return "trimmed its log up to \(seen.firstIndex) while it sends the snapshot at \(sent)"
  }
}
