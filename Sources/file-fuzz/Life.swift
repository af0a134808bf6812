import Basics
import Fuzzing
import Journal
import Raft
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
    let identity = Self.identity(replicas: isAlone ? 1 : 3)
    try folder.perform(Journal.format(identity, settings: Self.settings))
    var journal = try Self.recovered(folder).journal
    var term: UInt64 = 1
    var appended = LogIndex.zero
    for _ in 0..<random.next(in: 0...14) {
      if random.chance(0.15), appended > .zero {
        let at = EntryID(index: appended, term: Term(term))
        try snapshot(&journal, at, voters: identity.members.map(\.id), &random)
        continue
      }
      if random.chance(0.3) { term += 1 }
      // Now and then what is not committed is replaced.
      let first =
        random.chance(0.1) && appended > LogIndex(1) && journal.newestSnapshot == nil
        ? appended : appended.next
      let new = Self.entries(from: first, term, &random)
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
    _ journal: inout Journal, _ last: EntryID, voters: [ReplicaID],
    _ random: inout SeededGenerator
  ) throws(Finding) {
    let metadata = SnapshotMetadata(
      last: last, stamp: 1_000 + last.index.rawValue, membership: Membership(voters: voters),
      membershipIndex: .zero)
    var writer = journal.snapshotWriter(metadata)
    try folder.perform([writer.create()] + writer.begin())
    for _ in 0..<random.next(in: 0...3) {
      try folder.perform(writer.add(random.bytes(random.next(in: 0...200))))
    }
    try folder.perform(writer.finish())
    journal.snapshotIsDurable(writer.written, retainLogFrom: last.index)
    try flush(&journal)
  }

  private static func entries(
    from first: LogIndex, _ term: UInt64, _ random: inout SeededGenerator
  ) -> [Entry] {
    (0..<UInt64(random.next(in: 1...4))).map { number in
      let index = first.rawValue + number
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

  private static func identity(replicas: Int) -> ReplicaIdentity {
    let members = (0..<replicas).map { number in
      ReplicaAddress(
        id: ReplicaID(rawValue: 13 + UInt64(number)), peer: "127.0.0.1:\(7_001 + number)",
        redis: "", http: "")
    }
    guard let layout = ShardLayout(mapping: .slots, shardCount: 16) else {
      fatalError("invariant broken: 16 shards are a layout")
    }
    return ReplicaIdentity(
      cluster: ClusterID(rawValue: 11), group: GroupID(3),
      groupIdentity: GroupIdentity(rawValue: 12),
      replica: ReplicaID(rawValue: 13), members: members, layout: layout)
  }
}
