import Basics
import Journal
import Raft
import Simulation
import Testing

@Suite struct SnapshotTests {
  private func filled(_ last: UInt64) throws -> (disk: SimulatedDisk, journal: Journal) {
    var disk = try SimulatedDisk.formatted()
    var journal = try disk.recovered().journal
    for index in 1...last {
      journal.append(hardState: nil, entries: [entry(index, term: 1, bytes: 100)])
      try disk.flush(&journal)
    }
    return (disk, journal)
  }

  private func read(
    _ disk: SimulatedDisk, _ journal: Journal, _ index: UInt64
  ) throws -> [[UInt8]] {
    var sections: [[UInt8]] = []
    let id = EntryID(index: LogIndex(index), term: Term(1))
    while let place = journal.readSection(sections.count, of: id) {
      sections.append(try Journal.decodeSection(try disk.read(place)))
    }
    return sections
  }

  @Test func sectionsAreReadBeforeAndAfterRecovery() throws {
    var (disk, journal) = try filled(9)
    let sections: [[UInt8]] = [Array(0..<200), [], [UInt8](repeating: 0, count: 5_000)]
    #expect(journal.newestSnapshot == nil)
    try disk.snapshot(
      &journal, snapshotMetadata(8, term: 1), sections: sections, retainLogFrom: LogIndex(8))
    try disk.flush(&journal)
    #expect(try read(disk, journal, 8) == sections)
    #expect(try read(disk, journal, 7).isEmpty)

    let recovery = try disk.recovered()
    #expect(recovery.snapshot?.metadata == snapshotMetadata(8, term: 1))
    #expect(recovery.snapshot?.sectionCount == 3)
    #expect(recovery.journal.newestSnapshot == recovery.snapshot)
    #expect(recovery.state.entries.last == entry(9, term: 1, bytes: 100))
    #expect(try read(disk, recovery.journal, 8) == sections)
    #expect(recovery.journal.snapshotBytes == journal.snapshotBytes)
  }

  /// After a crash before the log is reset to a leader's snapshot the replica goes on from it, and
  /// acknowledges it. If it is damaged by the next start, what is left is a whole log and an older
  /// snapshot, and yet not everything.
  @Test func aDamagedSnapshotBehindTheEndOfTheLogIsALoss() throws {
    var (disk, journal) = try filled(5)
    try disk.snapshot(
      &journal, snapshotMetadata(3, term: 1), sections: [[1]], retainLogFrom: LogIndex(2))
    try disk.flush(&journal)
    try disk.write(journal, snapshotMetadata(9, term: 2), sections: [[2]])
    let whole = try disk.recovered()
    #expect(whole.state.snapshot?.last.index == LogIndex(9) && whole.state.trust == Trust())
    let name = try #require(disk.fileNames.first { $0.hasPrefix("snap-0000000000000009") })
    let bits = try #require(disk.contents(of: name)).count * 8
    for bit in stride(from: 0, to: bits, by: 7) {
      var damaged = disk
      damaged.flipBit(of: name, at: bit)
      let found = try damaged.recovered()
      #expect(found.state.snapshot?.last.index == LogIndex(3), "bit \(bit)")
      #expect(found.state.entries.last?.index == LogIndex(5))
      #expect(found.state.trust.cause == .damage && found.state.trust.doubts == 1)
      #expect(found.state.hardState == HardState(term: Term(2)))
      try damaged.perform(found.repairs)
      try damaged.perform(found.syncs)
      let again = try damaged.recovered().state
      #expect(again.entries == found.state.entries && again.trust == found.state.trust)
    }
    // The log holds all that the newest of these ended with.
    var own = try filled(5)
    try own.disk.snapshot(
      &own.journal, snapshotMetadata(5, term: 1), sections: [[1]], retainLogFrom: LogIndex(1))
    let last = try #require(own.disk.fileNames.first { $0.hasPrefix("snap-") })
    own.disk.flipBit(of: last, at: 900)
    #expect(try own.disk.recovered().state.trust == Trust())
  }

  @Test func aDamagedSectionIsNoticedWhenRead() throws {
    var (disk, journal) = try filled(3)
    try disk.snapshot(
      &journal, snapshotMetadata(3, term: 1), sections: [[1, 2, 3]], retainLogFrom: LogIndex(3))
    let place = try #require(
      journal.readSection(0, of: EntryID(index: LogIndex(3), term: Term(1))))
    let bytes = try disk.read(place)
    for bit in 0..<bytes.count * 8 {
      var damaged = bytes
      damaged[bit / 8] ^= 1 << UInt8(bit % 8)
      #expect(throws: ByteError.self) { try Journal.decodeSection(damaged) }
    }
    for count in 0..<bytes.count {
      #expect(throws: ByteError.self) { try Journal.decodeSection(Array(bytes[..<count])) }
    }
  }

  @Test func oldFilesGoOnlyAfterTheMarkerIsDurable() throws {
    var (disk, journal) = try filled(60)
    for index in stride(from: 20, through: 60, by: 20) as StrideThrough<UInt64> {
      try disk.snapshot(
        &journal, snapshotMetadata(index, term: 1), sections: [[1]], retainLogFrom: LogIndex(index))
    }
    let before = disk.fileNames
    let (writes, syncs) = journal.flush()
    #expect(!(writes + syncs).contains { if case .remove = $0 { true } else { false } })
    try disk.perform(writes + syncs)
    #expect(disk.fileNames.filter { before.contains($0) } == before)

    try disk.flush(&journal)
    #expect(disk.fileNames.filter { $0.hasPrefix("snap-") }.count == 2)
    #expect(disk.fileNames.filter { $0.hasPrefix("wal-") }.count < before.count - 3)
    let recovery = try disk.recovered()
    #expect(recovery.state.snapshot?.last.index == LogIndex(60))
    #expect(recovery.repairs.isEmpty)
  }

  @Test func theOlderSnapshotStandsInForADamagedOne() throws {
    var (disk, journal) = try filled(60)
    for index in stride(from: 20, through: 50, by: 10) as StrideThrough<UInt64> {
      try disk.snapshot(
        &journal, snapshotMetadata(index, term: 1), sections: [[1], [2]],
        retainLogFrom: LogIndex(index))
      try disk.flush(&journal)
    }
    try disk.flush(&journal)
    let newest = try #require(disk.fileNames.last { $0.hasPrefix("snap-") })
    var damaged = disk
    damaged.flipBit(of: newest, at: 8 * 120)
    let recovery = try damaged.recovered()
    #expect(recovery.state.snapshot?.last.index == LogIndex(40))
    #expect(recovery.state.entries.last?.index == LogIndex(60))
    #expect(recovery.notes.count == 1)
    try damaged.perform(recovery.repairs)
    #expect(damaged.fileNames.contains(newest + ".broken"))
    #expect(try damaged.recovered().notes.isEmpty)

    let older = try #require(disk.fileNames.first { $0.hasPrefix("snap-") })
    damaged = disk
    damaged.flipBit(of: newest, at: 8 * 120)
    damaged.flipBit(of: older, at: 8 * 120)
    let without = try damaged.recovered()
    #expect(without.state.trust == Trust(doubts: 1, cause: .damage))
    #expect(without.state.snapshot == nil && without.state.entries.isEmpty)
    try disk.perform([.remove(newest), .remove(older), .syncFolder])
    #expect(try disk.recovered().state.trust == Trust(doubts: 1, cause: .damage))
  }

  @Test func anAbandonedSnapshotLeavesNothing() throws {
    var (disk, journal) = try filled(5)
    let before = disk.fileNames
    var writer = journal.snapshotWriter(snapshotMetadata(4, term: 1))
    try disk.perform([writer.create()] + writer.begin())
    try disk.perform(writer.add([1]))
    var crashed = disk.afterLosingEverythingUnsynced()
    try crashed.perform(try crashed.recovered().repairs)
    #expect(crashed.fileNames == before)
    try disk.perform([writer.abandon()])
    #expect(disk.fileNames == before)
  }

  /// The power was cut when a received snapshot was durable, and the log not yet reset to it, in a
  /// segment that is full.
  @Test func aSnapshotAheadOfAFullSegmentIsTaken() throws {
    for count in 1...40 as ClosedRange<UInt64> {
      let life = try filled(count)
      var disk = life.disk
      try disk.write(life.journal, snapshotMetadata(90, term: 3))
      let found = try disk.recovered()
      #expect(found.state.snapshot?.last.index == LogIndex(90) && found.state.entries.isEmpty)
      try disk.perform(found.repairs + found.syncs)
      var next = found.journal
      next.append(hardState: nil, entries: [entry(91, term: 4)])
      try disk.flush(&next)
      #expect(try disk.recovered().state.entries.last == entry(91, term: 4))
    }
  }

  /// A million writes of 256 bytes with a snapshot every 16 MiB stay within 64 MiB, here with all
  /// sizes divided by 64.
  @Test func theDiskStaysBounded() throws {
    var settings = JournalSettings()
    settings.segmentBytes = (4 << 20) / 64
    var disk = try SimulatedDisk.formatted(settings)
    var journal = try disk.recovered(settings).journal
    let state = (0..<10).map { _ in [UInt8](repeating: 1, count: 1_000) }
    var most = 0
    var index: UInt64 = 0
    for _ in 0..<1_600 {
      journal.append(
        hardState: nil, entries: (1...10).map { entry(index + $0, term: 1, bytes: 300) })
      index += 10
      try disk.flush(&journal)
      if journal.bytesSinceSnapshot > (16 << 20) / 64 {
        try disk.snapshot(
          &journal, snapshotMetadata(index, term: 1), sections: state,
          retainLogFrom: LogIndex(index - 100))
      }
      most = max(most, disk.totalBytes)
    }
    #expect(most < (56 << 20) / 64)
    #expect(journal.journalFileBytes + journal.snapshotBytes < UInt64(most))
  }
}
