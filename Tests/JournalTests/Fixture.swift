import Basics
import Journal
import Raft
import ShardMap
import Simulation

private let layout: ShardLayout = {
  guard let layout = ShardLayout(mapping: .slots, shardCount: 64) else { fatalError("64 shards") }
  return layout
}()

/// A replica's identity, with addresses of different lengths.
let identity = ReplicaIdentity(
  cluster: ClusterID(rawValue: 11), group: GroupID(3), groupIdentity: GroupIdentity(rawValue: 12),
  replica: ReplicaID(rawValue: 13),
  members: [
    ReplicaAddress(id: ReplicaID(rawValue: 13), peer: "127.0.0.1:7001", redis: "127.0.0.1:6379"),
    ReplicaAddress(id: ReplicaID(rawValue: 14), peer: "[::1]:7002", http: "[::1]:8080"),
  ], layout: layout)

let smallSegments: JournalSettings = {
  var settings = JournalSettings()
  settings.segmentBytes = 2_048
  return settings
}()

func entry(_ index: UInt64, term: UInt64, bytes: Int = 20, seed: UInt8 = 7) -> Entry {
  let payload = (0..<bytes).map { UInt8(truncatingIfNeeded: $0) &* seed &+ UInt8(index & 0xFF) }
  return Entry(
    id: EntryID(index: LogIndex(index), term: Term(term)), kind: .command, stamp: 1_000 + index,
    payload: payload)
}

func snapshotMetadata(_ index: UInt64, term: UInt64) -> SnapshotMetadata {
  SnapshotMetadata(
    last: EntryID(index: LogIndex(index), term: Term(term)), stamp: 1_000 + index,
    membership: Membership(
      voters: [ReplicaID(rawValue: 13), ReplicaID(rawValue: 14)],
      learners: [ReplicaID(rawValue: 15)]), membershipIndex: LogIndex(1))
}

extension SimulatedDisk {
  static func formatted(_ settings: JournalSettings = smallSegments) throws -> SimulatedDisk {
    var disk = SimulatedDisk()
    try disk.perform(Journal.format(identity, settings: settings))
    return disk
  }

  mutating func perform(_ effects: [FileEffect]) throws {
    for effect in effects { try execute(effect) }
  }

  func recovered(_ settings: JournalSettings = smallSegments) throws -> Recovery {
    try Journal.recover(reader, settings: settings)
  }

  /// Flushes and syncs.
  mutating func flush(_ journal: inout Journal) throws {
    let (writes, syncs) = journal.flush()
    try perform(writes)
    try perform(syncs)
  }

  /// Writes a whole snapshot and makes it known.
  mutating func snapshot(
    _ journal: inout Journal, _ metadata: SnapshotMetadata, sections: [[UInt8]],
    retainLogFrom: LogIndex
  ) throws {
    let written = try write(journal, metadata, sections: sections)
    journal.snapshotIsDurable(written, retainLogFrom: retainLogFrom)
  }

  /// Writes a whole snapshot, which is durable then.
  @discardableResult
  mutating func write(
    _ journal: Journal, _ metadata: SnapshotMetadata, sections: [[UInt8]] = []
  ) throws -> WrittenSnapshot {
    var writer = journal.snapshotWriter(metadata)
    try perform([writer.create()] + writer.begin())
    for section in sections { try perform(writer.add(section)) }
    try perform(writer.finish())
    return writer.written
  }
}
