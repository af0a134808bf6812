import Raft

/// What stands behind the last whole batch of the segment that was written to last.
///
/// A batch is one write, followed by a sync, and the next batch is only written after that sync. It
/// begins where the end mark of the one before stands, and brings its own. So an end mark there,
/// and nothing of this segment behind it, is the end of the log. Without it something was written:
/// if it can all be of one batch, that batch may have been torn by a crash and never acknowledged,
/// and it may as well be the last one that was acknowledged, damaged since. What cannot be of that
/// one batch was written after a sync of it, so that it was acknowledged for certain.
enum SegmentTail: Hashable {
  case clean
  case cut(Trust.Cause, reason: String)

  init(_ scan: SegmentScan, after end: SegmentScan.End) {
    let bytes = scan.bytes
    var isMarked = false
    var isEmpty = true
    /// Where the one batch that may stand here ends.
    var batchEnd: Int?
    for offset in stride(from: end.offset, through: bytes.count - RecordHeader.size, by: 8)
    where RecordHeader.u32(bytes, offset) == RecordHeader.magic {
      guard let header = RecordHeader(bytes, at: offset, salt: scan.salt) else { continue }
      if offset == end.offset, header.type == .end, header.chain == end.chain {
        isMarked = true
        continue
      }
      isEmpty = false
      if let problem = Self.damage(header, at: offset, end, &batchEnd) {
        self = .cut(.damage, reason: problem)
        return
      }
    }
    switch (isMarked, isEmpty) {
    case (true, true): self = .clean
    case (false, true): self = .cut(.tornTail, reason: "the mark of the log's end is missing")
    case (_, false): self = .cut(.tornTail, reason: end.bad?.reason ?? "its beginning is missing")
    }
  }

  /// Why a record behind the last whole batch is not of the one batch that may be torn; `nil` if it
  /// can be.
  private static func damage(
    _ header: RecordHeader, at offset: Int, _ end: SegmentScan.End, _ batchEnd: inout Int?
  ) -> String? {
    if header.chain == end.chain, offset > end.offset {
      return "what belongs there stands at byte \(offset)"
    }
    if let batchEnd {
      let isItsMark = header.type == .end && offset == batchEnd
      return isItsMark ? nil : "later records follow at byte \(offset)"
    }
    if header.type == .commit {
      guard header.term == UInt64(offset - end.offset) else {
        return "a later batch follows before byte \(offset)"
      }
      batchEnd = offset + CommitFrame.size
    }
    return nil
  }
}
