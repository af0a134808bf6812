import Basics
@testable import Journal
import Raft
import Simulation
import Testing

@testable import file_fuzz

/// Folders that no journal writes: read or refused, never trapping, in memory bounded by what is
/// there.
@Suite struct HostileFolderTests {
  private struct Refusal: Error {}

  /// A folder of which one file is not what the list says.
  private func reader(
    _ disk: SimulatedDisk, _ name: String, size: UInt64,
    _ read: @escaping (FileRead) throws -> [UInt8]
  ) -> FolderReader {
    FolderReader(
      list: {
        try disk.reader.list().filter { $0.name != name } + [.init(name: name, size: size)]
      },
      read: { try $0.name == name ? read($0) : disk.reader.read($0) })
  }

  private func filled() throws -> (disk: SimulatedDisk, segment: String) {
    var disk = try SimulatedDisk.formatted()
    var journal = try disk.recovered().journal
    for index in 1...3 as ClosedRange<UInt64> {
      journal.append(hardState: nil, entries: [entry(index, term: 1)])
      try disk.flush(&journal)
    }
    try disk.snapshot(
      &journal, snapshotMetadata(2, term: 1), sections: [[1], [2]], retainLogFrom: LogIndex(1))
    try disk.flush(&journal)
    return (disk, FileNames.segment(1))
  }

  @Test func whatCannotBeReadIsNamed() throws {
    let (disk, segment) = try filled()
    let snapshot = FileNames.snapshot(EntryID(index: LogIndex(2), term: Term(1)))
    for name in ["identity", "identity-copy", segment, snapshot] {
      let size = UInt64(disk.contents(of: name)?.count ?? 0)
      let report = try JournalReport(
        reader(disk, name, size: size) { _ in throw Refusal() }, settings: smallSegments)
      #expect(report.unreadable.count == 1 && report.unreadable[0].contains(name))
    }
  }

  @Test func hugeFilesAreRefusedAndFilesThatShrinkAreDamaged() throws {
    let (disk, segment) = try filled()
    let whole = try #require(disk.contents(of: segment))
    var asked = 0
    let huge = reader(disk, segment, size: 1 << 50) { place in
      asked = max(asked, place.count)
      return Array(whole.dropFirst(Int(place.offset)).prefix(place.count))
    }
    let report = try JournalReport(huge, settings: smallSegments)
    #expect(report.unreadable.count == 1 && asked <= 1 << 20)
    for left in [0, 10, 130, 200, whole.count - 1] {
      let shrunk = reader(disk, segment, size: UInt64(whole.count)) { place in
        Array(whole.prefix(left).dropFirst(Int(place.offset)).prefix(place.count))
      }
      let report = try JournalReport(shrunk, settings: smallSegments)
      #expect(!report.findings.isEmpty, "\(left) bytes are left")
      var stream = try RecordStream(
        shrunk, FolderReader.File(name: segment, size: UInt64(whole.count)))
      var records = 0
      while try stream.next() != nil { records += 1 }
      #expect(records < 12)
    }
  }

  /// A section that claims to be longer than any is not read.
  @Test func hugeSectionsAreNotRead() throws {
    let (disk, _) = try filled()
    let id = EntryID(index: LogIndex(2), term: Term(1))
    let name = FileNames.snapshot(id)
    var bytes = try #require(disk.contents(of: name))
    let place = bytes.count - 24 - 2 * 17 + 8
    bytes.replaceSubrange(place..<place + 4, with: [0, 0, 0, 0x40])
    var asked = 0
    let hostile = reader(disk, name, size: 1 << 40) { place in
      asked = max(asked, place.count)
      return Array(bytes.dropFirst(Int(place.offset)).prefix(place.count))
    }
    let report = try JournalReport(hostile, settings: smallSegments)
    #expect(report.findings.contains { $0.file == name && $0.reason == "no section is so long" })
    #expect(asked <= 1 << 20)
  }

  /// A header may say that the file was made huge: zeros for it share their memory.
  @Test func zerosAreWrittenInPieces() throws {
    var disk = SimulatedDisk()
    try disk.perform(Journal.format(identity, settings: smallSegments))
    let segment = FileNames.segment(1)
    let header = SegmentHeader(
      owner: SegmentHeader.Owner(identity), segment: 1, previous: 0, last: .zero,
      hardState: HardState(), prewritten: 300 << 20, chain: 0)
    let made = header.encode()
    let (_, salt) = try SegmentHeader.decode(made)
    try disk.perform([.write(segment, offset: 0, bytes: made + RecordBuffer.endMark(salt: salt))])
    var end = try #require(disk.contents(of: segment)).count
    for case .write(_, let offset, let bytes) in try disk.recovered().repairs {
      #expect(bytes.count <= 256 << 10 && offset == UInt64(end))
      end += bytes.count
    }
    #expect(end == 300 << 20)
  }

  /// No writer notes a doubt without a number, or one of an unknown cause: taken, the first would
  /// stop the node, and the second would settle a doubt.
  @Test func impossibleTrustIsDamage() throws {
    for (doubts, kind) in [(0, 1), (1, 3), (0, 2)] as [(UInt64, UInt8)] {
      var disk = SimulatedDisk()
      try disk.perform(Journal.format(identity, settings: smallSegments))
      let segment = FileNames.segment(1)
      let bytes = try #require(disk.contents(of: segment))
      let (header, salt) = try SegmentHeader.decode(Array(bytes.prefix(SegmentHeader.size)))
      var buffer = RecordBuffer(salt: salt, chain: salt)
      buffer.append(RecordHeader(type: .trust, kind: kind, index: doubts), body: [])
      try disk.perform([
        .write(segment, offset: UInt64(SegmentHeader.size), bytes: buffer.commit(watermark: 0))
      ])
      #expect(try disk.recovered().state.trust.cause != nil)
      #expect(try disk.recovered().notes.contains { $0.contains("impossible cause") })
      #expect(Trust(doubts: doubts, code: UInt32(kind)) == nil)
      #expect(header.trust == Trust(doubts: 0, code: 0))
    }
  }

  /// A short run of what `scripts/fuzz.sh files` does with millions of inputs.
  @Test func damagedFilesAndStatesAreBorne() {
    var fuzzer = FileFuzzer(seed: 1)
    for number in 1...16_000 {
      do {
        try fuzzer.play(number)
      } catch {
        Issue.record("seed 1, input \(number): \(error)")
        return
      }
    }
    // What is never tried is not tested; the rest is too rare for so few.
    let rare: Set = ["refused: not initialised", "refused: unreadable", "to be made long"]
    #expect(Set(fuzzer.missing).subtracting(rare) == [])
  }
}
