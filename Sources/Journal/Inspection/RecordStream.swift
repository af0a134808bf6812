import Basics
import Checksums
import Raft

/// A record of a segment, for people.
package struct RecordReport: Hashable, Sendable {
  package var file: String
  package var offset: UInt64
  package var type: String
  /// Of entries, log resets, snapshots; the next segment of a seal; of a commit record what the log
  /// had reached before; how often the log was in doubt.
  package var index: UInt64
  package var term: UInt64
  /// Of an entry: what it is. Of a hard state: its vote. Of trust: why it is in doubt.
  package var kind: String
  /// Bytes of its body.
  package var length: UInt64
  /// What is wrong with the body.
  package var problem: String?
}

/// The records of one segment, one after the other, in a few kilobytes of memory. It ends at the
/// first place where no record of this segment begins that follows the one before.
package struct RecordStream {
  private static let windowBytes = 64 << 10

  private let folder: FolderFiles
  private let file: FolderReader.File
  private var salt: UInt32 = 0
  private var chain: UInt32 = 0
  private var offset = UInt64(SegmentHeader.size)
  private var window: [UInt8] = []
  private var windowStart: UInt64 = 0

  /// Nothing comes of a file without a good header. Throws if it cannot be read.
  package init(_ reader: FolderReader, _ file: FolderReader.File) throws(RecoveryError) {
    folder = FolderFiles(reader, [file])
    self.file = file
    if let (_, salt) = try? SegmentHeader.decode(folder.readEnvelope(file, .segment)) {
      (self.salt, chain) = (salt, salt)
    } else {
      offset = file.size
    }
  }

  /// The next record; `nil` after the last.
  package mutating func next() throws(RecoveryError) -> RecordReport? {
    guard offset < file.size else { return nil }
    let bytes = try read(offset, RecordHeader.size)
    let salt = salt
    guard let header = bytes.withUnsafeBytes({ RecordHeader($0, at: 0, salt: salt) }),
      header.chain == chain
    else { return nil }
    let place = offset
    let body = offset + UInt64(RecordHeader.size)
    offset += UInt64(RecordHeader.recordBytes(bodyCount: Int(header.length)))
    if header.type == .end {
      offset = file.size
    } else {
      chain = header.checksum
    }
    let isWhole = try checksum(body, UInt64(header.length)) == header.bodyChecksum
    return RecordReport(
      file: file.name, offset: place, type: Self.name(header.type), index: header.index,
      term: header.term, kind: Self.kind(header), length: UInt64(header.length),
      problem: isWhole ? nil : "the body is damaged or cut short")
  }

  private mutating func checksum(
    _ start: UInt64, _ count: UInt64
  ) throws(RecoveryError) -> UInt32? {
    guard count <= file.size, start <= file.size - count else { return nil }
    var checksum = salt
    var done: UInt64 = 0
    while done < count {
      let bytes = try read(start + done, Int(min(count - done, UInt64(Self.windowBytes))))
      guard !bytes.isEmpty else { return nil }
      checksum = CRC32C.checksum(bytes, continuing: checksum)
      done += UInt64(bytes.count)
    }
    return checksum
  }

  /// At most ``windowBytes``; fewer at the end of the file.
  private mutating func read(_ start: UInt64, _ count: Int) throws(RecoveryError) -> [UInt8] {
    if start < windowStart || start + UInt64(count) > windowStart + UInt64(window.count) {
      window = try folder.read(file.name, at: start, count: Self.windowBytes)
      windowStart = start
    }
    let first = Int(start - windowStart)
    return Array(window[min(first, window.count)..<min(first + count, window.count)])
  }

  private static func name(_ type: RecordType) -> String {
    switch type {
    case .hardState: "hard state"
    case .entry: "entry"
    case .logReset: "log reset"
    case .snapshotMarker: "snapshot"
    case .seal: "seal"
    case .commit: "commit"
    case .end: "end"
    case .trust: "trust"
    }
  }

  private static func kind(_ header: RecordHeader) -> String {
    switch header.type {
    case .entry:
      switch Entry.Kind(rawValue: header.kind) {
      case .empty: "empty"
      case .command: "command"
      case .membership: "membership"
      case .clock: "clock"
      case nil: "unknown"
      }
    case .hardState:
      header.kind == 0 ? "no vote" : "vote for \(ReplicaID(rawValue: header.stamp))"
    case .trust: Trust.Cause(rawValue: header.kind)?.words ?? "settled"
    default: ""
    }
  }
}

extension Trust.Cause {
  /// For people.
  package var words: String {
    switch self {
    case .tornTail: "torn tail"
    case .damage: "damage"
    }
  }
}
