/// Tells a batch that a crash tore, and that was never acknowledged, from acknowledged data that
/// the disk changed.
///
/// A batch is one write into zeros (or past the end of the file), followed by a sync, and the next
/// batch is only written after that sync. A crash before the sync leaves a beginning of the batch,
/// or any subset of its sectors; in place of the rest there are zeros. So damage is a tear only in
/// the last batch, and only if something is missing there: its end, or a sector that is zero and
/// should not be, for which the commit record counts the sectors that are rightly zero.
enum TornTail {
  /// Why what stands after the last whole batch is no tear; `nil` if it is one. The first record of
  /// a batch names the last of the batch before: anywhere else than at `start` it was misdirected.
  /// - Parameter chain: the checksum that the record at `start` names as that of the one before.
  static func corruption(_ scan: SegmentScan, after start: Int, chain: UInt32) -> String? {
    let bytes = scan.bytes
    let content = Sector.endOfContent(bytes)
    guard content > start else { return nil }
    var frames: [(header: RecordHeader, offset: Int)] = []
    var offset = start
    while offset <= content - RecordHeader.size {
      if RecordHeader.u32(bytes[rebasing: offset..<offset + 4], 0) == RecordHeader.magic,
        let header = RecordHeader(bytes, at: offset, salt: scan.salt)
      {
        if header.chain == chain, offset > start {
          return "what belongs there stands at byte \(offset)"
        }
        if header.type == .commit { frames.append((header, offset)) }
      }
      offset += 8
    }
    guard frames.count <= 1 else { return "whole batches follow" }
    guard let frame = frames.first else {
      return corruptionWithoutFrame(bytes, start..<content)
    }
    guard frame.header.term == UInt64(frame.offset - start) else { return "a whole batch follows" }
    let end = frame.offset + CommitFrame.size
    if content > end { return "other bytes follow the batch" }
    if content < end { return nil }
    guard let body = scan.commitBody(frame.header, at: frame.offset) else {
      return "the batch was written to its end"
    }
    return isMissing(bytes, start..<end, expected: body.zeroSectors)
      ? nil : "no sector of the batch is missing"
  }

  /// No commit record is valid: either it is not there, or it is damaged.
  private static func corruptionWithoutFrame(
    _ bytes: UnsafeRawBufferPointer, _ range: Range<Int>
  ) -> String? {
    guard range.count >= CommitFrame.bodyBytes else { return nil }
    let body = bytes[rebasing: range.upperBound - CommitFrame.bodyBytes..<range.upperBound]
    guard RecordHeader.u64(body, 8) == CommitFrame.end else { return nil }
    return isMissing(bytes, range, expected: Int(RecordHeader.u32(body, 4)))
      ? nil : "no sector of the batch is missing"
  }

  private static func isMissing(
    _ bytes: UnsafeRawBufferPointer, _ range: Range<Int>, expected: Int
  ) -> Bool {
    Sector.zeroCount(bytes[rebasing: range], at: range.lowerBound) > expected
  }

  /// Makes the file end after the last whole batch. The end of the batch goes first, so that a
  /// crash in the middle of this leaves a tear again.
  static func repair(_ name: String, _ torn: Range<Int>) -> [FileEffect] {
    let last = max(torn.lowerBound, torn.upperBound - 8)
    var effects = [zeros(name, last..<torn.upperBound), .sync(name)]
    if last > torn.lowerBound {
      effects += [zeros(name, torn.lowerBound..<last), .sync(name)]
    }
    return effects
  }

  static func zeros(_ name: String, _ range: Range<Int>) -> FileEffect {
    .write(
      name, offset: UInt64(range.lowerBound), bytes: [UInt8](repeating: 0, count: range.count))
  }
}

extension UnsafeRawBufferPointer {
  /// The part at `range`, counted from 0; it traps outside the buffer.
  subscript(rebasing range: Range<Int>) -> UnsafeRawBufferPointer {
    UnsafeRawBufferPointer(rebasing: self[range])
  }
}
