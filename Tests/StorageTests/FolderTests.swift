import Basics
import Glibc
import Journal
import Raft
import ShardMap
import Storage
import Testing

private let layout: ShardLayout = {
  guard let layout = ShardLayout(mapping: .slots, shardCount: 64) else { fatalError("64 shards") }
  return layout
}()

private let identity = ReplicaIdentity(
  cluster: ClusterID(rawValue: 1), group: GroupID(2), groupIdentity: GroupIdentity(rawValue: 3),
  replica: ReplicaID(rawValue: 4),
  members: [ReplicaAddress(id: ReplicaID(rawValue: 4), peer: "127.0.0.1:1")],
  layout: layout)

private let settings: JournalSettings = {
  var settings = JournalSettings()
  settings.segmentBytes = 16 << 10
  return settings
}()

@Suite struct FolderTests {
  @Test func effectsReachTheFiles() throws {
    let scratch = try Scratch()
    let folder = try Folder.openEmpty(scratch.data)
    try folder.perform([
      .create("a.tmp"), .write("a.tmp", offset: 3, bytes: [1, 2, 3]), .sync("a.tmp"),
      .rename("a.tmp", to: "a"), .syncFolder, .write("a", offset: 5, bytes: [9, 9]),
    ])
    #expect(try folder.list() == [FolderReader.File(name: "a", size: 7)])
    #expect(try folder.read(FileRead(name: "a", offset: 2, count: 99)) == [0, 1, 2, 9, 9])
    #expect(try folder.read(FileRead(name: "a", offset: 99, count: 9)) == [])
    try folder.perform([.truncate("a", size: 4)])
    #expect(try folder.read(FileRead(name: "a", offset: 0, count: 9)) == [0, 0, 0, 1])
    try folder.perform([.remove("a"), .syncFolder])
    #expect(try folder.isEmpty())
  }

  /// Whatever an array held before, it has what was asked for and is there.
  @Test func memoryIsFilledAgain() throws {
    let scratch = try Scratch()
    let folder = try Folder.openEmpty(scratch.data)
    let content = (0..<5_000).map { UInt8(truncatingIfNeeded: $0 % 251) }
    try folder.perform([.create("a"), .write("a", offset: 0, bytes: content)])
    var bytes: [UInt8] = []
    let places = [(0, 4_000), (100, 10), (7, 3_999), (4_990, 99), (6_000, 5), (0, 9_999)]
    for (offset, count) in places {
      let place = FileRead(name: "a", offset: UInt64(offset), count: count)
      try folder.reader.fill(place, &bytes)
      let expected = content.dropFirst(offset).prefix(count)
      #expect(bytes == Array(expected), "\(count) at \(offset)")
      #expect(try folder.reader.read(place) == bytes)
    }
  }

  @Test func whatIsLeftOnItsFileSystemIsKnown() throws {
    let scratch = try Scratch()
    let space = try #require(try Folder(scratch.data, create: true).space())
    #expect(space.total > 1 << 20 && space.free <= space.total)
  }

  @Test func aFolderIsOpenedOnce() throws {
    let scratch = try Scratch()
    var folder: Folder? = try Folder(scratch.data, create: true)
    #expect(try folder?.isEmpty() == true)
    let error = #expect(throws: StorageError.self) { try Folder(scratch.data) }
    #expect(error?.description.contains("in use by another process") == true)
    folder = nil
    _ = try Folder(scratch.data)
  }

  @Test func errorsNameFileCallAndReason() throws {
    let scratch = try Scratch()
    let missing = #expect(throws: StorageError.self) { try Folder(scratch.data) }
    #expect(missing?.code == ENOENT)
    #expect(missing?.description.contains(scratch.data) == true)

    let folder = try Folder(scratch.data, create: true)
    let absent = #expect(throws: StorageError.self) {
      try folder.perform([.write("none", offset: 0, bytes: [1])])
    }
    #expect(absent?.call == "open" && absent?.file == "\(scratch.data)/none")
    try folder.perform([.create("one")])
    let twice = #expect(throws: StorageError.self) { try folder.perform([.create("one")]) }
    #expect(twice?.code == EEXIST)
    #expect(throws: StorageError.self) {
      try folder.perform([.write("one", offset: .max, bytes: [1])])
    }
    #expect(throws: StorageError.self) { try folder.perform([.remove("none")]) }
    #expect(throws: StorageError.self) { try folder.perform([.rename("none", to: "other")]) }
  }

  @Test func initRefusesAFolderWithFiles() throws {
    let scratch = try Scratch()
    try Folder(scratch.data, create: true).perform([.create("mine")])
    let error = #expect(throws: StorageError.self) { try Folder.openEmpty(scratch.data) }
    #expect(error?.description.contains("mine") == true)
  }

  @Test func linksAndFoldersAreNotFiles() throws {
    let scratch = try Scratch()
    let folder = try Folder(scratch.data, create: true)
    try #require(mkdir(scratch.data + "/sub", 0o700) == 0)
    try #require(symlink("/etc/hostname", scratch.data + "/link") == 0)
    #expect(try folder.list().isEmpty)
    #expect(throws: StorageError.self) {
      try folder.read(FileRead(name: "link", offset: 0, count: 1))
    }
  }

  @Test func moreFilesThanStayOpen() throws {
    let scratch = try Scratch()
    let folder = try Folder(scratch.data, create: true)
    for number in 0..<40 {
      try folder.perform([
        .create("f\(number)"), .write("f\(number)", offset: 0, bytes: [UInt8(number)]),
      ])
    }
    for number in 0..<40 {
      #expect(
        try folder.read(FileRead(name: "f\(number)", offset: 0, count: 2)) == [UInt8(number)])
    }
  }

  @Test func aJournalSurvivesReopening() throws {
    let scratch = try Scratch()
    try Folder.openEmpty(scratch.data).perform(Journal.format(identity, settings: settings))
    var expected: [Entry] = []
    for _ in 0..<3 {
      let folder = try Folder(scratch.data)
      let recovery = try Journal.recover(folder.reader, settings: settings)
      #expect(recovery.identity == identity && recovery.repairs.isEmpty)
      #expect(recovery.state.entries == expected)
      var journal = recovery.journal
      for _ in 0..<50 {
        let entry = Entry(
          id: EntryID(index: LogIndex(UInt64(expected.count + 1)), term: Term(1)), kind: .command,
          stamp: 5, payload: [UInt8](repeating: 0xAB, count: 256))
        expected.append(entry)
        journal.append(hardState: nil, entries: [entry])
        let (writes, syncs) = journal.flush()
        try folder.perform(writes)
        try folder.perform(syncs)
      }
    }
  }
}
