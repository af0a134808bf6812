import Fuzzing
import Journal

/// A data folder in memory, without crashes: what is written is there.
struct FolderBytes: Equatable {
  private(set) var files: [String: [UInt8]] = [:]

  var names: [String] { files.keys.sorted() }

  var byteCount: Int { files.values.reduce(0) { $0 + $1.count } }

  subscript(name: String) -> [UInt8]? {
    get { files[name] }
    set { files[name] = newValue }
  }

  /// Carries out what the journal asks for. Throws where a real folder would fail.
  mutating func perform(_ effects: [FileEffect]) throws(Finding) {
    for effect in effects { try perform(effect) }
  }

  private mutating func perform(_ effect: FileEffect) throws(Finding) {
    switch effect {
    case .create(let name):
      guard files[name] == nil else { throw Finding(description: "create: \(name) is there") }
      files[name] = []
    case .write(let name, let offset, let bytes):
      let end = Int(clamping: offset) + bytes.count
      guard files[name] != nil, end <= Self.fileBytesMax else { throw missing("write", name) }
      files[name, default: []].overwrite(bytes, at: Int(clamping: offset))
    case .truncate(let name, let size):
      guard let old = files[name], size <= Self.fileBytesMax else {
        throw missing("truncate", name)
      }
      let count = Int(clamping: size)
      files[name] =
        Array(old.prefix(count)) + [UInt8](repeating: 0, count: max(0, count - old.count))
    case .sync(let name):
      guard files[name] != nil else { throw missing("sync", name) }
    case .rename(let name, let newName):
      guard let bytes = files.removeValue(forKey: name) else { throw missing("rename", name) }
      files[newName] = bytes
    case .remove(let name):
      guard files.removeValue(forKey: name) != nil else { throw missing("remove", name) }
    case .syncFolder: break
    }
  }

  static let fileBytesMax = 256 << 10

  private func missing(_ call: String, _ name: String) -> Finding {
    Finding(description: "\(call): \(name) is not there, or would be too large")
  }

  /// As recovery reads it.
  var reader: FolderReader {
    FolderReader(
      list: { names.map { FolderReader.File(name: $0, size: UInt64(files[$0]?.count ?? 0)) } },
      read: { place in
        guard let bytes = files[place.name] else { return [] }
        let start = Int(clamping: min(place.offset, UInt64(bytes.count)))
        return Array(bytes[start..<min(bytes.count, start + min(max(0, place.count), bytes.count))])
      })
  }
}

extension [UInt8] {
  /// Bytes over those at an offset; the array grows as a file does.
  mutating func overwrite(_ bytes: [UInt8], at offset: Int) {
    if offset + bytes.count > count {
      append(contentsOf: repeatElement(0, count: offset + bytes.count - count))
    }
    for (place, byte) in bytes.enumerated() { self[offset + place] = byte }
  }
}
