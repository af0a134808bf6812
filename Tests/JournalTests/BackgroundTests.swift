import Basics
import Journal
import Raft
import Simulation
import Synchronization
import Testing

/// What is written beside the journal, step by step.
@Suite struct BackgroundTests {
  /// Sections that were thought of before.
  private struct Sections: SnapshotCapture {
    var left: [[UInt8]]
    mutating func nextSection(into section: inout [UInt8]) -> Bool {
      guard !left.isEmpty else { return false }
      section = left.removeFirst()
      return true
    }
  }

  /// Takes sections that do not begin with 99.
  private struct Collector: SnapshotRestorer {
    var sections: [[UInt8]] = []
    mutating func consume(_ section: [UInt8]) throws(ByteError) {
      guard section.first != 99 else { throw .malformed(field: "section", offset: 0) }
      sections.append(section)
    }
    func finish() throws(ByteError) -> [[UInt8]] { sections }
  }

  /// A folder, its journal and a worker, with a clock that goes on by one with each step.
  private struct Stage {
    var disk: SimulatedDisk
    var journal: Journal
    var worker = BackgroundWorker()
    var time: UInt64 = 1_000
    var results: [BackgroundResult] = []

    init() throws {
      disk = try SimulatedDisk.formatted()
      journal = try disk.recovered().journal
      for index in 1...8 as ClosedRange<UInt64> {
        journal.append(hardState: nil, entries: [entry(index, term: 1)])
        try disk.flush(&journal)
      }
    }

    mutating func order(_ orders: BackgroundOrder...) { worker.take(orders, now: time) }

    /// Carries out the next step; false when there is none.
    mutating func step() throws -> Bool {
      time += 1
      let step = worker.next(now: time)
      defer { results += worker.takeResults() }
      switch step {
      case .perform(let effect):
        do {
          try disk.execute(effect)
          worker.performed(.done, now: time)
        } catch  where error.isForLackOfRoom {
          worker.performed(.noRoom, now: time)
        }
      case .read(let place): worker.wasRead(try disk.read(place), now: time)
      case .readBack(let place): worker.wasReadBack(try? disk.read(place), now: time)
      case .hash: worker.hashed(now: time)
      case .wait(let later): time = max(time, later)
      case .idle: return false
      }
      return true
    }

    mutating func run(steps: Int = .max) throws -> Int {
      var count = 0
      while count < steps, try step() { count += 1 }
      return count
    }

    mutating func orderOwn(_ index: UInt64, sections: [[UInt8]] = [[1], [2, 2], [3]]) {
      order(
        .write(
          journal.snapshotWriter(snapshotMetadata(index, term: 1)), Sections(left: sections)))
    }

    /// What a process finds that starts now.
    func newestAfterPowerCut() throws -> LogIndex? {
      try disk.afterLosingEverythingUnsynced().recovered().state.snapshot?.last.index
    }

    var temporary: [String] { disk.fileNames.filter { $0.hasSuffix(".tmp") } }
  }

  @Test func aPowerCutAtAnyStepLeavesTheOldSnapshotOrTheNew() throws {
    var stage = try Stage()
    stage.orderOwn(4)
    _ = try stage.run()
    guard case .written(let first)? = stage.results.first else {
      Issue.record("not written")
      return
    }
    stage.journal.snapshotIsDurable(first, retainLogFrom: LogIndex(5))
    try stage.disk.flush(&stage.journal)
    stage.results = []
    stage.orderOwn(7)
    var seen: [LogIndex?] = [try stage.newestAfterPowerCut()]
    while try stage.step() {
      let newest = try stage.newestAfterPowerCut()
      #expect(newest == LogIndex(4) || newest == LogIndex(7))
      if case .written? = stage.results.first { #expect(newest == LogIndex(7)) }
      if seen.last != newest { seen.append(newest) }
      var torn = stage.disk
      var generator = SeededGenerator(seed: stage.time)
      torn.crash(&generator)
      _ = try torn.recovered()
    }
    #expect(seen == [LogIndex(4), LogIndex(7)])
    #expect(stage.results.count == 1)
  }

  @Test func aFullDiskEndsTheSnapshotAndLeavesNothing() throws {
    var whole = try Stage()
    whole.orderOwn(4)
    let count = try whole.run()
    for steps in 0..<count {
      var stage = try Stage()
      let before = stage.disk.fileNames
      stage.orderOwn(4)
      _ = try stage.run(steps: steps)
      stage.disk.capacity = stage.disk.totalBytes
      _ = try stage.run()
      if case .written? = stage.results.last { continue }
      guard case .noRoom(let id)? = stage.results.last else {
        Issue.record("nothing was said after \(steps) steps")
        return
      }
      #expect(id.index == LogIndex(4) && stage.results.count == 1)
      #expect(stage.disk.fileNames == before)
      stage.disk.capacity = nil
      stage.orderOwn(4)
      _ = try stage.run()
      guard case .written? = stage.results.last else {
        Issue.record("not written when there was room")
        return
      }
    }
  }

  @Test func whatIsGivenUpLeavesNothingUnlessOnlyItsEndIsMissing() throws {
    var whole = try Stage()
    whole.orderOwn(4)
    let count = try whole.run()
    var finished = 0
    for steps in 0...count {
      var stage = try Stage()
      stage.orderOwn(4)
      _ = try stage.run(steps: steps)
      stage.order(
        .receive(stage.journal.snapshotWriter(snapshotMetadata(20, term: 2)), Collector()),
        .section([7, 7], isLast: false), .section([8], isLast: true))
      _ = try stage.run()
      #expect(stage.temporary.isEmpty)
      guard case .received(let written, let machine)? = stage.results.last else {
        Issue.record("not received after \(steps) steps")
        return
      }
      #expect(written.metadata.last.index == LogIndex(20))
      #expect(machine as? [[UInt8]] == [[7, 7], [8]])
      // The own one comes first or not at all.
      if case .written? = stage.results.first { finished += 1 }
      let names = stage.disk.fileNames.filter { $0.hasPrefix("snap-") }
      let isOwnThere = if case .written? = stage.results.first { true } else { false }
      #expect(names.count == (isOwnThere ? 2 : 1))
    }
    #expect(finished > 2 && finished < count)
  }

  /// Five long sections, and what memory each of them was put into.
  private struct LongSections: SnapshotCapture {
    final class Memory: Sendable { let places = Mutex<Set<UInt>>([]) }
    let memory = Memory()
    var number = 0

    mutating func nextSection(into section: inout [UInt8]) -> Bool {
      number += 1
      guard number <= 5 else { return false }
      var writer = ByteWriter(inMemoryOf: &section, reserving: 100_000)
      for _ in 0..<25_000 { writer.u32(UInt32(number)) }
      section = writer.bytes
      memory.places.withLock { places in
        section.withUnsafeBytes { _ = places.insert(UInt(bitPattern: $0.baseAddress)) }
      }
      return true
    }
  }

  @Test func sectionsAreMadeInTheSameMemory() throws {
    var stage = try Stage()
    let sections = LongSections()
    stage.order(
      .write(stage.journal.snapshotWriter(snapshotMetadata(4, term: 1)), sections))
    _ = try stage.run()
    #expect(try stage.newestAfterPowerCut() == LogIndex(4))
    #expect(sections.memory.places.withLock { $0.count } == 1)
  }

  @Test func aSectionThatIsNoneEndsWhatIsReceived() throws {
    var stage = try Stage()
    stage.order(
      .receive(stage.journal.snapshotWriter(snapshotMetadata(20, term: 2)), Collector()),
      .section([1], isLast: false), .section([99], isLast: false), .section([2], isLast: true))
    _ = try stage.run()
    guard case .unreadable(let id, section: 1, _)? = stage.results.last else {
      Issue.record("\(stage.results)")
      return
    }
    #expect(id.index == LogIndex(20) && stage.temporary.isEmpty)
    #expect(!stage.disk.fileNames.contains { $0.hasPrefix("snap-") })
  }

  @Test func readsComeFirstAndSectionsAreFollowedByRest() throws {
    var stage = try Stage()
    stage.worker = BackgroundWorker(restFactor: 2)
    stage.orderOwn(4)
    // The file, its header, a rest, and the first section but for its sync.
    _ = try stage.run(steps: 5)
    stage.time += 100
    #expect(try stage.step())
    guard case .wait(let until) = stage.worker.next(now: stage.time) else {
      Issue.record("no rest")
      return
    }
    // 102 from the first effect of the section to its sync.
    #expect(until == stage.time + 2 * 102)
    let name = stage.disk.fileNames[0]
    stage.order(.read(FileRead(name: name, offset: 0, count: 4)))
    guard case .read = stage.worker.next(now: stage.time) else {
      Issue.record("a follower waits for a snapshot")
      return
    }
  }

  /// Every bit that recovery would look at.
  @Test func eachFlippedBitIsFoundByReadingBack() throws {
    var stage = try Stage()
    stage.orderOwn(4, sections: [[1], [2, 2]])
    _ = try stage.run()
    guard case .written(let written)? = stage.results.first else {
      Issue.record("not written")
      return
    }
    stage.journal.snapshotIsDurable(written, retainLogFrom: LogIndex(1))
    try stage.disk.flush(&stage.journal)
    func findings(_ disk: SimulatedDisk) throws -> [FileDamage] {
      var scrub = try #require(stage.journal.scrub())
      var found: [FileDamage] = []
      while let place = scrub.next {
        if let damage = scrub.take(try? disk.read(place)) { found.append(damage) }
      }
      return found
    }
    #expect(try findings(stage.disk).isEmpty)
    for name in stage.disk.fileNames where stage.journal.needs(file: name) {
      let used = name.hasPrefix("wal-") ? stage.journal.journalBytes : 10_000
      let count = min(Int(used), stage.disk.contents(of: name)?.count ?? 0)
      for bit in stride(from: 0, to: 8 * count, by: 7) {
        var damaged = stage.disk
        damaged.flipBit(of: name, at: bit)
        let found = try findings(damaged)
        #expect(found.count == 1 && found[0].file == name, "bit \(bit) of \(name)")
      }
      // A file that was removed meanwhile is no damage.
      var removed = stage.disk
      try removed.execute(.remove(name))
      #expect(try findings(removed).isEmpty)
    }
  }

  @Test func filesAreReadBackSlowlyAndOnlyWhenNothingElseIsToBeDone() throws {
    var stage = try Stage()
    stage.order(.scrub(try #require(stage.journal.scrub()), bytesPerSecond: 1_000))
    stage.orderOwn(4)
    _ = try stage.run(steps: 5)
    #expect(!stage.results.contains { if case .scrubbed = $0 { true } else { false } })
    let before = stage.time
    _ = try stage.run()
    #expect(stage.results.contains { if case .written = $0 { true } else { false } })
    guard case .scrubbed? = stage.results.last else {
      Issue.record("\(stage.results)")
      return
    }
    let milliseconds = (stage.time - before) / nanosecondsPerMillisecond
    #expect(milliseconds >= stage.journal.journalBytes)
  }

  @Test func aChoreThatFindsNoRoomLeavesNothing() throws {
    var stage = try Stage()
    let before = stage.disk.fileNames
    stage.order(
      .perform(
        .removals, [.create("x.tmp"), .write("x.tmp", offset: 0, bytes: [1]), .sync("x.tmp")]))
    _ = try stage.run(steps: 1)
    stage.disk.capacity = stage.disk.totalBytes
    _ = try stage.run()
    guard case .performed(.removals, isDone: false)? = stage.results.last else {
      Issue.record("\(stage.results)")
      return
    }
    #expect(stage.disk.fileNames == before)
  }

  /// Pieces that were thought of before, each of so many bytes.
  private struct Pieces: DigestCapture {
    var left: [(part: Int, bytes: [UInt8])]
    mutating func nextPiece() -> (part: Int, bytes: [UInt8])? {
      left.isEmpty ? nil : left.removeFirst()
    }
  }

  private static func digests(_ results: [BackgroundResult]) -> [StateDigest] {
    results.compactMap { if case .digested(let digest) = $0 { digest } else { nil } }
  }

  /// The hash of a part is that of all its bytes, wherever they are cut, and each bit counts.
  @Test func aStateIsHashedPartByPart() throws {
    func digest(_ pieces: [(Int, [UInt8])]) throws -> StateDigest? {
      var stage = try Stage()
      stage.order(.digest(LogIndex(6), format: 3, Pieces(left: pieces.map { ($0.0, $0.1) })))
      _ = try stage.run()
      return Self.digests(stage.results).first
    }
    let whole = try #require(try digest([(0, [1, 2]), (4, [3, 4, 5]), (9, [])]))
    #expect(whole.index == LogIndex(6) && whole.format == 3)
    #expect(whole.parts.map(\.number) == [0, 4, 9])
    #expect(try digest([(0, [1]), (0, [2]), (4, [3]), (4, []), (4, [4, 5]), (9, [])]) == whole)
    for bit in 0..<24 {
      var bytes: [UInt8] = [3, 4, 5]
      bytes[bit / 8] ^= 1 << UInt8(bit % 8)
      let other = try #require(try digest([(0, [1, 2]), (4, bytes), (9, [])]))
      #expect(other.parts(differingFrom: whole) == [4])
    }
    #expect(try digest([(0, [1, 2]), (4, [3, 4, 5, 0]), (9, [])]) != whole)
    #expect(try digest([]) == StateDigest(index: LogIndex(6), format: 3, parts: []))
  }

  /// A large state takes many steps, with as much rest between two as one took; all else comes
  /// first, and a state that was ordered later takes its place.
  @Test func hashingGivesWayToEverythingElse() throws {
    var stage = try Stage()
    stage.worker = BackgroundWorker(restFactor: 1)
    let pieces = (0..<8).map { (part: $0, bytes: [UInt8](repeating: 1, count: 512 << 10)) }
    stage.order(.digest(LogIndex(5), format: 1, Pieces(left: pieces)))
    var now: UInt64 = 10_000
    guard case .hash = stage.worker.next(now: now) else {
      Issue.record("it does not begin")
      return
    }
    stage.worker.hashed(now: now + 300)
    guard case .wait(until: now + 600) = stage.worker.next(now: now + 300) else {
      Issue.record("it does not rest")
      return
    }
    stage.orderOwn(4)
    guard case .perform(let effect) = stage.worker.next(now: now + 600) else {
      Issue.record("the snapshot waits for it")
      return
    }
    try stage.disk.execute(effect)
    stage.worker.performed(.done, now: now + 600)
    stage.order(.digest(LogIndex(6), format: 1, Pieces(left: [(0, [1])])))
    now += 10_000
    stage.time = now
    _ = try stage.run()
    #expect(Self.digests(stage.results).map(\.index) == [LogIndex(6)])
    #expect(stage.results.contains { if case .written = $0 { true } else { false } })
  }
}
