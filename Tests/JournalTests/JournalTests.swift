import Basics
import Journal
import Raft
import ShardMap
import Simulation
import Testing

@Suite struct JournalTests {
  @Test func anEmptyJournalIsRecovered() throws {
    let recovery = try SimulatedDisk.formatted().recovered()
    #expect(recovery.identity == identity)
    #expect(recovery.state.entries.isEmpty)
    #expect(recovery.state.hardState == HardState())
    #expect(recovery.repairs.isEmpty && recovery.notes.isEmpty)
  }

  @Test func entriesAndVotesSurvive() throws {
    var disk = try SimulatedDisk.formatted()
    var journal = try disk.recovered().journal
    let vote = HardState(term: Term(2), vote: ReplicaID(rawValue: 14))
    let entries = (1...100).map { entry(UInt64($0), term: 2, bytes: $0 * 3 % 200) }
    for part in stride(from: 0, to: 100, by: 10) {
      journal.append(hardState: vote, entries: Array(entries[part..<part + 10]))
      try disk.flush(&journal)
    }
    let recovery = try disk.recovered()
    #expect(recovery.state.entries == entries)
    #expect(recovery.state.hardState == vote)
    #expect(recovery.repairs.isEmpty)
    #expect(disk.fileNames.count > 3, "the log should have several segments")
  }

  @Test func nothingBufferedAsksForNothing() throws {
    var journal = try SimulatedDisk.formatted().recovered().journal
    #expect(!journal.needsFlush)
    let (writes, syncs) = journal.flush()
    #expect(writes.isEmpty && syncs.isEmpty)
    journal.append(hardState: HardState(), entries: [])
    #expect(!journal.needsFlush, "unchanged promises are not written")
  }

  @Test func anEarlierIndexCutsTheLog() throws {
    var disk = try SimulatedDisk.formatted()
    var journal = try disk.recovered().journal
    journal.append(hardState: nil, entries: (1...9).map { entry($0, term: 1) })
    try disk.flush(&journal)
    journal.append(hardState: nil, entries: (4...5).map { entry($0, term: 2) })
    try disk.flush(&journal)
    let expected = (1...3).map { entry($0, term: 1) } + (4...5).map { entry($0, term: 2) }
    #expect(try disk.recovered().state.entries == expected)
  }

  @Test func largeEntriesOfZerosSurvive() throws {
    var disk = try SimulatedDisk.formatted()
    var journal = try disk.recovered().journal
    var large = entry(1, term: 1)
    large.payload = [UInt8](repeating: 0, count: 2 << 20)
    journal.append(hardState: nil, entries: [large, entry(2, term: 1)])
    try disk.flush(&journal)
    #expect(try disk.recovered().state.entries == [large, entry(2, term: 1)])
  }

  @Test func everyKillPointOfFormatIsTold() throws {
    let effects = Journal.format(identity, settings: smallSegments)
    for count in 0...effects.count {
      for seed in 0..<8 as Range<UInt64> {
        var disk = SimulatedDisk()
        try disk.perform(Array(effects.prefix(count)))
        var generator = SeededGenerator(seed: seed)
        disk.crash(&generator)
        do {
          let recovery = try disk.recovered()
          #expect(recovery.state.entries.isEmpty && recovery.identity == identity)
          #expect(count >= effects.count - 1)
        } catch let error as RecoveryError {
          #expect(count < effects.count)
          let isEmpty = disk.fileNames.isEmpty
          #expect(error == (isEmpty ? .notInitialised : .initialisationInterrupted))
        }
      }
    }
  }

  @Test func strangersAndNewerFormatsAreRefused() throws {
    var disk = try SimulatedDisk.formatted()
    var other = identity
    other.replica = ReplicaID(rawValue: 99)
    let name = try #require(disk.fileNames.first { $0.hasPrefix("wal-") })
    for effect in Journal.format(other, settings: smallSegments).prefix(3) {
      if case .write(_, let offset, let bytes) = effect {
        try disk.perform([.write(name, offset: offset, bytes: bytes)])
      }
    }
    #expect(throws: RecoveryError.foreign(file: name)) { try disk.recovered() }
  }

  /// Spares come from old segments and are made ahead, late at times; each is used once.
  @Test(arguments: 0..<8 as Range<UInt64>) func sparesAreUsedOnce(seed: UInt64) throws {
    var generator = SeededGenerator(seed: seed)
    var disk = try SimulatedDisk.formatted()
    var journal = try disk.recovered().journal
    var making: String?
    for index in 1...400 as ClosedRange<UInt64> {
      let bytes = generator.next(in: 0...600)
      journal.append(hardState: nil, entries: [entry(index, term: 1, bytes: bytes)])
      try disk.flush(&journal)
      if let name = making, generator.chance(0.2) {
        try disk.perform(Journal.makeSpare(name, smallSegments))
        journal.add(spare: name)
        making = nil
      } else if making == nil {
        making = journal.wantedSpare
      }
      guard generator.chance(0.1) else { continue }
      try disk.snapshot(
        &journal, snapshotMetadata(index, term: 1), sections: [], retainLogFrom: LogIndex(index))
    }
    #expect(try disk.recovered().state.trust == Trust())
  }

  /// A spare that an earlier life made is being turned into a segment while the next one is made.
  @Test func aSpareHasANameOfItsOwn() throws {
    var disk = try SimulatedDisk.formatted()
    var journal = try disk.recovered().journal
    journal.append(hardState: nil, entries: [entry(1, term: 1, bytes: 1_200)])
    try disk.flush(&journal)
    let first = try #require(journal.wantedSpare)
    try disk.perform(Journal.makeSpare(first, smallSegments))

    journal = try disk.recovered().journal
    journal.append(hardState: nil, entries: [entry(2, term: 1, bytes: 1_200)])
    let (writes, syncs) = journal.flush()
    let second = try #require(journal.wantedSpare)
    #expect(second != first)
    try disk.perform(Journal.makeSpare(second, smallSegments))
    journal.add(spare: second)
    try disk.perform(writes + syncs)
    journal.append(hardState: nil, entries: [entry(3, term: 1, bytes: 1_200)])
    try disk.flush(&journal)
    #expect(try disk.recovered().state.entries.count == 3)
  }

  /// What waits for a sync under way is more than the segment has room for, and the disk is full:
  /// no file may become longer.
  @Test func whatWaitsMakesNoSegmentLonger() throws {
    var disk = try SimulatedDisk.formatted()
    for number in 1...2 as ClosedRange<UInt64> {
      try disk.perform(Journal.makeSpare("spare-000000000000000\(number)", smallSegments))
    }
    var recovery = try disk.recovered()
    try disk.perform(recovery.repairs)
    disk.capacity = disk.totalBytes
    var entries: [Entry] = []
    for batch in 0..<4 as Range<UInt64> {
      let new = (1...3 as ClosedRange<UInt64>).map { entry(3 * batch + $0, term: 1, bytes: 300) }
      recovery.journal.append(hardState: nil, entries: new)
      entries += new
    }
    try disk.flush(&recovery.journal)
    #expect(try disk.recovered().state.entries == entries)
    #expect(try disk.recovered().state.trust == Trust())
    #expect(disk.fileNames.filter { $0.hasPrefix("wal-") }.count == 3)
  }

  @Test func aMissingSegmentEndsTheLogBeforeIt() throws {
    var disk = try SimulatedDisk.formatted()
    var journal = try disk.recovered().journal
    for index in 1...80 as ClosedRange<UInt64> {
      journal.append(hardState: nil, entries: [entry(index, term: 1)])
      try disk.flush(&journal)
    }
    let segments = disk.fileNames.filter { $0.hasPrefix("wal-") }
    #expect(segments.count > 3)
    for segment in segments {
      var damaged = disk
      try damaged.perform([.remove(segment), .syncFolder])
      let found = try damaged.recovered()
      #expect(found.state.trust == Trust(doubts: 1, cause: .damage), "without \(segment)")
      #expect(found.state.entries.count < 80)
    }
  }
}
