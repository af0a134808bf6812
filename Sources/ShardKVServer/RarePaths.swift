/// Ways through a node that are seldom taken, and where bugs like to live. A turn's effects name
/// those that it took, so that a simulation can tell which of them no run has ever tried.
package struct RarePaths: OptionSet, Sendable {
  package let rawValue: UInt64
  package init(rawValue: UInt64) { self.rawValue = rawValue }

  /// The position of each is its bit.
  package static let names = [
    // The log.
    "logTruncated", "conflictSkippedEntries", "membershipApplied", "steppedDown", "toldToCampaign",
    "toldRemoved", "ticksSkipped",
    // Clients.
    "readsDropped", "readsAbandoned", "proposalsAbandoned", "proposalOverwritten",
    "proposalDecidedAnew", "overloaded", "sessionExpired", "shardNotReady", "writeAnsweredAgain",
    // Snapshots.
    "snapshotInstalled", "snapshotOvertaken", "ownSnapshotAbandoned", "receivedSnapshotAbandoned",
    "receivedSnapshotRestarted", "sectionSent", "sectionGone", "sectionOfOldSnapshot",
    // Errands and strangers.
    "errandFailed", "errandOutlivedLeadership", "helloRefused", "helloExpired", "frameDamaged",
    "goodbyeReceived",
    // Reads.
    "readsUnderLease", "readsOnFollower",
    // Members.
    "impostorDismissed",
    // Full disks.
    "refusedForRoom", "errandPutOffForRoom",
    "snapshotWithoutRoom", "olderSnapshotDropped", "sectionRepliesHeld", "handedOverForRoom",
    "damageFound", "damageRepaired",
    // States that are compared.
    "statesAgreed", "statesDiffered",
  ]

  private static func bit(_ position: Int) -> RarePaths { RarePaths(rawValue: 1 << position) }

  /// Entries in the journal were replaced by another leader's.
  static let logTruncated = bit(0)
  /// A follower's hint spared more than one step back.
  static let conflictSkippedEntries = bit(1)
  static let membershipApplied = bit(2)
  static let steppedDown = bit(3)
  static let toldToCampaign = bit(4)
  static let toldRemoved = bit(5)
  /// The process stood still for longer than any timeout.
  static let ticksSkipped = bit(6)
  /// Raft dropped reads that were under way.
  static let readsDropped = bit(7)
  /// Reads were not confirmed when leadership ended.
  static let readsAbandoned = bit(8)
  static let proposalsAbandoned = bit(9)
  /// Another leader's entry was applied where a client waited for its own.
  static let proposalOverwritten = bit(10)
  static let proposalDecidedAnew = bit(11)
  static let overloaded = bit(12)
  static let sessionExpired = bit(13)
  static let shardNotReady = bit(14)
  /// A write that came again was answered without a proposal.
  static let writeAnsweredAgain = bit(15)
  static let snapshotInstalled = bit(16)
  /// The log caught up while a leader's snapshot was being written.
  static let snapshotOvertaken = bit(17)
  /// A leader's snapshot came while an own one was being written.
  static let ownSnapshotAbandoned = bit(18)
  static let receivedSnapshotAbandoned = bit(19)
  static let receivedSnapshotRestarted = bit(20)
  static let sectionSent = bit(21)
  /// A follower wanted a section of a snapshot that is not kept any more.
  static let sectionGone = bit(22)
  /// A newer snapshot was made while a section was being read.
  static let sectionOfOldSnapshot = bit(23)
  static let errandFailed = bit(24)
  static let errandOutlivedLeadership = bit(25)
  static let helloRefused = bit(26)
  static let helloExpired = bit(27)
  /// A connection was closed for bytes that break a rule.
  static let frameDamaged = bit(28)
  static let goodbyeReceived = bit(29)
  static let readsUnderLease = bit(30)
  /// A leader told a replica at which index its reads are linearizable.
  static let readsOnFollower = bit(31)
  /// A connection was closed because its replica came to be known with another folder.
  static let impostorDismissed = bit(32)
  /// A write was refused because the disk has no room for it.
  static let refusedForRoom = bit(33)
  /// A shard's data was not fetched for the same reason.
  static let errandPutOffForRoom = bit(34)
  /// The disk was full when a snapshot was written.
  static let snapshotWithoutRoom = bit(35)
  /// The second snapshot went because the folder grew too large.
  static let olderSnapshotDropped = bit(36)
  /// A leader's sections came faster than they were written.
  static let sectionRepliesHeld = bit(37)
  static let handedOverForRoom = bit(38)
  /// A file was read back and found damaged.
  package static let damageFound = bit(39)
  /// The damaged files are not needed any more.
  static let damageRepaired = bit(40)
  /// The state was found to be that of a quorum, at an index at which that was not known yet.
  static let statesAgreed = bit(41)
  /// It was found to be another than that of some other replica.
  package static let statesDiffered = bit(42)
}
