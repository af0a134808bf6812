import Basics
import Journal
import Simulation
import Testing

struct SimulatedDiskTests {
  static func disk(_ effects: [FileEffect]) throws -> SimulatedDisk {
    var disk = SimulatedDisk()
    for effect in effects { try disk.execute(effect) }
    return disk
  }

  @Test func whatWasSyncedSurvivesEveryCrash() throws {
    let disk = try Self.disk([
      .create("a"), .write("a", offset: 0, bytes: [1, 2, 3]), .sync("a"), .syncFolder,
      .write("a", offset: 3, bytes: [4]), .create("b"), .write("b", offset: 0, bytes: [9]),
      .sync("b"),
    ])
    var seen: Set<[[UInt8]?]> = []
    for seed in 0..<100 {
      var crashed = disk
      var generator = SeededGenerator(seed: UInt64(seed))
      crashed.crash(&generator)
      let first = try #require(crashed.contents(of: "a"))
      #expect(first == [1, 2, 3] || first == [1, 2, 3, 4])
      #expect(crashed.isClean)
      seen.insert([first, crashed.contents(of: "b")])
    }
    // "b" was synced but its name was not: it is there whole, or not at all.
    #expect(
      seen == [
        [[1, 2, 3], nil], [[1, 2, 3, 4], nil], [[1, 2, 3], [9]], [[1, 2, 3, 4], [9]],
      ])
  }

  @Test func aSyncCoversOnlyWhatWasThereWhenItBegan() throws {
    var disk = try Self.disk([.create("a"), .syncFolder, .write("a", offset: 0, bytes: [1])])
    let covered = disk.changeNumber
    try disk.execute(.write("a", offset: 1, bytes: [2]))
    try disk.execute(.sync("a"), covering: covered)
    #expect(disk.afterLosingEverythingUnsynced().contents(of: "a") == [1])
    #expect(disk.contents(of: "a") == [1, 2])
  }

  @Test func renamesAreAtomicAndInOrder() throws {
    let disk = try Self.disk([
      .create("new"), .write("new", offset: 0, bytes: [2]), .sync("new"), .create("old"),
      .write("old", offset: 0, bytes: [1]), .sync("old"), .syncFolder, .rename("new", to: "old"),
      .create("later"),
    ])
    var seen: Set<[UInt8]> = []
    for seed in 0..<50 {
      var crashed = disk
      var generator = SeededGenerator(seed: UInt64(seed))
      crashed.crash(&generator)
      let content = try #require(crashed.contents(of: "old"))
      #expect((crashed.contents(of: "new") == nil) == (content == [2]))
      if crashed.contents(of: "later") != nil { #expect(content == [2]) }
      seen.insert(content)
    }
    #expect(seen == [[1], [2]])
  }

  @Test func aTornWriteKeepsSomeWholeSectors() throws {
    let sector = SimulatedDisk.sectorBytes
    let disk = try Self.disk([
      .create("a"), .write("a", offset: 0, bytes: Array(repeating: 0, count: 4 * sector)),
      .sync("a"), .syncFolder,
      .write("a", offset: 100, bytes: Array(repeating: 7, count: 3 * sector)),
    ])
    var torn = 0
    for seed in 0..<60 {
      var crashed = disk
      var generator = SeededGenerator(seed: UInt64(seed))
      crashed.crash(&generator)
      let content = try #require(crashed.contents(of: "a"))
      #expect(content.count == 4 * sector)
      let parts = (0..<4).map { index in
        Set(content[max(100, index * sector)..<min(100 + 3 * sector, (index + 1) * sector)])
      }
      #expect(parts.allSatisfy { $0.count == 1 })
      if Set(parts.flatMap { $0 }).count == 2 { torn += 1 }
    }
    #expect(torn > 5)
  }

  /// A write that goes astray is missing at its place and damages another, but leaves the end of a
  /// file alone, which nobody could tell from a write that was torn.
  @Test func writesGoAstrayBeforeTheEndOfAFile() throws {
    let sector = SimulatedDisk.sectorBytes
    var disk = SimulatedDisk()
    disk.remembersWrites = true
    try disk.execute(.create("a"))
    try disk.execute(.create("b"))
    try disk.execute(.syncFolder)
    for number in 0..<6 {
      for name in ["a", "b"] {
        let bytes = [UInt8](repeating: UInt8(number + 1), count: 100)
        try disk.execute(.write(name, offset: UInt64(number * sector), bytes: bytes))
        try disk.execute(.sync(name))
      }
    }
    var astray = 0
    for seed in 0..<300 {
      var broken = disk
      var generator = SeededGenerator(seed: UInt64(seed))
      guard broken.misdirectWrite(&generator) != nil else { continue }
      astray += 1
      for name in ["a", "b"] {
        let before = try #require(disk.contents(of: name))
        let after = try #require(broken.contents(of: name))
        #expect(after.count == before.count)
        #expect(after.suffix(100).allSatisfy { $0 == 6 }, "seed \(seed)")
      }
    }
    #expect(astray > 100)
  }

  @Test func impossibleOrdersAreRefused() throws {
    var disk = try Self.disk([.create("a")])
    #expect(throws: SimulatedDisk.Refusal.self) { try disk.execute(.create("a")) }
    #expect(throws: SimulatedDisk.Refusal.self) { try disk.execute(.sync("b")) }
    #expect(throws: SimulatedDisk.Refusal.self) { try disk.execute(.remove("b")) }
  }

  @Test func theReaderSeesTheFolderOfItsMoment() throws {
    var disk = try Self.disk([.create("a"), .write("a", offset: 2, bytes: [5])])
    let reader = disk.reader
    try disk.execute(.truncate("a", size: 0))
    #expect(try reader.list() == [FolderReader.File(name: "a", size: 3)])
    #expect(try reader.read(FileRead(name: "a", offset: 1, count: 10)) == [0, 5])
    #expect(disk.contents(of: "a") == [])
  }

  @Test func withoutRoomOnlyWhatIsThereCanBeOverwritten() throws {
    var disk = try Self.disk([
      .create("a"), .write("a", offset: 0, bytes: [1, 2, 3, 4]), .create("b"),
    ])
    disk.capacity = 6
    #expect(disk.space == DiskSpace(free: 2, total: 6))
    try disk.execute(.write("b", offset: 0, bytes: [1, 2]))
    #expect(throws: SimulatedDisk.Refusal.self) { try disk.execute(.create("c")) }
    #expect(throws: SimulatedDisk.Refusal.self) {
      try disk.execute(.write("b", offset: 1, bytes: [1, 2]))
    }
    #expect(throws: SimulatedDisk.Refusal.self) { try disk.execute(.truncate("a", size: 5)) }
    try disk.execute(.write("a", offset: 1, bytes: [7, 7, 7]))
    try disk.execute(.rename("a", to: "c"))
    try disk.execute(.remove("b"))
    #expect(disk.space?.free == 2)
    disk.capacity = 3
    #expect(disk.space == DiskSpace(free: 0, total: 4))
    try disk.execute(.truncate("c", size: 2))
  }
}
