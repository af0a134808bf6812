import Basics

/// What one replica of a group says to another.
package struct Message: Hashable, Sendable {
  package var from: ReplicaID
  package var to: ReplicaID
  /// The sender's term; in a PreVote, the term it would campaign in.
  package var term: Term
  package var body: Body

  package init(from: ReplicaID, to: ReplicaID, term: Term, body: Body) {
    self.from = from
    self.to = to
    self.term = term
    self.body = body
  }

  package enum Body: Hashable, Sendable {
    case voteRequest(VoteRequest)
    case voteReply(VoteReply)
    case append(AppendRequest)
    case appendReply(AppendReply)
    case snapshot(SnapshotChunk)
    case snapshotReply(SnapshotReply)
    /// A follower asks its leader for a ReadIndex.
    case readIndex(context: UInt64)
    /// The leader's confirmed index for a follower's ``readIndex(context:)``; `nil`: ask again.
    case readIndexReply(context: UInt64, index: LogIndex?)
    /// The leader asks a voter that is caught up to campaign at once (thesis §3.10).
    case timeoutNow
    /// The leader tells one that left the group: the membership that stands at this index, and is
    /// committed, is without it.
    case removed(at: LogIndex)
  }
}

package struct VoteRequest: Hashable, Sendable {
  /// The candidate's last entry.
  package var last: EntryID
  /// Asks without promising and without raising terms (thesis §9.6).
  package var isPreVote: Bool
  /// The leader itself asked for this election, so that a live leader is no reason to refuse.
  package var isTransfer: Bool
  /// The candidate's.
  package var trust: TrustReport

  package init(
    last: EntryID, isPreVote: Bool, isTransfer: Bool = false, trust: TrustReport = .sound
  ) {
    self.last = last
    self.isPreVote = isPreVote
    self.isTransfer = isTransfer
    self.trust = trust
  }
}

package struct VoteReply: Hashable, Sendable {
  package var isGranted: Bool
  package var isPreVote: Bool
  /// The voter's. A vote that is given in doubt counts only if everyone grants theirs.
  package var trust: TrustReport
  /// The candidate's doubts when it asked: one that has forgotten since what it asked for does not
  /// take this for an answer to another question.
  package var askedDoubts: UInt64
  /// Data that the voter acknowledged is known to be missing there. If everyone grants, those of
  /// whom that is not so must still be a quorum.
  package var isDamaged: Bool

  package init(
    isGranted: Bool, isPreVote: Bool, trust: TrustReport = .sound, askedDoubts: UInt64 = 0,
    isDamaged: Bool = false
  ) {
    self.isDamaged = isDamaged
    self.isGranted = isGranted
    self.isPreVote = isPreVote
    self.trust = trust
    self.askedDoubts = askedDoubts
  }
}

/// AppendEntries; without entries it is a heartbeat.
package struct AppendRequest: Hashable, Sendable {
  /// The entry before the first of `entries`.
  package var previous: EntryID
  package var entries: [Entry]
  package var commit: LogIndex
  /// Counts the leader's rounds of confirmation; the reply carries it back, and a quorum of replies
  /// of a round confirms every read that came before the round was sent (thesis §6.4).
  package var round: UInt64
  /// To a follower in doubt: how it is settled.
  package var settles: Settlement?

  package init(
    previous: EntryID, entries: [Entry], commit: LogIndex, round: UInt64,
    settles: Settlement? = nil
  ) {
    self.previous = previous
    self.entries = entries
    self.commit = commit
    self.round = round
    self.settles = settles
  }
}

package struct AppendReply: Hashable, Sendable {
  package enum Outcome: Hashable, Sendable {
    /// Everything up to this index is as the leader has it, and durable.
    case matched(LogIndex)
    /// `previous` (repeated here) is not in the log. `hint` is the largest entry of the follower
    /// that can match: its last entry, or the last one of a term not above `previous.term`.
    case conflict(previous: LogIndex, hint: EntryID)
    /// Heard, and nothing to say of the log yet: answers a heartbeat while the disk is busy, and
    /// entries for which there is no room.
    case heard
  }

  package var outcome: Outcome
  package var round: UInt64
  /// The follower's wall clock, milliseconds since 1970, for the replicated clock.
  package var wall: UInt64
  /// For how many milliseconds of its clock the follower elects nobody else, from when it heard
  /// what it answers; 0: it promises nothing. A lease counts only on promises that are long enough.
  package var promise: UInt64
  package var trust: TrustReport
  /// The follower's disk has room.
  package var hasRoom: Bool

  package init(
    outcome: Outcome, round: UInt64, wall: UInt64, promise: UInt64 = 0,
    trust: TrustReport = .sound, hasRoom: Bool = true
  ) {
    self.outcome = outcome
    self.round = round
    self.wall = wall
    self.promise = promise
    self.trust = trust
    self.hasRoom = hasRoom
  }
}

/// What a snapshot stands for.
package struct SnapshotMetadata: Hashable, Sendable {
  /// The last entry that the snapshot contains.
  package var last: EntryID
  /// The replicated clock at that entry.
  package var stamp: UInt64
  /// The membership at that entry, and the index of the entry that made it.
  package var membership: Membership
  package var membershipIndex: LogIndex

  package init(last: EntryID, stamp: UInt64, membership: Membership, membershipIndex: LogIndex) {
    self.last = last
    self.stamp = stamp
    self.membership = membership
    self.membershipIndex = membershipIndex
  }
}

/// One section of a snapshot. Sections are numbered from 0, can each be checked and decoded alone,
/// and are the same bytes on every replica that has the snapshot.
package struct SnapshotChunk: Hashable, Sendable {
  package var metadata: SnapshotMetadata
  package var section: Int
  package var bytes: [UInt8]
  package var isLast: Bool
  package var round: UInt64

  package init(
    metadata: SnapshotMetadata, section: Int, bytes: [UInt8], isLast: Bool, round: UInt64
  ) {
    self.metadata = metadata
    self.section = section
    self.bytes = bytes
    self.isLast = isLast
    self.round = round
  }
}

package struct SnapshotReply: Hashable, Sendable {
  /// The snapshot that is answered.
  package var snapshot: EntryID
  /// The section that the follower wants next.
  package var nextSection: Int
  package var round: UInt64
  package var wall: UInt64
  package var trust: TrustReport

  package init(
    snapshot: EntryID, nextSection: Int, round: UInt64, wall: UInt64, trust: TrustReport = .sound
  ) {
    self.snapshot = snapshot
    self.nextSection = nextSection
    self.round = round
    self.wall = wall
    self.trust = trust
  }
}
