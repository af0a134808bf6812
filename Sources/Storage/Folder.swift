import Basics
import Glibc
import Journal

/// A replica's data folder on a real file system: carries out the journal's effects.
///
/// It belongs to one thread; another thread of the process has a ``init(besides:)`` of its own.
/// While it is open no other process can open it.
package final class Folder {
  /// Files kept open between effects; the oldest is closed when one more is needed. Few, because a
  /// file that another thread removed keeps its room as long as it is open here.
  private static let openFilesMax = 4
  static let lockName = "lock"

  package let path: String
  private let descriptor: Int32
  /// -1: somebody else of this process has it.
  private let lock: Int32
  private var files: [(name: String, descriptor: Int32)] = []

  /// Opens the folder and locks it.
  ///
  /// - Parameter create: makes the folder, not its parents, if it is not there.
  /// - Throws: when a system call fails, or when another process has the folder open.
  package init(_ path: String, create: Bool = false) throws(StorageError) {
    self.path = path
    if create { try Self.make(path) }
    descriptor = Glibc.open(path, O_RDONLY | O_DIRECTORY | O_CLOEXEC)
    guard descriptor >= 0 else { throw StorageError("open", path) }
    lock = openat(descriptor, Self.lockName, O_RDWR | O_CREAT | O_CLOEXEC, 0o600)
    guard lock >= 0 else {
      let error = StorageError("open", "\(path)/\(Self.lockName)")
      close(descriptor)
      throw error
    }
    guard flock(lock, LOCK_EX | LOCK_NB) == 0 else {
      let error =
        errno == EWOULDBLOCK
        ? StorageError(
          "lock", path,
          reason: "the folder is in use by another process: stop that one, or use another folder")
        : StorageError("flock", "\(path)/\(Self.lockName)")
      close(lock)
      close(descriptor)
      throw error
    }
  }

  /// Opens a folder that this process has locked already, for another of its threads.
  package init(besides path: String) throws(StorageError) {
    self.path = path
    lock = -1
    descriptor = Glibc.open(path, O_RDONLY | O_DIRECTORY | O_CLOEXEC)
    guard descriptor >= 0 else { throw StorageError("open", path) }
  }

  deinit {
    closeFiles()
    if lock >= 0 { close(lock) }
    close(descriptor)
  }

  /// Closes the files that are open between effects.
  package func closeFiles() {
    for file in files { close(file.descriptor) }
    files = []
  }

  /// Opens a folder for `init`: makes it if it is not there, and refuses one that holds files.
  package static func openEmpty(_ path: String) throws(StorageError) -> Folder {
    let folder = try Folder(path, create: true)
    if let name = try folder.list().first?.name {
      throw StorageError(
        "initialise", path,
        reason: "the folder is not empty (it holds \(name)): name another one, or remove it first")
    }
    return folder
  }

  /// True if the folder holds nothing but its lock.
  package func isEmpty() throws(StorageError) -> Bool { try list().isEmpty }

  /// Carries the effects out, in order. After an error the process must stop.
  package func perform(_ effects: [FileEffect]) throws(StorageError) {
    for effect in effects { try perform(effect) }
  }

  /// Carries out one effect. After an error the process must stop, unless it is one of
  /// ``StorageError/isForLackOfRoom``.
  package func perform(_ effect: FileEffect) throws(StorageError) {
    switch effect {
    case .create(let name):
      // Another thread may have renamed a file of that name.
      forget(name)
      try remember(name, open(name, O_RDWR | O_CREAT | O_EXCL))
    case .write(let name, let offset, let bytes):
      try write(bytes, to: name, at: offset)
    case .truncate(let name, let size):
      guard let size = off_t(exactly: size) else { throw tooFar("ftruncate", name) }
      let file = try opened(name)
      try retrying("ftruncate", name) { ftruncate(file, size) }
    case .sync(let name):
      let file = try opened(name)
      try retrying("fdatasync", name) { fdatasync(file) }
    case .rename(let name, let newName):
      forget(name)
      forget(newName)
      guard renameat(descriptor, name, descriptor, newName) == 0 else {
        throw StorageError("rename", "\(full(name)) to \(newName)")
      }
    case .remove(let name):
      forget(name)
      guard unlinkat(descriptor, name, 0) == 0 else { throw StorageError("unlink", full(name)) }
    case .syncFolder:
      try retrying("fsync", nil) { fsync(descriptor) }
    }
  }

  private func write(_ bytes: [UInt8], to name: String, at offset: UInt64) throws(StorageError) {
    guard let start = off_t(exactly: offset), start <= off_t.max - off_t(bytes.count) else {
      throw tooFar("pwrite", name)
    }
    let file = try opened(name)
    var done = 0
    while done < bytes.count {
      let count = bytes.withUnsafeBytes { all in
        let rest = UnsafeRawBufferPointer(rebasing: all[done...])
        return pwrite(file, rest.baseAddress, rest.count, start + off_t(done))
      }
      if count > 0 {
        done += count
      } else if count == 0 {
        throw StorageError("pwrite", full(name), reason: "nothing was written")
      } else if errno != EINTR {
        throw StorageError("pwrite", full(name))
      }
    }
  }

  /// The bytes that are there: fewer than asked for only at the end of the file.
  package func read(_ place: FileRead) throws(StorageError) -> [UInt8] {
    var bytes: [UInt8] = []
    try read(place, into: &bytes)
    return bytes
  }

  /// The same in the memory of an array.
  private func read(_ place: FileRead, into bytes: inout [UInt8]) throws(StorageError) {
    try readBytes(place, from: try opened(place.name), folder: path, into: &bytes)
  }

  /// The same from the disk itself as far as the system can be told so, and without keeping the
  /// file open; `nil` if there is no such file.
  package func readBack(_ place: FileRead) throws(StorageError) -> [UInt8]? {
    let file: Int32
    do throws(StorageError) {
      file = try open(place.name, O_RDONLY)
    } catch {
      guard error.code == ENOENT else { throw error }
      return nil
    }
    defer { close(file) }
    let (start, count) = (off_t(clamping: place.offset), off_t(place.count))
    // What is durable is dropped from memory, so that it comes from the disk; and dropped again, so
    // that it takes no room there from others.
    posix_fadvise(file, start, count, Int32(POSIX_FADV_DONTNEED))
    var bytes: [UInt8] = []
    try readBytes(place, from: file, folder: path, into: &bytes)
    posix_fadvise(file, start, count, Int32(POSIX_FADV_DONTNEED))
    return bytes
  }

  /// The plain files of the folder, but not its lock.
  package func list() throws(StorageError) -> [FolderReader.File] {
    var found: [FolderReader.File] = []
    for name in try readNames(of: descriptor, folder: path) where name != Self.lockName {
      var status = stat()
      guard fstatat(descriptor, name, &status, AT_SYMLINK_NOFOLLOW) == 0 else {
        throw StorageError("stat", full(name))
      }
      guard status.st_mode & S_IFMT == S_IFREG else { continue }
      found.append(FolderReader.File(name: name, size: UInt64(max(0, status.st_size))))
    }
    return found
  }

  /// What is left on the folder's file system; `nil` if it does not say. Where no file can be made
  /// any more nothing is left.
  package func space() -> DiskSpace? {
    var status = statvfs()
    guard fstatvfs(descriptor, &status) == 0 else { return nil }
    let unit = UInt64(status.f_frsize)
    let hasNames = status.f_files == 0 || status.f_favail > Self.namesKept
    return DiskSpace(
      free: hasNames ? UInt64(status.f_bavail).multipliedClamped(by: unit) : 0,
      total: UInt64(status.f_blocks).multipliedClamped(by: unit))
  }

  /// As many files as a journal and its snapshots may want at once, and some more.
  private static let namesKept = 32

  /// The folder as recovery reads it.
  package var reader: FolderReader {
    FolderReader(list: { try self.list() }, fill: { try self.read($0, into: &$1) })
  }

  private static func make(_ path: String) throws(StorageError) {
    if mkdir(path, 0o700) == 0 {
      // The folder's own name must survive a crash, too.
      let trimmed = path.hasSuffix("/") ? String(path.dropLast()) : path
      let slash = trimmed.lastIndex(of: "/")
      let parent = slash.map { $0 == trimmed.startIndex ? "/" : String(trimmed[..<$0]) } ?? "."
      let file = Glibc.open(parent, O_RDONLY | O_DIRECTORY | O_CLOEXEC)
      guard file >= 0 else { throw StorageError("open", parent) }
      defer { close(file) }
      guard fsync(file) == 0 else { throw StorageError("fsync", parent) }
    } else if errno != EEXIST {
      throw StorageError("mkdir", path)
    }
  }

  private func open(_ name: String, _ flags: Int32) throws(StorageError) -> Int32 {
    while true {
      let file = openat(descriptor, name, flags | O_CLOEXEC | O_NOFOLLOW, 0o600)
      if file >= 0 { return file }
      if errno != EINTR { throw StorageError("open", full(name)) }
    }
  }

  /// The descriptor of a file that is there, opened if it is not open yet.
  private func opened(_ name: String) throws(StorageError) -> Int32 {
    if let file = files.first(where: { $0.name == name }) { return file.descriptor }
    let file = try open(name, O_RDWR)
    try remember(name, file)
    return file
  }

  private func remember(_ name: String, _ file: Int32) throws(StorageError) {
    if files.count >= Self.openFilesMax {
      let oldest = files.removeFirst()
      guard close(oldest.descriptor) == 0 else { throw StorageError("close", full(oldest.name)) }
    }
    files.append((name, file))
  }

  private func forget(_ name: String) {
    guard let position = files.firstIndex(where: { $0.name == name }) else { return }
    close(files.remove(at: position).descriptor)
  }

  private func retrying(_ call: String, _ name: String?, _ body: () -> Int32) throws(StorageError) {
    while body() != 0 {
      if errno != EINTR { throw StorageError(call, name.map(full) ?? path) }
    }
  }

  private func tooFar(_ call: String, _ name: String) -> StorageError {
    StorageError(call, full(name), code: EFBIG)
  }

  private func full(_ name: String) -> String { "\(path)/\(name)" }
}
