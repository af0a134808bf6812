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

  /// Gives up log and snapshots, because the state that they lead to is wrong. The replica has only
  /// its promises then, and its group has to give it everything: it is to be recovered anew after
  /// these effects, which must be done one after the other, when nothing else is under way: no
  /// sync, and no snapshot.
  ///
  /// 1. The snapshots are set aside. A crash here leaves a log that begins after nothing, which is
  ///    damage; or one that is whole, and leads to a right state by itself.
  /// 2. A segment is made that nothing precedes. Recovery sets aside all others.
  package mutating func discardAll() -> [FileEffect] {
    var effects: [FileEffect] = []
    for snapshot in snapshots {
      let name = FileNames.snapshot(snapshot.metadata.last)
      effects.append(.rename(name, to: name + FileNames.brokenSuffix))
    }
    effects.append(.syncFolder)
    let newest = segments[segments.count - 1].id
    snapshots = []
    segments = []
    last = .zero
    flushedLast = .zero
    resetIndex = .zero
    (rotation, removals, waitingRemovals) = ([], [], [])
    buffer = RecordBuffer(salt: 0, chain: 0)
    return effects + beginInDoubt(.damage, termSeen: .zero, segment: newest + 1)
  }
}
