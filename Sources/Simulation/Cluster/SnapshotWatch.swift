import Basics
import Raft

/// What must hold of snapshots: a follower that was sent one goes on by the log, which is kept for
/// it meanwhile.
struct SnapshotWatch {
  private var runs: [ReplicaID: Run] = [:]

  private struct Run {
    var term: Term
    var received: UInt64
    /// The newest snapshot.
    var index: LogIndex
    /// Snapshots since an entry was appended behind one.
    var count = 0
  }

  /// So many snapshots of one leader, one after the other, are a loop.
  private static let snapshotsMax = 5

  /// At least so many entries behind its own snapshot are kept for a follower that needs them.
  private static let entriesKept: UInt64 = 64

  /// Takes note of what a replica shows after a turn.
  /// - Parameter last: what it showed after the turn before; `nil` if it has just started.
  /// - Returns: what is wrong.
  mutating func observe(_ seen: NodeObservation, after last: NodeObservation?) -> String? {
    if let last, let sent = last.sending, seen.sending == sent, seen.firstIndex > last.firstIndex,
      seen.firstIndex > sent.next, seen.snapshotIndex.rawValue - sent.rawValue <= Self.entriesKept
    {
      return "trimmed its log up to \(seen.firstIndex) while it sends the snapshot at \(sent)"
    }
    guard seen.snapshotsReceived > 0 else { return nil }
    var run =
      runs[seen.replica] ?? Run(term: seen.term, received: 0, index: seen.appliedIndex)
    if seen.snapshotsReceived != run.received {
      run.received = seen.snapshotsReceived
      run.index = seen.appliedIndex
      run.count += 1
    }
    if run.term != seen.term || seen.lastIndex > run.index {
      run.term = seen.term
      run.count = 0
    }
    runs[seen.replica] = run
    guard run.count > Self.snapshotsMax else { return nil }
    return "was sent \(run.count) snapshots in a row and none of the entries behind them"
  }
}
