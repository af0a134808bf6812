import Raft

/// What recovery made of a folder.
package struct Recovery: Sendable {
  package var identity: ReplicaIdentity
  package var journal: Journal
  /// To be done, all and in order, before the first turn. They may be done again after a crash.
  package var repairs: [FileEffect]
  /// To be done after `repairs`, before the first turn: what was read may be in the kernel's memory
  /// alone, if the process before this one ended between its write and its sync, or by a sync that
  /// failed. The last batch is therefore written once more.
  package var syncs: [FileEffect]
  package var state: RestoredState
  /// The snapshot of `state`, whose sections ``Journal/readSection(_:of:)`` finds.
  package var snapshot: StoredSnapshot?
  /// Log and snapshots were given up, because the state that they led to was found to be wrong.
  package var isDiscarded = false
  /// What was cut, removed or kept aside, for the log.
  package var notes: [String]
}

/// Why a folder cannot be used. Nothing in it was changed.
package enum RecoveryError: Error, Hashable, Sendable, CustomStringConvertible {
  /// There is nothing in the folder.
  case notInitialised
  /// `init` did not reach its end, and nothing was ever stored.
  case initialisationInterrupted
  /// Something that was acknowledged may be lost; `index` is the log index it happened at.
  case corrupt(file: String, offset: UInt64, index: LogIndex?, reason: String)
  /// The file belongs to another replica, group or cluster.
  case foreign(file: String)
  /// The file was written by a newer version of the program.
  case newerFormat(file: String, version: UInt32)
  /// The file was written by an older version of the program, which this one does not read.
  case olderFormat(file: String, version: UInt32)
  /// A file could not be read; `reason` is the system's.
  case unreadable(file: String, reason: String)

  package var description: String {
    switch self {
    case .notInitialised:
      "the folder has no replica in it: make one with 'shardkv-server init'"
    case .initialisationInterrupted:
      "the initialisation of the folder was interrupted: remove the folder and run "
        + "'shardkv-server init' again (nothing was stored in it yet)"
    case .corrupt(let file, let offset, let index, let reason):
      "\(file) is damaged at byte \(offset)"
        + (index.map { " (log index \($0))" } ?? "")
        + ": \(reason). Acknowledged data may be missing, and nobody is known who could give it "
        + "back, so this replica does not start; nothing was changed. Keep the folder. If its "
        + "group has other replicas, replace this one by a new one; do not initialise it again "
        + "under its old id, it would forget its votes"
    case .foreign(let file):
      "\(file) belongs to another replica, group or cluster: check the data folder; nothing was "
        + "changed"
    case .newerFormat(let file, let version):
      "\(file) has format version \(version), and this program knows versions up to "
        + "\(Envelope.version): start a newer shardkv-server; nothing was changed"
    case .olderFormat(let file, let version):
      "\(file) has format version \(version), and this program reads version \(Envelope.version): "
        + "start the shardkv-server that wrote it, or replace this replica by a new one; nothing "
        + "was changed"
    case .unreadable(let file, let reason):
      "\(file) cannot be read: \(reason)"
    }
  }
}
