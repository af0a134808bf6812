import Basics
import Fuzzing
import Journal
import Raft
import ShardCtrler
import ShardKV
import ShardKVServer
import ShardMap

/// A small folder as a node leaves it, and everything that was ever written into it.
struct Life {
  var folder = FolderBytes()
  /// Each entry that was ever appended.
  var entries: Set<Entry> = []

  /// Segments of a few batches.
  static let settings: JournalSettings = {
    var settings = JournalSettings()
    settings.segmentBytes = 1_280
    return settings
  }()

  /// A random life. Throws if the journal asks for what no folder can do, or cannot be read.
  init(_ random: inout SeededGenerator) throws(Finding) {
    let isAlone = random.chance(0.3)
    let identity = Self.identity(replicas: isAlone ? 1 : 3, isController: random.chance(0.3))
    try folder.perform(Journal.format(identity, settings: Self.settings))
    var journal = try Self.recovered(folder).journal
    var term: UInt64 = 1
    var appended = LogIndex.zero
    for _ in 0..<random.next(in: 0...14) {
      let at = EntryID(index: appended, term: Term(term))
      if random.chance(0.15), appended > .zero {
        try snapshot(&journal, at, identity, &random)
        continue
      }
      if random.chance(0.06) { try doubt(&journal) }
      if random.chance(0.06), appended > .zero {
        appended = try receive(&journal, at, identity, &random)
        continue
      }
      if random.chance(0.3) { term += 1 }
      // Now and then what is not committed is replaced.
      let first =
        random.chance(0.1) && appended > LogIndex(1) && journal.newestSnapshot == nil
        ? appended : appended.next
      let new = Self.entries(from: first, term, identity, &random)
      entries.formUnion(new)
      let hardState = HardState(
        term: Term(term), vote: random.chance(0.5) ? identity.replica : nil)
      journal.append(hardState: hardState, entries: new)
      appended = new.last?.index ?? appended
      try flush(&journal)
    }
  }

  static func recovered(_ folder: FolderBytes) throws(Finding) -> Recovery {
    do throws(RecoveryError) {
      return try Journal.recover(folder.reader, settings: settings)
    } catch {
      throw Finding(description: "a folder that nobody damaged is refused: \(error)")
    }
  }

  private mutating func flush(_ journal: inout Journal) throws(Finding) {
    let (writes, syncs) = journal.flush()
    try folder.perform(writes + syncs)
  }

  private mutating func snapshot(
    _ journal: inout Journal, _ last: EntryID, _ identity: ReplicaIdentity,
    _ random: inout SeededGenerator
  ) throws(Finding) {
    let metadata = SnapshotMetadata(
      last: last, stamp: 1_000 + last.index.rawValue,
      membership: Membership(first: identity.members, isJoiner: false), membershipIndex: .zero)
    var writer = journal.snapshotWriter(metadata)
    try folder.perform([writer.create()] + writer.begin())
    for section in Self.sections(identity, &random) { try folder.perform(writer.add(section)) }
    try folder.perform(writer.finish())
    journal.snapshotIsDurable(writer.written, retainLogFrom: last.index)
    try flush(&journal)
  }

  /// A state of its machine, or bytes that are none.
  private static func sections(
    _ identity: ReplicaIdentity, _ random: inout SeededGenerator
  ) -> [[UInt8]] {
    if random.chance(0.3) {
      return (0..<random.next(in: 0...3)).map { _ in random.bytes(random.next(in: 0...200)) }
    }
    if identity.group == .none {
      return StateSamples.sections(ControllerMachine(layout: identity.layout))
    }
    return StateSamples.sections(
      ShardGroupMachine(
        group: identity.group, identity: identity.groupIdentity, layout: identity.layout))
  }

  /// A snapshot of a leader replaces the log; gives where it ends.
  private mutating func receive(
    _ journal: inout Journal, _ last: EntryID, _ identity: ReplicaIdentity,
    _ random: inout SeededGenerator
  ) throws(Finding) -> LogIndex {
    let ahead = EntryID(index: LogIndex(last.index.rawValue + 5), term: last.term)
    try snapshot(&journal, ahead, identity, &random)
    journal.resetLog(to: ahead)
    try flush(&journal)
    return ahead.index
  }

  /// A doubt that is settled later, or not.
  private mutating func doubt(_ journal: inout Journal) throws(Finding) {
    let doubts = journal.trust.doubts + (journal.trust.cause == nil ? 1 : 0)
    let cause: Trust.Cause? = journal.trust.cause == nil ? .tornTail : nil
    journal.append(hardState: nil, entries: [], trust: Trust(doubts: doubts, cause: cause))
    try flush(&journal)
  }

  private static func entries(
    from first: LogIndex, _ term: UInt64, _ identity: ReplicaIdentity,
    _ random: inout SeededGenerator
  ) -> [Entry] {
    (0..<UInt64(random.next(in: 1...4))).map { number in
      let index = first.rawValue + number
      if random.chance(0.1) {
        let membership = Membership(first: identity.members, isJoiner: false)
        return Entry(
          id: EntryID(index: LogIndex(index), term: Term(term)), kind: .membership,
          stamp: 1_000 + index, payload: membership.encoded())
      }
      // Zeros and the marks of the formats, as a client may store them.
      let payload =
        random.chance(0.2)
        ? [UInt8](repeating: 0, count: random.next(in: 0...600))
        : random.bytes(random.next(in: 0...90)) + Array("SKVRSKSC".utf8)
      return Entry(
        id: EntryID(index: LogIndex(index), term: Term(term)), kind: .command,
        stamp: 1_000 + index, payload: payload)
    }
  }

  private static func identity(replicas: Int, isController: Bool) -> ReplicaIdentity {
    let members = (0..<replicas).map { number in
      ReplicaAddress(
        id: ReplicaID(rawValue: 13 + UInt64(number)), peer: "127.0.0.1:\(7_001 + number)",
        redis: "", http: "")
    }
    guard let layout = ShardLayout(mapping: .slots, shardCount: 16) else {
      fatalError("invariant broken: 16 shards are a layout")
    }
    return ReplicaIdentity(
      cluster: ClusterID(rawValue: 11), group: isController ? .none : GroupID(3),
      groupIdentity: GroupIdentity(rawValue: 12),
      replica: ReplicaID(rawValue: 13), members: members, layout: layout)
  }
}
