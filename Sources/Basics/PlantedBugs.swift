/// Faults that only the simulator switches on, to prove that it finds them.
///
/// Each names the place in the production code where the wrong branch stands. No program but
/// `shardkv-sim` has a flag that reaches them.
package struct PlantedBugs: OptionSet, Sendable {
  package let rawValue: UInt64
  package init(rawValue: UInt64) { self.rawValue = rawValue }

  /// Replies and append acknowledgements leave before the journal is synced.
  package static let replyBeforeDisk = PlantedBugs(rawValue: 1 << 0)
  /// A vote is answered without being written to the journal.
  package static let voteNotDurable = PlantedBugs(rawValue: 1 << 1)
  /// Ownership of a shard is checked when proposing but not again when applying.
  package static let ownershipOnlyWhenProposing = PlantedBugs(rawValue: 1 << 2)
  /// A moving shard leaves its session table behind.
  package static let sessionsLeftBehind = PlantedBugs(rawValue: 1 << 3)
  /// The source is told to delete a shard before the destination has committed it.
  package static let sourceDeletedEarly = PlantedBugs(rawValue: 1 << 4)
  /// An entry of an older term is committed by counting replicas (Figure 8 of the Raft paper).
  package static let commitOldTermByCounting = PlantedBugs(rawValue: 1 << 5)
  /// A leader answers a read without confirming that it still leads.
  package static let staleRead = PlantedBugs(rawValue: 1 << 6)
  /// An arriving shard is served before its data is here.
  package static let servedBeforeData = PlantedBugs(rawValue: 1 << 7)

  /// Every planted bug under the name that `shardkv-sim --bug` takes.
  package static let named: [(name: String, bug: PlantedBugs)] = [
    ("reply-before-disk", .replyBeforeDisk),
    ("vote-not-durable", .voteNotDurable),
    ("ownership-only-when-proposing", .ownershipOnlyWhenProposing),
    ("sessions-left-behind", .sessionsLeftBehind),
    ("source-deleted-early", .sourceDeletedEarly),
    ("commit-old-term-by-counting", .commitOldTermByCounting),
    ("stale-read", .staleRead),
    ("served-before-data", .servedBeforeData),
  ]
}
