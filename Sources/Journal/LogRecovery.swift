import Raft

/// The segments of a folder, walked from the oldest that is needed to the newest.
struct LogRecovery {
  private struct Candidate {
    var file: FolderReader.File
    var header: SegmentHeader
    var salt: UInt32
  }

  private(set) var log: RecoveredLog
  private(set) var segments: [Journal.Segment] = []
  private(set) var salt: UInt32 = 0
  private(set) var chain: UInt32 = 0
  private(set) var repairs: [FileEffect] = []
  private(set) var notes: [String] = []
  /// Segments before a gap: left by an interrupted removal if a snapshot covers them.
  private(set) var stale: [String] = []

  init(_ folder: FolderFiles, owner: SegmentHeader.Owner) throws(RecoveryError) {
    var (candidates, unfinished) = try Self.readHeaders(folder, owner)
    var first = candidates.count - 1
    guard first >= 0 else {
      throw .corrupt(
        file: FileNames.segment(1), offset: 0, index: nil, reason: "there is no segment of the log")
    }
    while first > 0, candidates[first].header.previous == candidates[first - 1].header.segment {
      first -= 1
    }
    stale = candidates[..<first].map(\.file.name)
    candidates.removeFirst(first)
    log = RecoveredLog(candidates[0].header)
    for position in candidates.indices {
      let isDone = try walk(folder, candidates, position, &unfinished)
      if isDone { break }
    }
    if let unfinished { remove(unfinished.name) }
  }

  private static func readHeaders(
    _ folder: FolderFiles, _ owner: SegmentHeader.Owner
  ) throws(RecoveryError) -> ([Candidate], unfinished: FolderReader.File?) {
    var candidates: [Candidate] = []
    var unfinished: FolderReader.File?
    let files = folder.files.filter { FileNames.segmentID($0.name) != nil }
    for (position, file) in files.enumerated() {
      let bytes = try folder.readEnvelope(file, .segment)
      do {
        let (header, salt) = try SegmentHeader.decode(bytes)
        guard header.owner == owner else { throw RecoveryError.foreign(file: file.name) }
        guard FileNames.segment(header.segment) == file.name else {
          throw Envelope.Problem.damaged("the header names another segment")
        }
        candidates.append(Candidate(file: file, header: header, salt: salt))
      } catch let error as RecoveryError {
        throw error
      } catch let problem as Envelope.Problem {
        // The newest segment may be one whose making was interrupted: then nothing is behind its
        // header, and the one before is not sealed, which the walk checks.
        guard case .damaged = problem, position > 0, position == files.count - 1,
          try isBlank(folder, file)
        else { throw RecoveryError(problem, file.name) }
        unfinished = file
      } catch {
        throw .unreadable(file: file.name, reason: "\(error)")
      }
    }
    return (candidates, unfinished)
  }

  /// True if nothing stands behind the header.
  static func isBlank(
    _ folder: FolderFiles, _ file: FolderReader.File
  ) throws(RecoveryError) -> Bool {
    let bytes = try readAll(folder, file)
    return bytes.withUnsafeBytes { Sector.endOfContent($0) } <= SegmentHeader.size
  }

  private static func readAll(
    _ folder: FolderFiles, _ file: FolderReader.File
  ) throws(RecoveryError) -> [UInt8] {
    guard file.size <= FolderFiles.segmentBytesMax else {
      throw .corrupt(file: file.name, offset: 0, index: nil, reason: "the file is too large")
    }
    return try folder.read(file.name, at: 0, count: Int(file.size))
  }

  /// Walks one segment; true if it is the one to go on with.
  private mutating func walk(
    _ folder: FolderFiles, _ candidates: [Candidate], _ position: Int,
    _ unfinished: inout FolderReader.File?
  ) throws(RecoveryError) -> Bool {
    let candidate = candidates[position]
    let name = candidate.file.name
    if position > 0 {
      let header = candidate.header
      guard header.chain == chain, header.last.index == log.lastIndex,
        header.last.term == log.lastTerm, header.hardState == log.hardState
      else { throw corrupt(name, 0, "the segment does not follow the one before") }
    }
    let bytes = try Self.readAll(folder, candidate.file)
    var walked = log
    let end = bytes.withUnsafeBytes {
      SegmentScan(bytes: $0, salt: candidate.salt).walk(&walked)
    }
    log = walked
    salt = candidate.salt
    chain = end.chain
    segments.append(
      Journal.Segment(
        id: candidate.header.segment, lastBefore: candidate.header.last.index, used: end.offset,
        size: max(end.offset, Int(candidate.file.size))))

    if let next = end.sealedFor {
      if let offset = end.badOffset { throw corrupt(name, offset, end.reason) }
      if position + 1 < candidates.count, candidates[position + 1].header.segment == next {
        return false
      }
      let reason =
        unfinished?.name == FileNames.segment(next)
        ? "the header is damaged" : "the segment is missing, and \(name) names it as the next"
      throw corrupt(FileNames.segment(next), 0, reason)
    }
    if position + 1 < candidates.count {
      // Not sealed: the next segment was being made, and has to be empty.
      let next = candidates[position + 1].file
      guard position + 2 == candidates.count, unfinished == nil,
        try Self.isBlank(folder, next)
      else {
        throw corrupt(
          name, end.badOffset ?? end.offset,
          end.badOffset == nil ? "the seal is missing" : end.reason)
      }
      unfinished = next
    }
    try settleTail(folder, candidate, bytes, end)
    return true
  }

  /// The segment to go on with: what stands after its last whole batch is a tear, or it is damage.
  private mutating func settleTail(
    _ folder: FolderFiles, _ candidate: Candidate, _ bytes: [UInt8], _ end: SegmentScan.End
  ) throws(RecoveryError) {
    let name = candidate.file.name
    // Without a bad record the scan has seen that nothing but zeros follows.
    let content =
      end.badOffset == nil
      ? end.offset : max(end.offset, bytes.withUnsafeBytes { Sector.endOfContent($0) })
    let prewritten = Int(clamping: candidate.header.prewritten)
    if bytes.count < prewritten, end.badOffset != nil || content > bytes.count - 8 {
      // The zeros were durable before the first batch, so no crash takes them away. Where some are
      // still there behind the last batch, no other batch followed it.
      throw corrupt(name, bytes.count, "the end of the file was cut off")
    }
    if let offset = end.badOffset {
      let problem = bytes.withUnsafeBytes {
        TornTail.corruption(
          SegmentScan(bytes: $0, salt: candidate.salt), after: end.offset, chain: end.chain)
      }
      if let problem { throw corrupt(name, offset, "\(end.reason), and \(problem)") }
      keepAside(folder, name, end.offset, Array(bytes[end.offset..<content]))
    }
    if bytes.count < prewritten {
      repairs += [TornTail.zeros(name, bytes.count..<prewritten), .sync(name)]
      notes.append("\(name) had lost zeros at its end: they were written again")
      segments[segments.count - 1].size = prewritten
    }
  }

  private mutating func keepAside(
    _ folder: FolderFiles, _ name: String, _ offset: Int, _ torn: [UInt8]
  ) {
    let broken = FileNames.broken(name, offset: offset)
    // An earlier recovery may have been interrupted here, or tore at the same place.
    if folder.size(broken) != nil { repairs += [.remove(broken), .syncFolder] }
    repairs += [
      .create(broken), .write(broken, offset: 0, bytes: torn), .sync(broken), .syncFolder,
    ]
    repairs += TornTail.repair(name, offset..<offset + torn.count)
    notes.append(
      "\(name) ended in a write of \(torn.count) bytes at byte \(offset) that a crash tore and "
        + "that was never acknowledged: cut, and kept aside as \(broken)")
  }

  private mutating func remove(_ name: String) {
    repairs += [.remove(name), .syncFolder]
    notes.append("\(name) was being made when the process stopped, and was empty: removed")
  }

  private func corrupt(_ name: String, _ offset: Int, _ reason: String) -> RecoveryError {
    .corrupt(file: name, offset: UInt64(offset), index: log.lastIndex.next, reason: reason)
  }
}
