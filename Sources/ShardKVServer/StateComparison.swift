import Basics
import Raft

/// What is known of the states of a group's replicas at the last fixed indexes, and what follows.
///
/// Nobody is in charge: each replica sends what it has to all others and judges for itself. It is
/// wrong if replicas that are a quorum without it have another state, all the same.
struct StateComparison: Sendable {
  /// Digests that are kept of each replica, this one included: others are late or early by less.
  static let keptMax = 4

  /// What was found out, each once.
  enum Finding: Hashable, Sendable {
    /// A quorum, this replica included, has the same state there.
    case agreed(LogIndex)
    /// It has, and another replica has another.
    case differs(ReplicaID, LogIndex, parts: [Int])
    /// Some have another state than this replica, and no quorum has the same.
    case split(LogIndex, [ReplicaID], parts: [Int])
    /// A quorum, of these others, has another state than this replica.
    case wrong(LogIndex, [ReplicaID], parts: [Int])
  }

  /// The newest index at which something was found out.
  struct Last: Hashable, Sendable {
    var index: LogIndex
    var agreeing: Int
    var isSplit: Bool
  }

  private struct Own: Sendable {
    var digest: StateDigest
    var isAgreed = false
    var isSplit = false
    /// Of whom it was told that they differ.
    var told: [ReplicaID] = []
  }

  /// The index whose state is being hashed.
  var hashing: LogIndex?
  /// Of a leader: an entry is to be made whose index is a fixed one.
  var isDue = false
  /// When to look for that again, monotonic nanoseconds.
  var nextLook: UInt64 = 0
  private(set) var last: Last?
  /// Oldest first, as those of others.
  private var own: [Own] = []
  private var others: [ReplicaID: [StateReport]] = [:]

  /// The digest of this replica that was made last.
  var newest: StateDigest? { own.last?.digest }

  mutating func add(own digest: StateDigest) {
    own.append(Own(digest: digest))
    if own.count > Self.keptMax { own.removeFirst() }
  }

  /// Takes what another replica says; that of replicas that are no members any more is forgotten.
  mutating func add(_ report: StateReport, of replica: ReplicaID, in membership: Membership) {
    others = others.filter { membership.includes($0.key) }
    guard membership.includes(replica) else { return }
    var reports = others[replica] ?? []
    reports.removeAll { $0.digest.index == report.digest.index }
    reports.append(report)
    if reports.count > Self.keptMax { reports.removeFirst() }
    others[replica] = reports
  }

  /// The state was replaced by another's: what it was before is nobody's any more.
  mutating func forgetOwn() {
    own = []
    hashing = nil
  }

  /// What follows now and did not before, from the oldest index on.
  mutating func judge(
    _ replica: ReplicaID, isInDoubt: Bool, in membership: Membership
  ) -> [Finding] {
    var findings: [Finding] = []
    for place in own.indices {
      findings += judge(place, replica, isInDoubt: isInDoubt, membership)
    }
    return findings
  }

  private mutating func judge(
    _ place: Int, _ replica: ReplicaID, isInDoubt: Bool, _ membership: Membership
  ) -> [Finding] {
    let digest = own[place].digest
    let reports = reports(comparableWith: digest, membership, besides: replica)
    let agreeing = reports.filter { $0.report.digest == digest }
    let differing = reports.filter { $0.report.digest != digest }
    var sound = agreeing.filter { !$0.report.isInDoubt }.map(\.replica)
    if !isInDoubt { sound.append(replica) }
    if Quorum.holds(membership, agrees: { sound.contains($0) }) {
      return agree(place, agreeing.count, differing, digest)
    }
    if let quorum = quorum(among: differing, membership) {
      return [
        .wrong(
          digest.index, quorum.map(\.replica),
          parts: digest.parts(differingFrom: quorum[0].report.digest))
      ]
    }
    // Another replica that is late may still decide it.
    let isOpen =
      place == own.count - 1
      && (membership.voters + membership.outgoing).contains { voter in
        voter != replica && !reports.contains { $0.replica == voter }
      }
    guard !differing.isEmpty, !isOpen, !own[place].isSplit else { return [] }
    own[place].isSplit = true
    note(Last(index: digest.index, agreeing: agreeing.count, isSplit: true))
    return [
      .split(
        digest.index, differing.map(\.replica),
        parts: digest.parts(differingFrom: differing[0].report.digest))
    ]
  }

  private mutating func agree(
    _ place: Int, _ count: Int, _ differing: [Said], _ digest: StateDigest
  ) -> [Finding] {
    note(Last(index: digest.index, agreeing: count, isSplit: false))
    var findings: [Finding] = []
    if !own[place].isAgreed {
      own[place].isAgreed = true
      findings.append(.agreed(digest.index))
    }
    for other in differing where !own[place].told.contains(other.replica) {
      own[place].told.append(other.replica)
      findings.append(
        .differs(
          other.replica, digest.index,
          parts: other.report.digest.parts(differingFrom: digest)))
    }
    return findings
  }

  private mutating func note(_ new: Last) {
    if new.index >= last?.index ?? .zero { last = new }
  }

  private struct Said {
    var replica: ReplicaID
    var report: StateReport
  }

  private func reports(
    comparableWith digest: StateDigest, _ membership: Membership, besides replica: ReplicaID
  ) -> [Said] {
    membership.everyone.filter { $0 != replica }.compactMap { other in
      others[other]?.last { $0.digest.isComparable(with: digest) }.map {
        Said(replica: other, report: $0)
      }
    }
  }

  /// Those that are a quorum and say the same, of replicas that say something else than this one.
  private func quorum(among differing: [Said], _ membership: Membership) -> [Said]? {
    for candidate in differing {
      let same = differing.filter {
        $0.report.digest == candidate.report.digest && !$0.report.isInDoubt
      }
      if Quorum.holds(membership, agrees: { voter in same.contains { $0.replica == voter } }) {
        return same
      }
    }
    return nil
  }
}
