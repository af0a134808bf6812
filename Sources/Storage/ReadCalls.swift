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

/// Bytes of an open file: fewer than asked for only at its end. Allocates no more than there is to
/// read.
func readBytes(
  _ place: FileRead, from file: Int32, folder: String
) throws(StorageError) -> [UInt8] {
  let name = "\(folder)/\(place.name)"
  var status = stat()
  guard fstat(file, &status) == 0 else { throw StorageError("fstat", name) }
  let size = UInt64(max(0, status.st_size))
  let start = min(place.offset, size)
  let count = min(max(0, place.count), Int(clamping: size - start))
  var error: StorageError?
  let bytes = [UInt8](unsafeUninitializedCapacity: count) { buffer, done in
    while done < count {
      let rest = UnsafeMutableBufferPointer(rebasing: buffer[done..<count])
      let got = pread(file, rest.baseAddress, rest.count, off_t(start) + off_t(done))
      if got > 0 {
        done += got
      } else if got == 0 {
        break
      } else if errno != EINTR {
        error = StorageError("pread", name)
        break
      }
    }
  }
  if let error { throw error }
  return bytes
}
