import Glibc
import Testing

/// A folder of its own for each test, removed at the end.
final class Scratch {
  let path: String

  init() throws {
    let parent = getenv("TMPDIR").map { String(cString: $0) } ?? "/tmp"
    let template = strdup(parent + "/shardkv-storage-XXXXXX")
    defer { free(template) }
    let made = template.flatMap { mkdtemp($0) }
    path = String(cString: try #require(made))
  }

  deinit {
    for folder in [path + "/data", path] {
      guard let stream = opendir(folder) else { continue }
      while let item = readdir(stream) {
        let name = withUnsafePointer(to: &item.pointee.d_name) {
          $0.withMemoryRebound(to: CChar.self, capacity: 256) { String(cString: $0) }
        }
        if name != ".", name != "..", unlink("\(folder)/\(name)") != 0 {
          rmdir("\(folder)/\(name)")
        }
      }
      closedir(stream)
      rmdir(folder)
    }
  }

  var data: String { path + "/data" }
}
