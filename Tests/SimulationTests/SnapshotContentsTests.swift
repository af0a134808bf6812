import Basics
import Journal
import Raft
import ShardKVServer
import ShardMap
import Simulation
import Testing

/// The state in a snapshot, from nothing but its file.
@Suite struct SnapshotContentsTests {
  private static func identity(_ group: UInt32) throws -> ReplicaIdentity {
    ReplicaIdentity(
      cluster: ClusterID(rawValue: 1), group: GroupID(group),
      groupIdentity: GroupIdentity(rawValue: 2), replica: ReplicaID(rawValue: 3),
      members: [ReplicaAddress(id: ReplicaID(rawValue: 3), peer: "h:1")],
      layout: try #require(ShardLayout(mapping: .firstByte, shardCount: 6)))
  }

  /// Writes a snapshot of these sections, or of the state of a new machine.
  private func written(
    _ group: UInt32, _ sections: [[UInt8]]? = nil
  ) throws -> (report: SnapshotReport, disk: SimulatedDisk) {
    let identity = try Self.identity(group)
    var disk = SimulatedDisk()
    for effect in Journal.format(identity, settings: JournalSettings()) { try disk.execute(effect) }
    let journal = try Journal.recover(disk.reader, settings: JournalSettings()).journal
    let last = EntryID(index: LogIndex(7), term: Term(2))
    var writer = journal.snapshotWriter(
      SnapshotMetadata(
        last: last, stamp: 9, membership: Membership(voters: [identity.replica]),
        membershipIndex: LogIndex(1)))
    var effects = [writer.create()] + writer.begin()
    for section in try sections ?? Self.sections(identity) { effects += writer.add(section) }
    for effect in effects + writer.finish() { try disk.execute(effect) }
    let file = try #require(try disk.reader.list().first { $0.name.hasPrefix("snap-") })
    return (try SnapshotReport(disk.reader, file), disk)
  }

  private static func sections(_ identity: ReplicaIdentity) throws -> [[UInt8]] {
    var capture: any SnapshotCapture =
      identity.group == .none
      ? ControllerService(identity: identity, settings: NodeSettings()).capture()
      : ShardGroupService(identity: identity, settings: NodeSettings()).capture()
    var sections: [[UInt8]] = []
    var section: [UInt8] = []
    while capture.nextSection(into: &section) { sections.append(section) }
    return sections
  }

  @Test func theStateIsRestored() throws {
    let (group, disk) = try written(4)
    #expect(group.problem == nil && group.group == GroupID(4))
    guard case .shards(let shards) = try SnapshotContents(group, disk.reader) else {
      Issue.record("no state of a group")
      return
    }
    #expect(shards.configuration == .zero && shards.shards.isEmpty)
    #expect(shards.layout.shardCount == 6)
    let (controllers, other) = try written(0)
    guard case .controllers(let state) = try SnapshotContents(controllers, other.reader) else {
      Issue.record("no state of controllers")
      return
    }
    #expect(state.configuration.number == .zero && state.registeredCount == 0)
  }

  /// All bytes are as they were written, and no state can be made of them.
  @Test func aStateThatNobodyWritesIsTold() throws {
    let group = try Self.sections(Self.identity(4))
    let broken: [[[UInt8]]] = [[], [[1, 2, 3]], group + group, [group[0] + [9]]]
    for (number, sections) in broken.enumerated() {
      for owner in [0, 4] as [UInt32] {
        let (report, disk) = try written(owner, sections)
        #expect(report.problem == nil)
        #expect(throws: SnapshotContents.Problem.self, "\(number) of group \(owner)") {
          try SnapshotContents(report, disk.reader)
        }
      }
    }
    // A controller's state in a group's snapshot.
    let (report, disk) = try written(4, Self.sections(Self.identity(0)))
    #expect(throws: SnapshotContents.Problem.self) { try SnapshotContents(report, disk.reader) }
  }
}
