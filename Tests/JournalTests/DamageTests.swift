import Basics
@testable import Journal
import Raft
import Simulation
import Testing

/// Damage must leave the log as it was, or end it before what is damaged and say that it is in
/// doubt; it must never take something away without saying so, and never stop the process.
@Suite struct DamageTests {
  private static let tiny: JournalSettings = {
    var settings = JournalSettings()
    settings.segmentBytes = 1_280
    return settings
  }()

  /// Several segments, a cut, votes, a snapshot, and a last batch with zeros in it.
  private func life() throws -> SimulatedDisk {
    var disk = try SimulatedDisk.formatted(Self.tiny)
    var journal = try disk.recovered(Self.tiny).journal
    for index in 1...5 as ClosedRange<UInt64> {
      journal.append(
        hardState: HardState(term: Term(index), vote: ReplicaID(rawValue: 13)),
        entries: [entry(index, term: index, bytes: 40)])
      try disk.flush(&journal)
    }
    journal.append(hardState: nil, entries: [entry(4, term: 6)])
    try disk.flush(&journal)
    try disk.snapshot(
      &journal, snapshotMetadata(3, term: 3), sections: [[1, 2, 3], [], [4]],
      retainLogFrom: LogIndex(2))
    var last = entry(5, term: 6)
    last.payload = [UInt8](repeating: 0, count: 100)
    journal.append(hardState: nil, entries: [last])
    try disk.flush(&journal)
    return disk
  }

  /// Whether what was recovered is what was there, or a beginning of it, known to be one.
  private func check(
    _ found: Recovery, of damaged: SimulatedDisk, against whole: Recovery, _ what: String,
    isRepaired: Bool = true
  ) throws {
    let isWhole =
      found.state.entries == whole.state.entries && found.state.snapshot == whole.state.snapshot
      && found.state.hardState == whole.state.hardState
    let covered = found.state.snapshot?.last.index ?? .zero
    #expect(found.identity == whole.identity)
    for entry in found.state.entries {
      #expect(
        whole.state.entries.contains(entry) || entry.index <= LogIndex(5), "\(what): \(entry.id)")
    }
    #expect(
      isWhole || found.state.trust.cause != nil || covered >= LogIndex(3)
        || found.state.entries.first?.index == LogIndex(1), "\(what)")
    if found.state.trust.cause == nil {
      let last = found.state.entries.last?.id ?? found.state.snapshot?.last
      #expect(last == whole.state.entries.last?.id, "\(what)")
      #expect(found.state.hardState == whole.state.hardState, "\(what)")
    } else {
      #expect(!found.notes.isEmpty && found.state.trust.doubts >= 1)
    }
    guard isRepaired else { return }
    var repaired = damaged
    try repaired.perform(found.repairs)
    try repaired.perform(found.syncs)
    let again = try repaired.recovered(Self.tiny)
    #expect(again.state.trust == found.state.trust, "\(what)")
    #expect(again.state.entries == found.state.entries, "\(what)")
    #expect(again.state.hardState == found.state.hardState, "\(what)")
  }

  @Test func everyFlippedBitIsFoundOrHarmless() throws {
    let disk = try life()
    let whole = try disk.recovered(Self.tiny)
    #expect(whole.state.trust == Trust())
    var doubted = 0
    for name in disk.fileNames {
      let bytes = try #require(disk.contents(of: name))
      let content = (bytes.lastIndex { $0 != 0 } ?? 0) + 1
      // Behind the content all bits of a byte are alike.
      for bit in 0..<bytes.count * 8 where bit / 8 < content || bit % 8 == bit / 8 % 8 {
        var damaged = disk
        damaged.flipBit(of: name, at: bit)
        let found = try damaged.recovered(Self.tiny)
        doubted += found.state.trust.cause == nil ? 0 : 1
        try check(
          found, of: damaged, against: whole, "\(name) bit \(bit)", isRepaired: bit % 64 == 0)
      }
    }
    #expect(doubted > 1_000)
  }

  @Test func everyTruncationIsFoundOrHarmless() throws {
    let disk = try life()
    let whole = try disk.recovered(Self.tiny)
    for name in disk.fileNames {
      let size = try #require(disk.contents(of: name)).count
      for length in 0..<size {
        var damaged = disk
        try damaged.perform([.truncate(name, size: UInt64(length)), .sync(name)])
        let found = try damaged.recovered(Self.tiny)
        try check(found, of: damaged, against: whole, "\(name) cut to \(length)")
      }
    }
  }

  @Test func aMissingFileIsFoundOrHarmless() throws {
    let disk = try life()
    let whole = try disk.recovered(Self.tiny)
    for name in disk.fileNames where name != "identity" {
      var damaged = disk
      try damaged.perform([.remove(name), .syncFolder])
      try check(try damaged.recovered(Self.tiny), of: damaged, against: whole, "without \(name)")
    }
  }

  /// Who is a whole group by itself has nobody to ask, and is told where the damage is.
  @Test func aSingleReplicaIsRefusedWithDamageAndNotWithATear() throws {
    var alone = identity
    alone.members = [identity.members[0]]
    var disk = SimulatedDisk()
    try disk.perform(Journal.format(alone, settings: smallSegments))
    var journal = try disk.recovered().journal
    var ends: [Int] = []
    for index in 1...3 as ClosedRange<UInt64> {
      journal.append(hardState: nil, entries: [entry(index, term: 1)])
      try disk.flush(&journal)
      ends.append(Int(journal.journalBytes))
    }
    let name = try #require(disk.fileNames.last)
    var damaged = disk
    damaged.flipBit(of: name, at: (ends[0] + 60) * 8)
    #expect(
      throws: RecoveryError.corrupt(
        file: name, offset: UInt64(ends[0]), index: LogIndex(2),
        reason: "later records follow at byte \(ends[1])")
    ) { try damaged.recovered() }
    var torn = disk
    torn.flipBit(of: name, at: (ends[1] + 60) * 8)
    let found = try torn.recovered()
    #expect(found.state.trust == Trust(doubts: 1, cause: .tornTail))
    #expect(found.state.entries.count == 2)
  }

  /// Doubts are counted over damage upon damage, last until they are settled, and go on into later
  /// segments.
  @Test func doubtLastsUntilItIsSettled() throws {
    var disk = try life()
    let name = try #require(disk.fileNames.last { $0.hasPrefix("wal-") })
    disk.flipBit(of: name, at: 130 * 8)
    for doubt in 1...3 as ClosedRange<UInt64> {
      let found = try disk.recovered(Self.tiny)
      #expect(found.state.trust.doubts == doubt && found.state.trust.cause != nil)
      try disk.perform(found.repairs)
      var journal = found.journal
      let next = (found.state.entries.last?.id.index ?? LogIndex(3)).next.rawValue
      for index in next..<next + 20 {
        journal.append(hardState: nil, entries: [entry(index, term: 9)])
        try disk.flush(&journal)
      }
      #expect(try disk.recovered(Self.tiny).state.trust == found.state.trust)
      if doubt == 2 {
        journal.append(hardState: nil, entries: [], trust: Trust(doubts: doubt))
        try disk.flush(&journal)
        let settled = try disk.recovered(Self.tiny)
        #expect(settled.state.trust == Trust(doubts: doubt) && settled.repairs.isEmpty)
      }
      let newest = try #require(
        disk.fileNames.last { $0.hasPrefix("wal-") && $0.hasSuffix(".log") })
      disk.flipBit(of: newest, at: 124 * 8)
    }
  }

  /// A segment that is used again holds whole records of its former life behind its end.
  @Test func recordsOfAFormerLifeAreNotRead() throws {
    var disk = try SimulatedDisk.formatted(smallSegments)
    var journal = try disk.recovered(smallSegments).journal
    var madeAnew = 0
    for index in 1...200 as ClosedRange<UInt64> {
      journal.append(hardState: nil, entries: [entry(index, term: 1, bytes: Int(index) % 90)])
      let (writes, syncs) = journal.flush()
      madeAnew += writes.count { if case .create = $0 { true } else { false } }
      try disk.perform(writes + syncs)
      if index % 10 == 0 {
        try disk.snapshot(
          &journal, snapshotMetadata(index, term: 1), sections: [[1]],
          retainLogFrom: LogIndex(index))
      }
      let found = try disk.recovered(smallSegments)
      #expect(found.state.trust == Trust(), "after \(index)")
      #expect(found.state.entries.last == entry(index, term: 1, bytes: Int(index) % 90))
    }
    #expect(madeAnew < 20, "\(madeAnew) segments were made anew")
    #expect(disk.fileNames.count { $0.hasPrefix("spare-") } <= 2)
  }

  /// The beginning of a synced batch, found behind where it belongs: no tear makes that.
  @Test func batchAtAWrongPlaceIsNoTear() throws {
    var disk = try SimulatedDisk.formatted()
    var journal = try disk.recovered().journal
    journal.append(hardState: nil, entries: [entry(1, term: 1, bytes: 33)])
    try disk.flush(&journal)
    let name = try #require(disk.fileNames.last)
    journal.append(hardState: nil, entries: [entry(2, term: 1, bytes: 1_000)])
    let writes = journal.flush().writes
    guard case .write(name, let start, let batch)? = writes.last else {
      Issue.record("the batch is not the last write")
      return
    }
    let size = try #require(disk.contents(of: name)).count
    let first = (Int(start) / 512 + 1) * 512
    for place in stride(from: first, to: size, by: 512) {
      var astray = disk
      let part = Array(batch.prefix(size - place))
      try astray.perform([.write(name, offset: UInt64(place), bytes: part), .sync(name)])
      #expect(try astray.recovered().state.trust.cause == .damage, "at byte \(place) of \(size)")
    }
  }

  /// Every subset of the sectors of the last, unsynced batch may be what reached the disk.
  @Test func everyTearOfTheLastBatchIsCut() throws {
    var disk = try SimulatedDisk.formatted()
    var journal = try disk.recovered().journal
    journal.append(hardState: nil, entries: [entry(1, term: 1, bytes: 33)])
    try disk.flush(&journal)
    let name = try #require(disk.fileNames.last)
    var zeros = entry(2, term: 1)
    zeros.payload = [UInt8](repeating: 0, count: 800)
    journal.append(hardState: nil, entries: [zeros, entry(3, term: 1, bytes: 250)])
    var writes = journal.flush().writes
    guard case .write(name, let start, let batch) = writes.removeLast() else {
      Issue.record("the batch is not the last write")
      return
    }
    var pieces: [Range<Int>] = []
    var from = 0
    while from < batch.count {
      let to = min(batch.count, from + 512 - (Int(start) + from) % 512)
      pieces.append(from..<to)
      from = to
    }
    for subset in 0..<(1 << pieces.count) {
      var torn = disk
      var isWhole = true
      for (number, piece) in pieces.enumerated() {
        if subset & 1 << number != 0 {
          try torn.perform([
            .write(name, offset: start + UInt64(piece.lowerBound), bytes: Array(batch[piece]))
          ])
        } else if batch[piece].contains(where: { $0 != 0 }) {
          isWhole = false
        }
      }
      let found = try torn.recovered()
      #expect(found.state.entries.count == (isWhole ? 3 : 1), "pieces \(subset)")
      let isBegun = subset & 1 != 0
      if isBegun, !isWhole { #expect(found.state.trust.cause == .tornTail, "pieces \(subset)") }
      #expect(found.state.trust.cause != .damage && (!isWhole || found.state.trust == Trust()))
      try torn.perform(found.repairs)
      let again = try torn.recovered()
      #expect(again.repairs.isEmpty && again.state.trust == found.state.trust)
    }
    // What a batch ends with stands there already, if it is zeros.
    let end = batch[..<(batch.count - RecordHeader.size)].lastIndex { $0 != 0 } ?? 0
    for length in 0...end {
      var torn = disk
      try torn.perform([.write(name, offset: start, bytes: Array(batch[..<length]))])
      let found = try torn.recovered()
      #expect(found.state.entries.count == 1, "the first \(length) bytes")
      #expect(found.state.trust.cause != .damage, "the first \(length) bytes")
    }
  }

  /// A leader's answer to an earlier doubt must not settle this one, though the only header that
  /// told of the earlier one cannot be read any more.
  @Test func aDoubtHasANumberOfItsOwn() throws {
    var disk = try SimulatedDisk.formatted()
    for doubt in 1...3 as ClosedRange<UInt64> {
      let name = try #require(disk.fileNames.last { $0.hasPrefix("wal-") && $0.hasSuffix(".log") })
      disk.flipBit(of: name, at: 8 * 40)
      let found = try disk.recovered()
      #expect(found.state.trust == Trust(doubts: doubt, cause: .damage))
      try disk.perform(found.repairs)
    }
  }

  /// What a process read back may be in the system's memory alone, because a sync of it failed: it
  /// is written again before it counts.
  @Test func theLastBatchIsWrittenAgain() throws {
    var disk = try SimulatedDisk.formatted()
    var journal = try disk.recovered().journal
    journal.append(hardState: nil, entries: [entry(1, term: 1)])
    try disk.flush(&journal)
    journal.append(hardState: nil, entries: [entry(2, term: 1)])
    guard case .write(let name, let offset, let bytes)? = journal.flush().writes.last else {
      Issue.record("the batch is not the last write")
      return
    }
    try disk.perform([.write(name, offset: offset, bytes: bytes)])
    let found = try disk.recovered()
    #expect(found.state.entries.count == 2)
    #expect(found.syncs.prefix(2) == [.write(name, offset: offset, bytes: bytes), .sync(name)])
  }

  /// Wherever the power is cut, nothing of the old state comes back once the order is durable, and
  /// what was promised is kept.
  @Test func whatIsGivenUpStaysGivenUp() throws {
    var disk = try life()
    var journal = try disk.recovered(smallSegments).journal
    journal.append(
      hardState: HardState(term: Term(9), vote: ReplicaID(rawValue: 13)),
      entries: [entry(6, term: 9)])
    try disk.flush(&journal)
    for count in 0..<Journal.orderDiscard.count {
      var cut = disk
      try cut.perform(Array(Journal.orderDiscard.prefix(count)))
      let found = try cut.afterLosingEverythingUnsynced().recovered(smallSegments)
      #expect(found.state.trust == Trust() && !found.isDiscarded)
    }
    try disk.perform(Journal.orderDiscard)
    let effects = try disk.recovered(smallSegments).repairs
    for count in 0...effects.count {
      var cut = disk
      try cut.perform(Array(effects.prefix(count)))
      var generator = SeededGenerator(seed: UInt64(count))
      var torn = cut
      torn.crash(&generator)
      for var left in [cut, cut.afterLosingEverythingUnsynced(), torn] {
        let found = try left.recovered(smallSegments)
        try left.perform(found.repairs + found.syncs)
        let after = try left.recovered(smallSegments)
        #expect(after.repairs.isEmpty && !after.isDiscarded, "after \(count)")
        for recovery in [found, after] {
          #expect(recovery.state.trust == Trust(doubts: 1, cause: .damage), "after \(count)")
          #expect(recovery.state.entries.isEmpty && recovery.state.snapshot == nil)
          #expect(
            recovery.state.hardState == HardState(term: Term(9), vote: ReplicaID(rawValue: 13)))
        }
      }
    }
    #expect(try disk.recovered(smallSegments).isDiscarded)
  }

  /// What comes after is kept as ever, and can be given up once more.
  @Test func givenUpTwiceIsInDoubtTwice() throws {
    var disk = try life()
    for round in 1...2 as ClosedRange<UInt64> {
      try disk.perform(Journal.orderDiscard)
      let found = try disk.recovered(smallSegments)
      try disk.perform(found.repairs + found.syncs)
      #expect(found.state.trust == Trust(doubts: round, cause: .damage))
      var journal = found.journal
      journal.append(
        hardState: nil, entries: [entry(1, term: 10)], trust: Trust(doubts: round))
      try disk.flush(&journal)
      let later = try disk.recovered(smallSegments)
      #expect(later.state.entries.count == 1 && later.state.trust == Trust(doubts: round))
    }
  }

  /// Nobody could give back what a replica gives up that is its whole group.
  @Test func aReplicaThatIsItsGroupIsNotGivenUp() throws {
    var disk = SimulatedDisk()
    let alone = ReplicaIdentity(
      cluster: identity.cluster, group: identity.group, groupIdentity: identity.groupIdentity,
      replica: identity.replica, members: [identity.members[0]], layout: identity.layout)
    try disk.perform(Journal.format(alone, settings: smallSegments))
    try disk.perform(Journal.orderDiscard)
    #expect(throws: RecoveryError.self) { try disk.recovered() }
  }
}
