import Basics
import Journal
import Raft
import Simulation
import Testing

/// Damage that no crash explains must end in an error or change nothing; it must never take
/// something away without saying so, and never stop the process.
@Suite struct DamageTests {
  private static let tiny: JournalSettings = {
    var settings = JournalSettings()
    settings.segmentBytes = 768
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

  @Test func everyFlippedBitIsFoundOrHarmless() throws {
    let disk = try life()
    let whole = try disk.recovered(Self.tiny)
    var refused = 0
    for name in disk.fileNames {
      let bytes = try #require(disk.contents(of: name))
      let content = (bytes.lastIndex { $0 != 0 } ?? 0) + 1
      // Behind the content all bits of a byte are alike.
      for bit in 0..<bytes.count * 8 where bit / 8 < content || bit % 8 == bit / 8 % 8 {
        var damaged = disk
        damaged.flipBit(of: name, at: bit)
        guard let found = try? damaged.recovered(Self.tiny) else {
          refused += 1
          continue
        }
        #expect(found.identity == whole.identity)
        #expect(found.state.hardState == whole.state.hardState, "\(name) bit \(bit)")
        #expect(found.state.entries == whole.state.entries, "\(name) bit \(bit)")
        if found.state.snapshot != whole.state.snapshot {
          #expect(name.hasPrefix("snap-") && found.state.snapshot == nil)
          #expect(!found.notes.isEmpty)
        }
      }
    }
    #expect(refused > 1_000)
  }

  @Test func everyTruncationIsFoundOrHarmless() throws {
    let disk = try life()
    let whole = try disk.recovered(Self.tiny)
    for name in disk.fileNames {
      let size = try #require(disk.contents(of: name)).count
      for length in 0..<size {
        var damaged = disk
        try damaged.perform([.truncate(name, size: UInt64(length)), .sync(name)])
        guard let found = try? damaged.recovered(Self.tiny) else { continue }
        try damaged.perform(found.repairs)
        let again = try damaged.recovered(Self.tiny)
        #expect(again.state.entries == found.state.entries)
        #expect(found.state.entries == whole.state.entries, "\(name) cut to \(length)")
        #expect(found.state.hardState == whole.state.hardState, "\(name) cut to \(length)")
      }
    }
  }

  @Test func bytesBehindTheLogAreKeptAside() throws {
    var disk = try life()
    let whole = try disk.recovered(Self.tiny)
    let name = try #require(disk.fileNames.last { $0.hasPrefix("wal-") })
    let size = try #require(disk.contents(of: name)).count
    let garbage = (0..<300).map { UInt8(truncatingIfNeeded: $0 &* 31 | 1) }
    try disk.perform([.write(name, offset: UInt64(size), bytes: garbage), .sync(name)])
    let found = try disk.recovered(Self.tiny)
    #expect(found.state.entries == whole.state.entries && found.notes.count == 1)
    try disk.perform(found.repairs)
    let broken = try #require(disk.fileNames.first { $0.hasSuffix(".broken") })
    #expect(try #require(disk.contents(of: broken)).suffix(300) == garbage[...])
    let again = try disk.recovered(Self.tiny)
    #expect(again.repairs.isEmpty && again.state.entries == whole.state.entries)
    var journal = again.journal
    journal.append(hardState: nil, entries: [entry(6, term: 7)])
    try disk.flush(&journal)
    #expect(
      try disk.recovered(Self.tiny).state.entries == whole.state.entries + [entry(6, term: 7)])
  }

  /// The beginning of a synced batch, found behind the zeros where it belongs, with its end
  /// and all that followed cut off by the end of the file: no tear makes that.
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
      #expect(throws: RecoveryError.self, "at byte \(place) of \(size)") {
        _ = try astray.recovered()
      }
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
    zeros.payload = [UInt8](repeating: 0, count: 1_200)
    journal.append(hardState: nil, entries: [zeros, entry(3, term: 1, bytes: 700)])
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
      var changes = false
      for (number, piece) in pieces.enumerated() {
        if subset & 1 << number != 0 {
          try torn.perform([
            .write(name, offset: start + UInt64(piece.lowerBound), bytes: Array(batch[piece]))
          ])
        } else if batch[piece].contains(where: { $0 != 0 }) {
          changes = true
        }
      }
      let found = try torn.recovered()
      #expect(found.state.entries.count == (changes ? 1 : 3), "pieces \(subset)")
      try torn.perform(found.repairs)
      #expect(try torn.recovered().repairs.isEmpty)
    }
    for length in 0..<batch.count {
      var torn = disk
      try torn.perform([.write(name, offset: start, bytes: Array(batch[..<length]))])
      #expect(try torn.recovered().state.entries.count == 1, "the first \(length) bytes")
    }
  }
}
