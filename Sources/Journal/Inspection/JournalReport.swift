import Raft
import ShardMap

/// What stands in a replica's folder, file by file, what is wrong with it, and what the replica
/// would do about that at its next start. Made from the bytes alone: nothing is changed.
package struct JournalReport: Sendable {
  /// One of the two files that say whose folder this is.
  package struct IdentityFileReport: Sendable {
    package var name: String
    /// `nil`: it cannot be used, and `problem` says why.
    package var identity: ReplicaIdentity?
    package var problem: String?
  }

  /// A file that holds nothing of the log or the state.
  package struct OtherFile: Hashable, Sendable {
    package enum Kind: String, Sendable {
      case spare = "spare for a segment to come"
      case unfitSpare = "spare of another size: removed at the next start"
      case unfinished = "not finished: removed at the next start"
      case discard = "order to give up log and snapshots at the next start"
      case keptAside = "kept aside by recovery: safe to delete"
      case unknown = "no file of the journal: left alone"
    }

    package var name: String
    package var size: UInt64
    package var kind: Kind
  }

  /// Something that is not as it was written.
  package struct Finding: Hashable, Sendable {
    package var file: String
    package var offset: UInt64
    /// The first entry of the log that it may concern, as far as that is known.
    package var index: LogIndex?
    package var reason: String
    /// What the replica does about it at its next start.
    package var consequence: String
    /// It may as well be a write that is under way: the end of the log is not whole.
    package var isTornTail = false
  }

  /// What the next start makes of the folder.
  package enum Outlook: Sendable {
    case refused(RecoveryError)
    case starts(Start)
  }

  package struct Start: Sendable {
    /// The last entry of the log, and how many of them there are behind the snapshot's beginning.
    package var last: EntryID
    package var entries: Int
    package var snapshot: EntryID?
    package var hardState: HardState
    package var trust: Trust
    /// In words, as they are logged.
    package var notes: [String]
    /// Changes of the folder, in words.
    package var repairs: [String]
  }

  /// The identity and its copy.
  package internal(set) var identities: [IdentityFileReport] = []
  /// Oldest first.
  package internal(set) var segments: [SegmentReport] = []
  /// Oldest first.
  package internal(set) var snapshots: [SnapshotReport] = []
  package internal(set) var others: [OtherFile] = []
  /// By file.
  package internal(set) var findings: [Finding] = []
  /// Files that the system did not let be read, each with its reason: they were not checked.
  package internal(set) var unreadable: [String] = []
  package internal(set) var outlook: Outlook

  /// Whose folder it is, by the identity or else its copy.
  package var identity: ReplicaIdentity? { identities.lazy.compactMap(\.identity).first }

  /// Whether the identity and its copy are both there and say the same.
  package var identitiesAgree: Bool {
    identities.count == 2 && identities.allSatisfy { $0.identity != nil }
      && identities[0].identity == identities[1].identity
  }

  /// What a later look at the same folder found as well. Beside a process that writes, what one
  /// look finds may be a write under way; damage stays.
  package func confirmed(by later: JournalReport) -> JournalReport {
    var result = later
    result.findings.removeAll { found in
      !findings.contains { ($0.file, $0.offset) == (found.file, found.offset) }
    }
    result.unreadable.removeAll { !unreadable.contains($0) }
    return result
  }
}
