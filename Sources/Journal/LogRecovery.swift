import Raft

/// The segments of a folder, walked from the oldest that is needed to the newest.
struct LogRecovery {
  /// Where the log ends before what was written, and why.
  struct Cut: Hashable {
    var cause: Trust.Cause
    var file: String
    var offset: UInt64
    var reason: String
  }

  private struct Candidate {
    var file: FolderReader.File
    var header: SegmentHeader
    var salt: UInt32
  }

  private(set) var log = RecoveredLog(after: .zero)
  /// Those that the log goes on from, oldest first.
  private(set) var segments: [Journal.Segment] = []
  private(set) var salt: UInt32 = 0
  private(set) var chain: UInt32 = 0
  private(set) var cut: Cut?
  /// Damage of what a snapshot holds: the log goes on behind it.
  private(set) var passed: [(cut: Cut, index: LogIndex)] = []
  /// Written again before the first turn: see ``Recovery/syncs``.
  private(set) var lastBatch: FileEffect?
  private(set) var repairs: [FileEffect] = []
  private(set) var notes: [String] = []
  /// Segments that nothing needs: left by an interrupted removal, or empty.
  private(set) var superfluous: [String] = []
  /// Segments that do not count and are kept aside.
  private(set) var dead: [String] = []
  /// The most that any record or header tells of, in the log or not.
  private(set) var termSeen = Term.zero
  private(set) var doubtsSeen: UInt64 = 0
  private var candidates: [Candidate] = []

  /// - Parameter covered: what a whole snapshot holds, so that the log need not.
  init(
    _ folder: FolderFiles, owner: SegmentHeader.Owner, covered: LogIndex
  ) throws(RecoveryError) {
    try readHeaders(folder, owner)
    guard !candidates.isEmpty else {
      if cut == nil {
        cut = Cut(
          cause: .damage, file: FileNames.segment(1), offset: 0,
          reason: "there is no segment of the log")
      }
      return
    }
    var chain = Self.chain(candidates)
    let older = candidates[..<chain[0]].map(\.file.name)
    // A log that begins anew was made when what stood before it was given up.
    if candidates[chain[0]].header.previous == 0 { dead += older } else { superfluous += older }
    dead += candidates.indices.dropFirst(chain[0]).filter { !chain.contains($0) }.map {
      candidates[$0].file.name
    }
    // A damaged header counts only if the log cannot do without that segment.
    let headerCut = cut
    cut = nil
    log = RecoveredLog(candidates[chain[0]].header)
    while !chain.isEmpty {
      try walk(folder, &chain, covered)
    }
    if let headerCut, cut == nil, headerCut.file > segments[segments.count - 1].name {
      cut = headerCut
    }
    if cut != nil { try witness(folder) }
  }

  /// Something is missing behind the end of the log.
  mutating func end(for reason: Cut, termSeen term: Term) {
    guard cut == nil else { return }
    cut = reason
    note(log.hardState.term)
    note(term)
  }

  /// The whole log is given up: it does not go on from any snapshot, or leads to a wrong state.
  mutating func giveUp(for reason: Cut, after base: EntryID) {
    cut = reason
    note(log.lastTerm)
    dead += superfluous + segments.map(\.name)
    superfluous = []
    repairs = []
    segments = []
    chain = 0
    lastBatch = nil
    let (hardState, trust) = (log.hardState, log.trust)
    log = RecoveredLog(after: base)
    log.hardState = hardState
    log.trust = trust
  }

  private mutating func readHeaders(
    _ folder: FolderFiles, _ owner: SegmentHeader.Owner
  ) throws(RecoveryError) {
    for file in folder.files where FileNames.segmentID(file.name) != nil {
      let bytes = try folder.readEnvelope(file, .segment)
      do throws(Envelope.Problem) {
        let (header, salt) = try SegmentHeader.decode(bytes)
        guard header.owner == owner else { throw .damaged("") }
        guard FileNames.segment(header.segment) == file.name else {
          throw .damaged("the header names another segment")
        }
        candidates.append(Candidate(file: file, header: header, salt: salt))
        doubtsSeen = max(doubtsSeen, header.trust.doubts)
      } catch {
        guard case .damaged(let reason) = error else { throw RecoveryError(error, file.name) }
        if reason.isEmpty { throw .foreign(file: file.name) }
        // Each doubt made a segment, so that a header that cannot be read told of fewer than that.
        doubtsSeen = max(doubtsSeen, max(FileNames.segmentID(file.name) ?? 1, 1) - 1)
        dead.append(file.name)
        cut = Cut(cause: .damage, file: file.name, offset: 0, reason: reason)
      }
    }
  }

  /// The newest segment and those before it, as each names the one before; positions, ascending.
  private static func chain(_ candidates: [Candidate]) -> [Int] {
    var chain = [candidates.count - 1]
    while let before = candidates[..<chain[0]].lastIndex(where: {
      $0.header.segment == candidates[chain[0]].header.previous
    }) {
      chain.insert(before, at: 0)
    }
    return chain
  }

  static func readAll(
    _ folder: FolderFiles, _ file: FolderReader.File
  ) throws(RecoveryError) -> [UInt8] {
    guard file.size <= FolderFiles.segmentBytesMax else {
      throw .unreadable(file: file.name, reason: "no segment is as large as \(file.size) bytes")
    }
    return try folder.read(file.name, at: 0, count: Int(file.size))
  }

  /// Walks the first segment of `chain` and takes it out, with those that do not count.
  private mutating func walk(
    _ folder: FolderFiles, _ chain: inout [Int], _ covered: LogIndex
  ) throws(RecoveryError) {
    let candidate = candidates[chain.removeFirst()]
    let bytes = try Self.readAll(folder, candidate.file)
    // Recovery made this segment, and its header says what it found to be so.
    if candidate.header.trust.doubts > log.trust.doubts {
      log.trust = candidate.header.trust
      log.hardState = candidate.header.hardState
    }
    var walked = log
    let (end, tail) = bytes.withUnsafeBytes {
      let scan = SegmentScan(bytes: $0, salt: candidate.salt)
      let end = scan.walk(&walked)
      return (end, SegmentTail(scan, after: end))
    }
    log = walked
    take(candidate, end)
    if let next = chain.first {
      let header = candidates[next].header
      if follows(header) {
        guard tail == .clean, end.sealedFor == nil, chain.count == 1,
          header.trust == log.trust, try Self.isBlank(folder, candidates[next].file)
        else { return }
        // It was being made when the process stopped, and nothing names it yet.
        superfluous.append(candidates[next].file.name)
        notes.append(
          "\(candidates[next].file.name) was being made when the process stopped, and was empty: "
            + "removed")
        chain = []
      } else {
        skip(&chain, covered, Cut(damage: candidate.file.name, end, tail))
        return
      }
    }
    if let next = end.sealedFor {
      let name = FileNames.segment(next)
      cut = Cut(
        cause: .damage, file: name, offset: 0,
        reason: "the segment is missing, and \(candidate.file.name) names it as the next")
      return
    }
    settle(candidate, bytes, end, tail)
  }

  /// Whether a segment was made after what has been walked. Recovery makes one with more doubts
  /// after a cut, which ends what stands before it.
  private func follows(_ header: SegmentHeader) -> Bool {
    header.chain == chain && header.last.index == log.lastIndex
      && header.last.term == log.lastTerm
      && (header.trust.doubts > log.trust.doubts
        || header.trust == log.trust && header.hardState == log.hardState)
  }

  private mutating func take(_ candidate: Candidate, _ end: SegmentScan.End) {
    salt = candidate.salt
    chain = end.chain
    segments.append(
      Journal.Segment(
        id: candidate.header.segment, lastBefore: candidate.header.last.index, used: end.offset,
        size: max(end.offset, Int(candidate.file.size))))
  }

  /// The next segment does not follow. If a snapshot covers what is missing, the log goes on behind
  /// it; otherwise it ends here.
  private mutating func skip(_ chain: inout [Int], _ covered: LogIndex, _ damage: Cut) {
    guard let position = chain.firstIndex(where: { candidates[$0].header.last.index <= covered })
    else {
      dead += chain.map { candidates[$0].file.name }
      chain = []
      cut = damage
      return
    }
    dead += segments.map(\.name) + chain[..<position].map { candidates[$0].file.name }
    passed.append((damage, log.lastIndex.next))
    notes.append(
      "\(damage.file) is damaged at byte \(damage.offset): \(damage.reason); a snapshot has what "
        + "it held")
    chain.removeFirst(position)
    segments = []
    log = RecoveredLog(candidates[chain[0]].header)
  }

  /// The segment to go on with.
  private mutating func settle(
    _ candidate: Candidate, _ bytes: [UInt8], _ end: SegmentScan.End, _ tail: SegmentTail
  ) {
    let name = candidate.file.name
    let made = Int(clamping: candidate.header.prewritten)
    switch tail {
    case .cut(let cause, let reason):
      let isShort = bytes.count < made
      cut = Cut(
        cause: isShort ? .damage : cause, file: name,
        offset: UInt64(end.bad?.offset ?? end.offset),
        reason: isShort ? "the end of the file was cut off" : reason)
    case .clean:
      if end.lastBatch < end.offset {
        lastBatch = .write(
          name, offset: UInt64(end.lastBatch),
          bytes: Array(bytes[end.lastBatch..<end.offset + RecordHeader.size]))
      }
      guard bytes.count < made else { return }
      repairs += Journal.zeros(name, bytes.count..<made) + [.sync(name)]
      notes.append("\(name) had lost bytes behind the log's end: zeros were written there")
      segments[segments.count - 1].size = made
    }
  }

  /// Whether a segment holds no record.
  static func isBlank(_ folder: FolderFiles, _ file: FolderReader.File) throws(RecoveryError)
    -> Bool
  {
    guard let (header, salt) = try? SegmentHeader.decode(folder.readEnvelope(file, .segment))
    else { return false }
    return try readAll(folder, file).withUnsafeBytes {
      let scan = SegmentScan(bytes: $0, salt: salt)
      var log = RecoveredLog(header)
      log.keepsPayloads = false
      let end = scan.walk(&log)
      return end.offset == SegmentHeader.size && SegmentTail(scan, after: end) == .clean
    }
  }

  /// Looks at every record of the segments that are whole enough, for the terms they tell of.
  private mutating func witness(_ folder: FolderFiles) throws(RecoveryError) {
    for candidate in candidates {
      note(candidate.header.hardState.term)
      let bytes = try Self.readAll(folder, candidate.file)
      let found = bytes.withUnsafeBytes {
        SegmentScan(bytes: $0, salt: candidate.salt).headers()
      }
      for header in found {
        switch header.type {
        case .hardState, .entry, .logReset: note(Term(header.term))
        case .trust: doubtsSeen = max(doubtsSeen, header.index)
        case .snapshotMarker, .seal, .commit, .end: break
        }
      }
    }
    note(log.hardState.term)
    doubtsSeen = max(doubtsSeen, log.trust.doubts)
  }

  private mutating func note(_ term: Term) { termSeen = max(termSeen, term) }
}

extension LogRecovery.Cut {
  /// What follows in other segments does not go on from here.
  fileprivate init(damage file: String, _ end: SegmentScan.End, _ tail: SegmentTail) {
    self.init(
      cause: .damage, file: file, offset: UInt64(end.bad?.offset ?? end.offset),
      reason: end.bad?.reason ?? "the next segment does not follow")
    if case .cut(_, let reason) = tail { self.reason = reason }
  }
}
