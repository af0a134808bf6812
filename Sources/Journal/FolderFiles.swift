import Raft

/// The folder's files for recovery: every way that reading can fail is a ``RecoveryError``.
struct FolderFiles {
  /// More than any segment, whose batches are bounded by what Raft lets be uncommitted.
  static let segmentBytesMax: UInt64 = 1 << 30

  let reader: FolderReader
  /// By name, which for segments and snapshots is by number.
  let files: [FolderReader.File]

  init(_ reader: FolderReader) throws(RecoveryError) {
    self.reader = reader
    do {
      files = try reader.list().sorted { $0.name < $1.name }
    } catch {
      throw .unreadable(file: "the folder", reason: "\(error)")
    }
  }

  init(_ reader: FolderReader, _ files: [FolderReader.File]) {
    self.reader = reader
    self.files = files
  }

  func size(_ name: String) -> UInt64? { files.first { $0.name == name }?.size }

  func read(_ name: String, at offset: UInt64, count: Int) throws(RecoveryError) -> [UInt8] {
    var bytes: [UInt8] = []
    try read(name, at: offset, count: count, into: &bytes)
    return bytes
  }

  func read(
    _ name: String, at offset: UInt64, count: Int, into bytes: inout [UInt8]
  ) throws(RecoveryError) {
    do {
      try reader.fill(FileRead(name: name, offset: offset, count: count), &bytes)
    } catch {
      throw .unreadable(file: name, reason: "\(error)")
    }
  }

  /// The first bytes of a file: its ``Envelope``, or what there is of it.
  func readEnvelope(_ file: FolderReader.File, _ magic: Envelope.Magic) throws(RecoveryError)
    -> [UInt8]
  {
    let prefix = try read(file.name, at: 0, count: Envelope.prefixBytes)
    guard let count = try? Envelope.bodyCount(prefix, magic),
      Envelope.prefixBytes + count <= file.size
    else { return prefix }
    return try read(file.name, at: 0, count: Envelope.prefixBytes + count)
  }
}

extension RecoveryError {
  /// A damaged or newer header of a file.
  init(_ problem: Envelope.Problem, _ file: String, index: LogIndex? = nil) {
    self =
      switch problem {
      case .damaged(let reason): .corrupt(file: file, offset: 0, index: index, reason: reason)
      case .newer(let version): .newerFormat(file: file, version: version)
      case .older(let version): .olderFormat(file: file, version: version)
      }
  }
}
