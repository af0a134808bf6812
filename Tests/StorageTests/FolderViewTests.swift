import Glibc
import Journal
import Raft
import ShardMap
import Testing

@testable import Storage

/// Looking at a folder changes nothing in it, waits for nothing, and follows no link.
@Suite struct FolderViewTests {
  private func filled(_ scratch: Scratch) throws -> Folder {
    let folder = try Folder(scratch.data, create: true)
    try folder.perform([
      .create("identity"), .write("identity", offset: 0, bytes: Array(0..<200)), .sync("identity"),
    ])
    return folder
  }

  @Test func filesAreReadBesideTheirWriter() throws {
    let scratch = try Scratch()
    let folder = try filled(scratch)
    let view = try FolderView(scratch.data)
    #expect(try view.reader.list() == [FolderReader.File(name: "identity", size: 200)])
    let place = FileRead(name: "identity", offset: 190, count: 1_000)
    #expect(try view.reader.read(place) == Array(190..<200))
    #expect(try view.reader.read(FileRead(name: "identity", offset: .max, count: 9)) == [])
    try folder.perform([.truncate("identity", size: 195)])
    #expect(try view.reader.read(place) == Array(190..<195))
    #expect(view.holder() == getpid())
  }

  @Test func nothingIsMadeAndNobodyIsLockedOut() throws {
    let scratch = try Scratch()
    #expect(throws: StorageError.self) { try FolderView(scratch.data) }
    do { _ = try filled(scratch) }
    #expect(unlink(scratch.data + "/lock") == 0)
    let view = try FolderView(scratch.data)
    #expect(view.holder() == nil)
    #expect(try view.items().map(\.name) == ["identity"])
    #expect(access(scratch.data + "/lock", F_OK) != 0)
    _ = try Folder(scratch.data)
  }

  @Test func whatIsNoPlainFileIsNamedAndNotRead() throws {
    let scratch = try Scratch()
    _ = try filled(scratch)
    #expect(mkfifo(scratch.data + "/wal-0000000000000001.log", 0o600) == 0)
    #expect(mkdir(scratch.data + "/snap-0000000000000001-0000000000000001", 0o700) == 0)
    #expect(symlink("identity", scratch.data + "/identity-copy") == 0)
    let view = try FolderView(scratch.data)
    let items = try view.items().sorted { $0.name < $1.name }
    #expect(items.map(\.kind) == ["a file", "a symbolic link", "a folder", "a pipe"])
    #expect(try view.reader.list().map(\.name) == ["identity"])
    for item in items where item.size == nil {
      #expect(throws: StorageError.self) {
        try view.reader.read(FileRead(name: item.name, offset: 0, count: 1))
      }
    }
    #expect(throws: StorageError.self) {
      try view.reader.read(FileRead(name: "none", offset: 0, count: 1))
    }
    #expect(try view.look("none") == nil)
    // Recovery's view of the same folder: damage, and no trap.
    let report = try? JournalReport(view.reader)
    #expect(report?.identity == nil)
  }
}
