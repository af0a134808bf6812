import Basics
@testable import Journal
import Raft
import Simulation
import Testing

/// What a report says of folders, sound and damaged: the file, the byte, the index, and what the
/// next start does.
@Suite struct InspectionTests {
  private static let tiny: JournalSettings = {
    var settings = JournalSettings()
    settings.segmentBytes = 1_280
    return settings
  }()

  /// Several segments, a snapshot, and where each batch of the last segment ends.
  private func life(
    alone: Bool = false
  ) throws -> (disk: SimulatedDisk, ends: [Int], last: String) {
    var owner = identity
    if alone { owner.members = [identity.members[0]] }
    var disk = SimulatedDisk()
    try disk.perform(Journal.format(owner, settings: Self.tiny))
    var journal = try disk.recovered(Self.tiny).journal
    for index in 1...10 as ClosedRange<UInt64> {
      journal.append(
        hardState: HardState(term: Term(index / 4 + 1)),
        entries: [entry(index, term: index / 4 + 1)]
      )
      try disk.flush(&journal)
    }
    try disk.snapshot(
      &journal, snapshotMetadata(8, term: 3), sections: [[1, 2, 3], [4]], retainLogFrom: LogIndex(2)
    )
    try disk.flush(&journal)
    journal.leaveSegment()
    var ends: [Int] = []
    for index in 11...13 as ClosedRange<UInt64> {
      journal.append(hardState: nil, entries: [entry(index, term: 4)])
      try disk.flush(&journal)
      ends.append(journal.segments[journal.segments.count - 1].used)
    }
    return (disk, ends, journal.segments[journal.segments.count - 1].name)
  }

  private func report(_ disk: SimulatedDisk) throws -> JournalReport {
    try JournalReport(disk.reader, settings: Self.tiny)
  }

  private func start(_ report: JournalReport) throws -> JournalReport.Start {
    guard case .starts(let start) = report.outlook else {
      throw RecoveryError.unreadable(file: "the folder", reason: "\(report.outlook)")
    }
    return start
  }

  @Test func aSoundFolderIsShownAsItIs() throws {
    let (disk, ends, last) = try life()
    let report = try report(disk)
    #expect(report.findings.isEmpty && report.unreadable.isEmpty)
    #expect(report.identity == identity && report.identitiesAgree)
    #expect(report.segments.map(\.name) == disk.fileNames.filter { $0.hasPrefix("wal-") })
    #expect(report.segments.first?.indexes?.lowerBound == LogIndex(1))
    #expect(report.segments.last?.indexes == LogIndex(11)...LogIndex(13))
    #expect(report.segments.last?.terms == Term(4)...Term(4))
    #expect(report.segments.last?.batches == 3 && report.segments.last?.tail == .endMark)
    #expect(report.segments.last?.usedBytes == ends.last && report.segments.last?.name == last)
    #expect(report.segments.first?.tail == .sealed(next: 2))
    #expect(report.segments.reduce(0) { $0 + $1.entries } == 13)
    #expect(report.snapshots.map(\.sectionBytes) == [[3, 1]])
    #expect(report.snapshots.first?.metadata == snapshotMetadata(8, term: 3))
    let start = try start(report)
    #expect(start.last == EntryID(index: LogIndex(13), term: Term(4)) && start.repairs.isEmpty)
    #expect(start.snapshot?.index == LogIndex(8) && start.trust == Trust())
  }

  @Test func recordsAreShownOneByOne() throws {
    let (disk, _, last) = try life()
    let file = FolderReader.File(name: last, size: UInt64(disk.contents(of: last)?.count ?? 0))
    var stream = try RecordStream(disk.reader, file)
    var records: [RecordReport] = []
    while let record = try stream.next() { records.append(record) }
    #expect(records.filter { $0.type == "entry" }.map(\.index) == [11, 12, 13])
    #expect(records.allSatisfy { $0.problem == nil } && records.last?.type == "end")
    #expect(records.first?.offset == 120 && records.first?.length == 20)
    #expect(records.first?.kind == "command" && records.filter { $0.type == "commit" }.count == 3)
    // A body that is damaged is told, and what follows is shown all the same.
    var damaged = disk
    damaged.flipBit(of: last, at: (120 + 50) * 8)
    var again = try RecordStream(damaged.reader, file)
    #expect(try again.next()?.problem == "the body is damaged or cut short")
    #expect(try again.next()?.type == "commit")
  }

  /// Each kind of damage that docs/STORAGE.md names is found at its place.
  @Test func eachDamageIsFoundAtItsPlace() throws {
    let (disk, ends, last) = try life()
    let snapshot = try #require(disk.fileNames.first { $0.hasPrefix("snap-") })
    func find(
      _ file: String, _ offset: Int, _ index: UInt64?, _ consequence: String,
      _ damage: (inout SimulatedDisk) throws -> Void
    ) throws {
      var damaged = disk
      try damage(&damaged)
      let report = try report(damaged)
      let found = try #require(report.findings.first { $0.file == file }, "\(report.findings)")
      #expect(
        found.offset == UInt64(offset) && found.index == index.map { LogIndex($0) }, "\(found)")
      #expect(found.consequence.contains(consequence), "\(found)")
      #expect(!found.reason.isEmpty)
    }
    try find("identity", 0, nil, "written again") { $0.flipBit(of: "identity", at: 300) }
    try find("identity-copy", 0, nil, "written again") {
      try $0.perform([.remove("identity-copy")])
    }
    // The last batch: a tear, or damage since.
    try find(last, ends[1], 13, "in doubt") { $0.flipBit(of: last, at: (ends[1] + 60) * 8) }
    #expect(ends.count == 3)
    // One before another batch: acknowledged data.
    try find(last, ends[0], 12, "acknowledged data may be missing") {
      $0.flipBit(of: last, at: (ends[0] + 60) * 8)
    }
    // A header.
    try find(last, 0, 11, "in doubt") { $0.flipBit(of: last, at: 200) }
    // A missing segment is named.
    try find(last, 0, 11, "in doubt") { try $0.perform([.remove(last)]) }
    // The end of the file.
    try find(last, ends[2] + 48, nil, "nothing of the log is missing") {
      try $0.perform([.truncate(last, size: UInt64(ends[2] + 48))])
    }
    try find(last, ends[1], 13, "in doubt") {
      try $0.perform([.truncate(last, size: UInt64(ends[1] + 60))])
    }
    // A snapshot, at the section.
    let start = try #require(disk.contents(of: snapshot)).count - 24 - 17
    try find(snapshot, start, nil, "kept aside") { $0.flipBit(of: snapshot, at: (start + 16) * 8) }
  }

  /// Damage in front of what a snapshot holds loses nothing, and is found all the same.
  @Test func damageThatASnapshotCoversIsFound() throws {
    let (disk, _, _) = try life()
    let first = FileNames.segment(1)
    var damaged = disk
    damaged.flipBit(of: first, at: (120 + 60) * 8)
    let report = try report(damaged)
    let found = try #require(report.findings.first)
    #expect(found.file == first && found.offset == 168 && found.index == LogIndex(1))
    #expect(found.consequence.contains("a snapshot has what it held"))
    #expect(try start(report).trust == Trust())
  }

  @Test func aLoneReplicaIsSaidToBeRefused() throws {
    let (disk, ends, last) = try life(alone: true)
    var damaged = disk
    // Without the snapshot, whose membership has others.
    try damaged.perform([.remove(try #require(disk.fileNames.first { $0.hasPrefix("snap-") }))])
    damaged.flipBit(of: last, at: (ends[0] + 60) * 8)
    let report = try report(damaged)
    guard case .refused(.corrupt(let file, _, _, _)) = report.outlook else {
      Issue.record("it starts")
      return
    }
    #expect(report.findings.contains { $0.file == file })
    #expect(report.findings.allSatisfy { $0.consequence == "the replica refuses to start" })
  }

  /// Whatever bit changes: what recovery notices is found, and what it does not notice is not.
  @Test func everyFlippedBitIsFoundIfItMatters() throws {
    let (disk, _, _) = try life()
    for name in disk.fileNames where name != "lock" {
      let bytes = try #require(disk.contents(of: name))
      let content = (bytes.lastIndex { $0 != 0 } ?? 0) + 1
      for bit in 0..<content * 8 where bit % 8 == bit / 8 % 8 {
        var damaged = disk
        damaged.flipBit(of: name, at: bit)
        let report = try report(damaged)
        let start = try start(report)
        let isNoticed = !start.notes.isEmpty || !start.repairs.isEmpty
        #expect(report.findings.isEmpty == !isNoticed, "\(name) bit \(bit): \(report.findings)")
        #expect(
          !isNoticed || report.findings.contains { $0.file == name },
          "\(name) bit \(bit): \(report.findings)")
      }
    }
  }

  @Test func otherFilesAreNamed() throws {
    var (disk, _, _) = try life()
    for name in [
      "notes.txt", "wal-0000000000000009.log.broken", "snap-x.tmp", "spare-0000000000000002",
    ] {
      try disk.perform([.create(name), .sync(name)])
    }
    let report = try report(disk)
    #expect(report.findings.isEmpty)
    #expect(try start(report).last.index == LogIndex(13))
    func kind(_ name: String) -> JournalReport.OtherFile.Kind? {
      report.others.first { $0.name == name }?.kind
    }
    #expect(kind("notes.txt") == .unknown && kind("wal-0000000000000009.log.broken") == .keptAside)
    #expect(kind("snap-x.tmp") == .unfinished && kind("spare-0000000000000002") == .unfitSpare)
  }

  @Test func anOrderToGiveUpIsNamed() throws {
    var (disk, _, _) = try life()
    try disk.perform(Journal.orderDiscard)
    let report = try report(disk)
    #expect(report.others.map(\.kind).contains(.discard) && report.findings.isEmpty)
    #expect(try start(report).last == .zero && start(report).trust.cause == .damage)
  }

  @Test func anotherReplicasFilesAreFound() throws {
    var (disk, _, last) = try life()
    var other = identity
    other.replica = ReplicaID(rawValue: 99)
    try disk.perform(
      [.remove(last)] + renamed(Journal.format(other, settings: Self.tiny), to: last))
    let report = try report(disk)
    #expect(report.findings.contains { $0.file == last && $0.reason.contains("another") })
    if case .starts = report.outlook { Issue.record("it starts") }
  }

  /// The first segment of a new folder under another name.
  private func renamed(_ effects: [FileEffect], to name: String) -> [FileEffect] {
    effects.prefix(2).map { effect in
      if case .write(_, let offset, let bytes) = effect {
        return .write(name, offset: offset, bytes: bytes)
      }
      return .create(name)
    } + [.sync(name)]
  }

  /// What a running process was writing is gone at the second look; damage stays.
  @Test func aSecondLookConfirmsDamageAlone() throws {
    let (disk, ends, last) = try life()
    var torn = disk
    torn.flipBit(of: last, at: (ends[1] + 60) * 8)
    let first = try report(torn)
    #expect(first.findings.count == 1 && first.findings.allSatisfy(\.isTornTail))
    #expect(first.confirmed(by: try report(disk)).findings.isEmpty)
    #expect(first.confirmed(by: try report(torn)).findings == first.findings)
  }

  @Test func emptyFoldersHoldNoReplica() throws {
    #expect(throws: RecoveryError.notInitialised) { try report(SimulatedDisk()) }
  }
}
