import Basics
import Journal

/// The folder of one node as bytes, with what its disk has promised kept apart from what it merely
/// holds: a crash loses, keeps or tears everything that was not synced.
package struct SimulatedDisk: Sendable {
  /// A change that a real folder would refuse: the journal ordered something impossible, or there
  /// is no room.
  package struct Refusal: Error, CustomStringConvertible {
    package var description: String
    package var isForLackOfRoom = false
  }

  /// Disks write whole sectors: a torn write keeps some of them and loses the others.
  package static let sectorBytes = 512

  struct Change {
    enum Kind {
      case write(offset: Int, bytes: [UInt8])
      case truncate(size: Int)
    }
    /// Counts changes of the folder; a sync covers those up to its own number.
    var number: UInt64
    var kind: Kind
  }

  struct File {
    /// As a running process reads it.
    var content: [UInt8] = []
    /// As it certainly is after a crash, before `pending`.
    var durable: [UInt8] = []
    var pending: [Change] = []
  }

  private struct FolderChange {
    enum Kind {
      case create(String, file: Int)
      case rename(String, to: String)
      case remove(String)
    }
    var number: UInt64
    var kind: Kind
  }

  /// Files stay at their place for as long as the disk lives; names point to them.
  var files: [File] = []
  var names: [String: Int] = [:]
  private var durableNames: [String: Int] = [:]
  private var pendingNames: [FolderChange] = []

  /// How many changes there were: what a sync that starts now will cover.
  package private(set) var changeNumber: UInt64 = 0
  /// Writes that crashes lost or tore, for the totals of a run.
  package private(set) var lostWrites = 0
  package private(set) var tornWrites = 0
  /// Bytes that all files may have together; `nil`: as many as they like. What is there can be
  /// overwritten, read, renamed, removed and synced whatever others have put on the disk.
  package var capacity: Int?

  /// The last writes are remembered, so that one of them can turn out to have gone astray.
  package var remembersWrites = false
  var remembered: [RememberedWrite] = []
  /// Files that were synced so far.
  private var syncCount = 0

  package init() {}

  /// The names of the files, ascending.
  package var fileNames: [String] { names.keys.sorted() }

  package func contents(of name: String) -> [UInt8]? { names[name].map { files[$0].content } }

  /// Bytes of all files, as a running process sees them.
  package var totalBytes: Int { names.values.reduce(0) { $0 + files[$1].content.count } }

  /// True if every change would survive a crash.
  package var isClean: Bool {
    pendingNames.isEmpty && names.values.allSatisfy { files[$0].pending.isEmpty }
  }

  /// Carries out one effect. Syncs make durable what was changed up to `covered`, or everything.
  package mutating func execute(
    _ effect: FileEffect, covering covered: UInt64 = .max
  ) throws(Refusal) {
    guard hasRoom(for: effect) else {
      throw Refusal(description: "no space left on the disk", isForLackOfRoom: true)
    }
    switch effect {
    case .create(let name):
      guard names[name] == nil else { throw Refusal(description: "create \(name): it exists") }
      names[name] = files.count
      noteFolderChange(.create(name, file: files.count))
      files.append(File())
    case .write(let name, let offset, let bytes):
      let file = try place(of: name, for: "write")
      guard let start = Int(exactly: offset) else {
        throw Refusal(description: "write \(name) at \(offset): beyond any file")
      }
      if remembersWrites { remember(file, start, bytes, syncs: syncCount) }
      note(.write(offset: start, bytes: bytes), in: file)
    case .truncate(let name, let size):
      let file = try place(of: name, for: "truncate")
      guard let size = Int(exactly: size) else {
        throw Refusal(description: "truncate \(name) to \(size): beyond any file")
      }
      note(.truncate(size: size), in: file)
    case .sync(let name):
      syncFile(try place(of: name, for: "sync"), covered)
      syncCount += 1
    case .rename(let name, let newName):
      let file = try place(of: name, for: "rename")
      names[name] = nil
      names[newName] = file
      noteFolderChange(.rename(name, to: newName))
    case .remove(let name):
      _ = try place(of: name, for: "remove")
      names[name] = nil
      noteFolderChange(.remove(name))
    case .syncFolder:
      syncFolder(covered)
    }
  }

  /// Whether an effect can be carried out as far as room goes.
  package func hasRoom(for effect: FileEffect) -> Bool {
    guard let capacity else { return true }
    let room = max(0, capacity - totalBytes)
    return switch effect {
    // The new name takes some, too.
    case .create: room > 0
    case .write(let name, let offset, let bytes):
      growth(of: name, to: Int(clamping: offset) + bytes.count) <= room
    case .truncate(let name, let size): growth(of: name, to: Int(clamping: size)) <= room
    case .sync, .rename, .remove, .syncFolder: true
    }
  }

  private func growth(of name: String, to size: Int) -> Int {
    names[name].map { max(0, size - files[$0].content.count) } ?? 0
  }

  /// What a process would be told of the file system; `nil`: it has no end.
  package var space: DiskSpace? {
    capacity.map {
      DiskSpace(free: UInt64(max(0, $0 - totalBytes)), total: UInt64(max($0, totalBytes)))
    }
  }

  /// A full disk took in only so many bytes of a write.
  package mutating func writePart(of effect: FileEffect, bytes count: Int) {
    guard case .write(let name, let offset, let bytes) = effect, let file = names[name],
      let start = Int(exactly: offset), count > 0
    else { return }
    note(.write(offset: start, bytes: Array(bytes.prefix(count))), in: file)
  }

  /// Loses the power: what was not synced is lost, kept or torn, each change by itself. Changes of
  /// names are kept in order up to some point, as a file system with a journal does.
  package mutating func crash(_ generator: inout SeededGenerator) {
    let kept = generator.next(in: 0...pendingNames.count)
    for change in pendingNames.prefix(kept) { Self.apply(change.kind, to: &durableNames) }
    pendingNames = []
    for file in files.indices where !files[file].pending.isEmpty {
      for change in files[file].pending {
        switch generator.next(in: 0..<3) {
        case 0: lostWrites += 1
        case 1: Self.apply(change.kind, to: &files[file].durable)
        default: tear(change.kind, file, &generator)
        }
      }
      files[file].pending = []
    }
    names = durableNames
    for file in files.indices { files[file].content = files[file].durable }
    dropUnnamedFiles()
  }

  /// The whole folder is gone, as after a new disk was put in. Counts go on.
  package mutating func loseEverything() {
    files = []
    names = [:]
    durableNames = [:]
    pendingNames = []
    remembered = []
    capacity = nil
  }

  /// The disk as the most forgetful crash at this moment would leave it.
  package func afterLosingEverythingUnsynced() -> SimulatedDisk {
    var disk = self
    disk.names = durableNames
    disk.pendingNames = []
    for file in files.indices where !files[file].pending.isEmpty {
      disk.files[file].content = files[file].durable
      disk.files[file].pending = []
    }
    return disk
  }

  /// Flips one bit of a file: damage that no crash explains.
  package mutating func flipBit(of name: String, at bit: Int) {
    guard let file = names[name], bit / 8 < files[file].content.count else { return }
    let mask = UInt8(1) << UInt8(bit % 8)
    files[file].content[bit / 8] ^= mask
    if bit / 8 < files[file].durable.count { files[file].durable[bit / 8] ^= mask }
  }

  /// Takes the end of a file away, as a file system check may do.
  package mutating func cutOff(_ name: String, at size: Int) {
    guard let file = names[name] else { return }
    files[file].content.removeLast(max(0, files[file].content.count - size))
    files[file].durable.removeLast(max(0, files[file].durable.count - size))
  }

  /// The folder as recovery reads it: as it is now.
  package var reader: FolderReader {
    let disk = self
    return FolderReader(
      list: {
        disk.fileNames.map {
          FolderReader.File(name: $0, size: UInt64(disk.contents(of: $0)?.count ?? 0))
        }
      },
      read: { try disk.read($0) })
  }

  package func read(_ order: FileRead) throws(Refusal) -> [UInt8] {
    let content = files[try place(of: order.name, for: "read")].content
    let start = Int(clamping: order.offset)
    guard start < content.count, order.count > 0 else { return [] }
    return Array(content[start..<min(content.count, start + order.count)])
  }

  private func place(of name: String, for action: String) throws(Refusal) -> Int {
    guard let file = names[name] else {
      throw Refusal(description: "\(action) \(name): no such file")
    }
    return file
  }

  private mutating func note(_ kind: Change.Kind, in file: Int) {
    changeNumber += 1
    Self.apply(kind, to: &files[file].content)
    files[file].pending.append(Change(number: changeNumber, kind: kind))
  }

  private mutating func noteFolderChange(_ kind: FolderChange.Kind) {
    changeNumber += 1
    pendingNames.append(FolderChange(number: changeNumber, kind: kind))
  }

  private mutating func syncFile(_ file: Int, _ covered: UInt64) {
    let count = files[file].pending.prefix { $0.number <= covered }.count
    for change in files[file].pending.prefix(count) {
      Self.apply(change.kind, to: &files[file].durable)
    }
    files[file].pending.removeFirst(count)
  }

  private mutating func syncFolder(_ covered: UInt64) {
    let count = pendingNames.prefix { $0.number <= covered }.count
    for change in pendingNames.prefix(count) { Self.apply(change.kind, to: &durableNames) }
    pendingNames.removeFirst(count)
    if pendingNames.isEmpty { dropUnnamedFiles() }
  }

  /// Frees the bytes of files that no name can lead to any more.
  private mutating func dropUnnamedFiles() {
    var isNamed = Array(repeating: false, count: files.count)
    for file in names.values.sorted() { isNamed[file] = true }
    for file in durableNames.values.sorted() { isNamed[file] = true }
    for file in files.indices where !isNamed[file] && !files[file].content.isEmpty {
      files[file] = File()
    }
  }

  private mutating func tear(
    _ kind: Change.Kind, _ file: Int, _ generator: inout SeededGenerator
  ) {
    guard case .write(let offset, let bytes) = kind else { return }
    tornWrites += 1
    var start = 0
    while start < bytes.count {
      let end = min(bytes.count, start + Self.sectorBytes - (offset + start) % Self.sectorBytes)
      if generator.chance(0.5) {
        let part = Array(bytes[start..<end])
        Self.apply(.write(offset: offset + start, bytes: part), to: &files[file].durable)
      }
      start = end
    }
  }

  static func apply(_ kind: Change.Kind, to content: inout [UInt8]) {
    switch kind {
    case .truncate(let size):
      if size < content.count {
        content.removeLast(content.count - size)
      } else {
        content.append(contentsOf: repeatElement(0, count: size - content.count))
      }
    case .write(let offset, let bytes):
      if offset > content.count {
        content.append(contentsOf: repeatElement(0, count: offset - content.count))
      }
      if offset == content.count {
        content.append(contentsOf: bytes)
      } else {
        let end = min(content.count, offset + bytes.count)
        content.replaceSubrange(offset..<end, with: bytes)
      }
    }
  }

  private static func apply(_ kind: FolderChange.Kind, to names: inout [String: Int]) {
    switch kind {
    case .create(let name, let file): names[name] = file
    case .rename(let name, let newName): names[newName] = names.removeValue(forKey: name)
    case .remove(let name): names[name] = nil
    }
  }
}
