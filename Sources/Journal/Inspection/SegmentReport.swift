import Raft

/// What one segment of the log holds.
package struct SegmentReport: Sendable {
  /// What follows the last whole batch.
  package enum Tail: Hashable, Sendable {
    /// The mark of the log's end.
    case endMark
    /// The segment is full; the log goes on in the one with this number.
    case sealed(next: UInt64)
    /// Neither, or something behind it.
    case other(String)
  }

  package var name: String
  package var size: UInt64
  /// What is wrong with the header, or why the file cannot be read; there is nothing below then.
  package var problem: String?
  package var segment: UInt64 = 0
  /// The segment before, 0 if this was the first.
  package var previous: UInt64 = 0
  /// The last entry of the log before this segment.
  package var lastBefore = EntryID(index: .zero, term: .zero)
  /// The log is in doubt from here on, or was once.
  package var trust = Trust()
  /// The size that it was written with zeros up to.
  package var prewritten: UInt64 = 0
  /// Bytes of the header and of whole batches.
  package var usedBytes = 0
  package var batches = 0
  /// Entries that were written, those that were replaced later among them.
  package var entries = 0
  /// The least and the greatest index and term of them.
  package var indexes: ClosedRange<LogIndex>?
  package var terms: ClosedRange<Term>?
  package var tail = Tail.endMark

  /// The first record of a batch that is not whole.
  var bad: (offset: Int, reason: String)?
  var owner: SegmentHeader.Owner?

  init(_ file: FolderReader.File) {
    name = file.name
    size = file.size
  }

  /// Reads the whole file. Throws only if it cannot be read.
  init(_ folder: FolderFiles, _ file: FolderReader.File) throws(RecoveryError) {
    self.init(file)
    let start = try folder.readEnvelope(file, .segment)
    let header: SegmentHeader
    let salt: UInt32
    do {
      (header, salt) = try SegmentHeader.decode(start)
    } catch {
      problem =
        switch error {
        case .damaged(let reason): reason
        case .newer(let version): "format version \(version), newer than \(Envelope.version)"
        case .older(let version): "format version \(version), older than \(Envelope.version)"
        }
      return
    }
    (owner, segment, previous) = (header.owner, header.segment, header.previous)
    (lastBefore, trust, prewritten) = (header.last, header.trust, header.prewritten)
    if FileNames.segmentNumber(file.name) != header.segment {
      problem = "the header names another segment"
    }
    try LogRecovery.readAll(folder, file).withUnsafeBytes { bytes in
      size = UInt64(bytes.count)
      let scan = SegmentScan(bytes: bytes, salt: salt)
      var log = RecoveredLog(header)
      log.keepsPayloads = false
      let end = scan.walk(&log)
      usedBytes = end.offset
      bad = end.bad
      count(scan)
      if let next = end.sealedFor {
        tail = .sealed(next: next)
      } else if case .cut(_, let reason) = SegmentTail(scan, after: end) {
        tail = .other(reason)
      }
    }
  }

  /// What is in the batches, which were found to be whole.
  private mutating func count(_ scan: SegmentScan) {
    var offset = SegmentHeader.size
    while offset < usedBytes, let header = RecordHeader(scan.bytes, at: offset, salt: scan.salt) {
      switch header.type {
      case .entry:
        entries += 1
        let (index, term) = (LogIndex(header.index), Term(header.term))
        indexes =
          min(indexes?.lowerBound ?? index, index)...max(indexes?.upperBound ?? index, index)
        terms = min(terms?.lowerBound ?? term, term)...max(terms?.upperBound ?? term, term)
      case .commit: batches += 1
      default: break
      }
      offset += RecordHeader.recordBytes(bodyCount: Int(header.length))
    }
  }
}
