import Glibc
import Journal

/// A folder that is looked at and left as it is: nothing is made, locked or written, files are only
/// opened for reading. So it may be used beside the process that writes the folder, and on a copy
/// that nobody may write.
package final class FolderView {
  /// What stands in the folder under a name.
  package struct Item: Hashable, Sendable {
    package var name: String
    /// `nil`: it is no plain file.
    package var size: UInt64?
    /// What it is, for people.
    package var kind: String
  }

  package let path: String
  private let descriptor: Int32
  private var open: (name: String, descriptor: Int32)?

  package init(_ path: String) throws(StorageError) {
    self.path = path
    descriptor = Glibc.open(path, O_RDONLY | O_DIRECTORY | O_CLOEXEC)
    guard descriptor >= 0 else { throw StorageError("open", path) }
  }

  deinit {
    if let open { close(open.descriptor) }
    close(descriptor)
  }

  /// Everything in the folder but its lock.
  package func items() throws(StorageError) -> [Item] {
    var found: [Item] = []
    for name in try readNames(of: descriptor, folder: path) where name != Folder.lockName {
      // What was removed meanwhile is not there.
      if let item = try look(name) { found.append(item) }
    }
    return found
  }

  /// What stands under a name; `nil`: nothing.
  package func look(_ name: String) throws(StorageError) -> Item? {
    var status = stat()
    guard fstatat(descriptor, name, &status, AT_SYMLINK_NOFOLLOW) == 0 else {
      if errno == ENOENT { return nil }
      throw StorageError("stat", full(name))
    }
    let isFile = status.st_mode & S_IFMT == S_IFREG
    return Item(
      name: name, size: isFile ? UInt64(max(0, status.st_size)) : nil,
      kind: Self.kind(status.st_mode))
  }

  private static func kind(_ mode: mode_t) -> String {
    switch mode & S_IFMT {
    case S_IFREG: "a file"
    case S_IFDIR: "a folder"
    case S_IFLNK: "a symbolic link"
    case S_IFIFO: "a pipe"
    case S_IFSOCK: "a socket"
    default: "a device"
    }
  }

  /// The plain files, and their bytes. One file is kept open, so that what is renamed while it is
  /// read is read to its end.
  package var reader: FolderReader {
    FolderReader(
      list: {
        try self.items().compactMap { item in
          item.size.map { FolderReader.File(name: item.name, size: $0) }
        }
      },
      fill: { try self.read($0, into: &$1) })
  }

  private func read(_ place: FileRead, into bytes: inout [UInt8]) throws(StorageError) {
    let file = try opened(place.name)
    var status = stat()
    guard fstat(file, &status) == 0 else { throw StorageError("fstat", full(place.name)) }
    guard status.st_mode & S_IFMT == S_IFREG else {
      throw StorageError("read", full(place.name), reason: "it is \(Self.kind(status.st_mode))")
    }
    try readBytes(place, from: file, folder: path, into: &bytes)
  }

  private func opened(_ name: String) throws(StorageError) -> Int32 {
    if let open, open.name == name { return open.descriptor }
    if let open { close(open.descriptor) }
    open = nil
    // A pipe must not be waited for.
    let flags = O_RDONLY | O_CLOEXEC | O_NOFOLLOW | O_NONBLOCK | O_NOCTTY
    let file = openat(descriptor, name, flags)
    guard file >= 0 else { throw StorageError("open", full(name)) }
    open = (name, file)
    return file
  }

  /// Forgets what is open, so that the next look sees what is there then.
  package func refresh() {
    if let open { close(open.descriptor) }
    open = nil
  }

  /// The process that has the folder locked, as far as the system tells: it writes the files.
  package func holder() -> Int32? {
    var status = stat()
    guard fstatat(descriptor, Folder.lockName, &status, AT_SYMLINK_NOFOLLOW) == 0,
      let locks = Self.text("/proc/locks")
    else { return nil }
    for line in locks.split(separator: "\n") {
      // 1: FLOCK  ADVISORY  WRITE 1234 fe:00:5678 0 EOF
      let words = line.split(separator: " ")
      guard words.count >= 6, words[1] == "FLOCK", let process = Int32(words[4]),
        words[5].split(separator: ":").last.flatMap({ UInt64($0) }) == UInt64(status.st_ino)
      else { continue }
      return process
    }
    return nil
  }

  /// A small file of the system's.
  private static func text(_ path: String) -> String? {
    let file = Glibc.open(path, O_RDONLY | O_CLOEXEC)
    guard file >= 0 else { return nil }
    defer { close(file) }
    var bytes = [UInt8](repeating: 0, count: 1 << 20)
    var count = 0
    while count < bytes.count {
      let got = bytes.withUnsafeMutableBytes { all in
        let rest = UnsafeMutableRawBufferPointer(rebasing: all[count...])
        return Glibc.read(file, rest.baseAddress, rest.count)
      }
      guard got > 0 else { break }
      count += got
    }
    return String(decoding: bytes[..<count], as: UTF8.self)
  }

  private func full(_ name: String) -> String { "\(path)/\(name)" }
}
