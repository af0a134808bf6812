import Basics
import Raft

/// What must hold of snapshots: a follower that was sent one goes on by the log.
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

  /// Takes note of what a replica shows after a turn.
  /// - Returns: what is wrong.
  mutating func observe(_ seen: NodeObservation) -> String? {
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
