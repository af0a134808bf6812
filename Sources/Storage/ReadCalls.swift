import Glibc
import Journal

// System calls that read, for a folder that is written and for one that is looked at.

/// More names than any data folder has.
package let folderNamesMax = 100_000

/// The names of everything in a folder, which stays open.
func readNames(of descriptor: Int32, folder: String) throws(StorageError) -> [String] {
  // A second descriptor, because the directory stream closes its own.
  let copy = openat(descriptor, ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC)
  guard copy >= 0, let stream = fdopendir(copy) else { throw StorageError("open", folder) }
  defer { closedir(stream) }
  var names: [String] = []
  while true {
    errno = 0
    guard let item = readdir(stream) else {
      if errno != 0 { throw StorageError("readdir", folder) }
      return names
    }
    let name = withUnsafePointer(to: &item.pointee.d_name) {
      $0.withMemoryRebound(to: CChar.self, capacity: 256) { String(cString: $0) }
    }
    guard name != ".", name != ".." else { continue }
    guard names.count < folderNamesMax else {
      throw StorageError("readdir", folder, reason: "it holds more than \(folderNamesMax) files")
    }
    names.append(name)
  }
}

/// Puts bytes of an open file in the place of what an array had: fewer than asked for only at the
/// file's end. Takes no more memory than there is to read.
func readBytes(
  _ place: FileRead, from file: Int32, folder: String, into bytes: inout [UInt8]
) throws(StorageError) {
  let name = "\(folder)/\(place.name)"
  var status = stat()
  guard fstat(file, &status) == 0 else { throw StorageError("fstat", name) }
  let size = UInt64(max(0, status.st_size))
  let start = min(place.offset, size)
  let count = min(max(0, place.count), Int(clamping: size - start))
  var done: Int?
  if bytes.capacity < count {
    // What is read need not be cleared before.
    bytes = [UInt8](unsafeUninitializedCapacity: count) { memory, initialized in
      let room = UnsafeMutableBufferPointer(rebasing: memory[..<count])
      done = fill(UnsafeMutableRawBufferPointer(room), from: file, at: start)
      initialized = done ?? 0
    }
  } else {
    bytes.removeLast(max(0, bytes.count - count))
    bytes.append(contentsOf: repeatElement(0, count: count - bytes.count))
    done = bytes.withUnsafeMutableBytes { fill($0, from: file, at: start) }
    bytes.removeLast(count - (done ?? 0))
  }
  if done == nil { throw StorageError("pread", name) }
}

/// Reads until the memory is full or the file ends; the bytes that came, `nil` for an error.
private func fill(
  _ memory: UnsafeMutableRawBufferPointer, from file: Int32, at start: UInt64
) -> Int? {
  var done = 0
  while done < memory.count {
    let rest = UnsafeMutableRawBufferPointer(rebasing: memory[done...])
    let got = pread(file, rest.baseAddress, rest.count, off_t(start) + off_t(done))
    if got == 0 { break }
    if got > 0 { done += got } else if errno != EINTR { return nil }
  }
  return done
}
