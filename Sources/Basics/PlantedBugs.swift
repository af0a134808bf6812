/// Faults that only the simulator switches on, to prove that it finds them.
///
/// Each names the place in the production code where the wrong branch stands. No program but
/// `shardkv-sim` has a flag that reaches them.
package struct PlantedBugs: OptionSet, Hashable, Sendable {
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
  /// A candidate counts votes that it was given in an older term.
  package static let oldVotesCounted = PlantedBugs(rawValue: 1 << 8)
  /// A reply with a higher term neither raises the term nor ends a leadership.
  package static let higherTermsIgnored = PlantedBugs(rawValue: 1 << 9)
  /// An election begins without asking whether it could be won.
  package static let noPreVote = PlantedBugs(rawValue: 1 << 10)
  /// A leader that hears no quorum goes on.
  package static let noCheckQuorum = PlantedBugs(rawValue: 1 << 11)
  /// Reads that were not confirmed when leadership ended are answered all the same.
  package static let readsOutliveLeadership = PlantedBugs(rawValue: 1 << 12)
  /// A new leader confirms reads before it has committed an entry of its own term.
  package static let readBeforeOwnTerm = PlantedBugs(rawValue: 1 << 13)
  /// A late acknowledgement takes back what is known of a follower.
  package static let lateRepliesTakeBack = PlantedBugs(rawValue: 1 << 14)
  /// Every append cuts the log behind it, though its entries are there already.
  package static let appendTruncates = PlantedBugs(rawValue: 1 << 15)
  /// A follower commits up to its leader's commit index, whatever it has itself.
  package static let commitBeyondAppend = PlantedBugs(rawValue: 1 << 16)
  /// Whatever a follower acknowledges, it is taken to have all that was sent to it.
  package static let matchFromSent = PlantedBugs(rawValue: 1 << 17)
  /// Whoever waits for an index is given the answer of the command that came to stand there.
  package static let answersByIndexAlone = PlantedBugs(rawValue: 1 << 18)
  /// After a restart all that is in the journal is taken for committed.
  package static let logCommittedAtRestart = PlantedBugs(rawValue: 1 << 19)
  /// The last entry of a received snapshot is given the term of its sender.
  package static let snapshotTermForgotten = PlantedBugs(rawValue: 1 << 20)
  /// A snapshot is installed though the log is past it.
  package static let olderSnapshotInstalled = PlantedBugs(rawValue: 1 << 21)
  /// The file of a snapshot is given its name without being synced.
  package static let snapshotRenamedUnsynced = PlantedBugs(rawValue: 1 << 22)
  /// A snapshot holds keys, but no sessions.
  package static let snapshotWithoutSessions = PlantedBugs(rawValue: 1 << 23)
  /// Sections of one snapshot are followed by those of another.
  package static let sectionsMixed = PlantedBugs(rawValue: 1 << 24)
  /// The log is trimmed though a follower that receives a snapshot will need it.
  package static let logTrimmedUnderReceiver = PlantedBugs(rawValue: 1 << 25)
  /// Whether a write was applied before is looked at when proposing but not again when applying.
  package static let repeatsOnlyWhenProposing = PlantedBugs(rawValue: 1 << 26)
  /// A write of a session that was forgotten is applied.
  package static let expiredSessionsWrite = PlantedBugs(rawValue: 1 << 27)
  /// A client follows whoever names another group, however often and however old.
  package static let redirectsUnbounded = PlantedBugs(rawValue: 1 << 28)
  /// A group goes on to the newest configuration and leaves out those between.
  package static let configurationsSkipped = PlantedBugs(rawValue: 1 << 29)
  /// A change is made to the newest configuration, though it was made for an older one.
  package static let changesUnfenced = PlantedBugs(rawValue: 1 << 30)
  /// A group gives no shard away while one arrives.
  package static let swapsDeadlock = PlantedBugs(rawValue: 1 << 32)
  /// A group goes on to a configuration only when no shard is on its way.
  package static let waitsForAllShards = PlantedBugs(rawValue: 1 << 33)
  /// The keys of a moved shard begin with version 1 again.
  package static let versionsReset = PlantedBugs(rawValue: 1 << 34)
  /// What one client read is noted down wrongly: no bug of the store, but a failure that every
  /// check of the simulator must see.
  package static let canary = PlantedBugs(rawValue: 1 << 35)
  /// A lease is as long as voters keep their promise, though their clocks may run faster.
  package static let leaseOutlivesClockDrift = PlantedBugs(rawValue: 1 << 36)
  /// A lease is checked against the time before the turn waited for its inputs.
  package static let leaseCheckedBeforeIndex = PlantedBugs(rawValue: 1 << 37)
  /// A leader changes the membership though neither the change before nor anything of its own term
  /// is committed.
  package static let configChangeBeforeOwnCommit = PlantedBugs(rawValue: 1 << 38)
  /// A membership that is cut off the log stays in force.
  package static let noRollbackOfTruncatedConfig = PlantedBugs(rawValue: 1 << 39)
  /// A leader that was removed leads on.
  package static let removedLeaderGoesOn = PlantedBugs(rawValue: 1 << 40)
  /// A replica whose folder was made anew is taken for the one that it was.
  package static let wipedReplicaVotes = PlantedBugs(rawValue: 1 << 41)
  /// Learners become voters however much they lack.
  package static let promoteBeforeCaughtUp = PlantedBugs(rawValue: 1 << 42)
  /// A leader that hands over takes in writes.
  package static let writesDuringTransfer = PlantedBugs(rawValue: 1 << 43)
  /// In joint consensus a majority of the voters before commits alone.
  package static let majorityOfOldMembersOnly = PlantedBugs(rawValue: 1 << 44)
  /// A replica that may have forgotten its votes votes as ever.
  package static let doubtfulReplicaVotes = PlantedBugs(rawValue: 1 << 45)
  /// What a replica acknowledges that may have forgotten its promises is counted.
  package static let doubtfulReplicaCounts = PlantedBugs(rawValue: 1 << 46)
  /// What a replica had before its disk forgot something is taken for what it has.
  package static let matchOutlivesDoubt = PlantedBugs(rawValue: 1 << 47)
  /// A replica settles its doubt with whatever a leader has committed, heard of the doubt or not.
  package static let settlesUnheard = PlantedBugs(rawValue: 1 << 48)

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
    ("old-votes-counted", .oldVotesCounted),
    ("higher-terms-ignored", .higherTermsIgnored),
    ("no-pre-vote", .noPreVote),
    ("no-check-quorum", .noCheckQuorum),
    ("reads-outlive-leadership", .readsOutliveLeadership),
    ("read-before-own-term", .readBeforeOwnTerm),
    ("append-truncates", .appendTruncates),
    ("commit-beyond-append", .commitBeyondAppend),
    ("match-from-sent", .matchFromSent),
    ("late-replies-take-back", .lateRepliesTakeBack),
    ("answers-by-index-alone", .answersByIndexAlone),
    ("log-committed-at-restart", .logCommittedAtRestart),
    ("snapshot-term-forgotten", .snapshotTermForgotten),
    ("older-snapshot-installed", .olderSnapshotInstalled),
    ("snapshot-renamed-unsynced", .snapshotRenamedUnsynced),
    ("snapshot-without-sessions", .snapshotWithoutSessions),
    ("sections-mixed", .sectionsMixed),
    ("log-trimmed-under-receiver", .logTrimmedUnderReceiver),
    ("repeats-only-when-proposing", .repeatsOnlyWhenProposing),
    ("expired-sessions-write", .expiredSessionsWrite),
    ("redirects-unbounded", .redirectsUnbounded),
    ("configurations-skipped", .configurationsSkipped),
    ("changes-unfenced", .changesUnfenced),
    ("swaps-deadlock", .swapsDeadlock),
    ("waits-for-all-shards", .waitsForAllShards),
    ("versions-reset", .versionsReset),
    ("canary", .canary),
    ("lease-outlives-clock-drift", .leaseOutlivesClockDrift),
    ("lease-checked-before-index", .leaseCheckedBeforeIndex),
    ("config-change-before-own-commit", .configChangeBeforeOwnCommit),
    ("no-rollback-of-truncated-config", .noRollbackOfTruncatedConfig),
    ("removed-leader-goes-on", .removedLeaderGoesOn),
    ("wiped-replica-votes", .wipedReplicaVotes),
    ("promote-before-caught-up", .promoteBeforeCaughtUp),
    ("writes-during-transfer", .writesDuringTransfer),
    ("majority-of-old-members-only", .majorityOfOldMembersOnly),
  ]

  /// Those that only the tests of Raft's core look for: it takes more than a swarm meets by chance.
  package static let namedInTests: [(name: String, bug: PlantedBugs)] = [
    ("doubtful-replica-votes", .doubtfulReplicaVotes),
    ("doubtful-replica-counts", .doubtfulReplicaCounts),
    ("match-outlives-doubt", .matchOutlivesDoubt),
    ("settles-unheard", .settlesUnheard),
  ]
}
