import Raft

/// Ways to go on when something is missing that may have been acknowledged.
extension Journal {
  /// Goes on after a cut in a new segment, whose header says that the log is in doubt. So the doubt
  /// is durable when that segment has its name, and nothing else has to be changed before.
  mutating func beginInDoubt(
    _ cause: Trust.Cause, termSeen: Term, segment: UInt64
  ) -> [FileEffect] {
    trust.doubts += 1
    if trust.cause != .damage { trust.cause = cause }
    // Which votes it gave is not certain any more, but a term that is named was reached.
    let term = max(termSeen, last.term)
    if term > hardState.term { hardState = HardState(term: term) }
    let header = SegmentHeader(
      owner: owner, segment: segment, previous: segments.last?.id ?? 0, last: last,
      hardState: hardState, prewritten: UInt64(Self.prewrittenBytes(settings)),
      chain: buffer.chain, trust: trust)
    let made = Self.makeSegment(header, from: spares.isEmpty ? nil : spares.removeFirst())
    segments.append(
      Segment(
        id: header.segment, lastBefore: last.index, used: SegmentHeader.size,
        size: Self.prewrittenBytes(settings)))
    buffer.begin(salt: made.salt)
    return made.effects
  }

  /// Orders that log and snapshots be given up, because the state that they lead to is wrong. It is
  /// to be done, all and in order, when nothing else changes the folder any more: the next
  /// ``recover(_:settings:)`` carries it out. The replica has only its promises then, and its group
  /// has to give it everything.
  package static let orderDiscard: [FileEffect] = [
    .create(FileNames.discard), .sync(FileNames.discard), .syncFolder,
  ]

  /// What ends a recovery that gave everything up: until then it is done again after a crash.
  static let endDiscard: [FileEffect] = [.remove(FileNames.discard), .syncFolder]
}

extension LogRecovery {
  /// The log is empty because what it held was given up, and nothing came since.
  var isGivenUp: Bool {
    cut == nil && log.lastIndex == .zero && log.trust.cause == .damage
  }

  static let discarded = Cut(
    cause: .damage, file: FileNames.discard, offset: 0,
    reason: "the state of this replica was found to be another than that of its group")
}
