import Raft

/// Files for segments to come. An old segment is used again, because to overwrite bytes that are
/// on the disk needs no new blocks: a sync then writes nothing but them, and a full disk cannot
/// refuse.
extension Journal {
  /// Lets a segment go that nothing needs any more; it goes after the marker in the buffer.
  mutating func retire(_ old: Segment) {
    let coming = waitingRemovals.count {
      if case .rename = $0 { true } else { false }
    }
    let isSpare = spares.count + coming < Self.sparesMax && Self.isFit(size: old.size, settings)
    waitingRemovals.append(
      isSpare ? .rename(old.name, to: FileNames.spare(of: old.id)) : .remove(old.name))
  }

  /// Whether a file can be a segment: one whose last batch was huge is not kept.
  static func isFit(size: Int, _ settings: JournalSettings) -> Bool {
    (prewrittenBytes(settings)...2 * prewrittenBytes(settings)).contains(size)
  }

  /// The spare that is to be made ahead; `nil`: none is needed yet. It is made by
  /// ``makeSpare(_:_:)``, off the loop, and taken with ``add(spare:)``.
  package var wantedSpare: String? {
    let newest = segments[segments.count - 1]
    guard spares.isEmpty, waitingRemovals.isEmpty, removals.isEmpty, rotation.isEmpty,
      newest.used > settings.segmentBytes / 2
    else { return nil }
    return FileNames.spare(made: lastSpareMade + 1)
  }

  /// Writes a spare full of zeros. After a crash it is there as a whole or not at all.
  package static func makeSpare(_ name: String, _ settings: JournalSettings) -> [FileEffect] {
    let temporary = name + FileNames.temporarySuffix
    return [.create(temporary)] + zeros(temporary, 0..<prewrittenBytes(settings))
      + [.sync(temporary), .rename(temporary, to: name), .syncFolder]
  }

  /// Writes zeros there, in pieces, so that others wait for none of it long. The pieces share their
  /// bytes: to clear so much memory takes milliseconds, and a header may tell of a huge file.
  static func zeros(_ name: String, _ range: Range<Int>) -> [FileEffect] {
    stride(from: range.lowerBound, to: range.upperBound, by: piece.count).map { start in
      let count = min(piece.count, range.upperBound - start)
      let bytes = count == piece.count ? piece : Array(piece[..<count])
      return .write(name, offset: UInt64(start), bytes: bytes)
    }
  }

  private static let piece = [UInt8](repeating: 0, count: 256 << 10)

  /// The spare was made.
  package mutating func add(spare: String) {
    lastSpareMade = max(lastSpareMade, FileNames.spareMade(spare) ?? 0)
    if !spares.contains(spare) { spares.append(spare) }
  }
}
