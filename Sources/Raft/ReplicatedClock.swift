import Basics

/// What another replica last said of its wall clock.
struct ReportedClock: Sendable {
  /// Milliseconds since 1970, as it said.
  var wall: UInt64
  /// Our monotonic nanoseconds when we heard it.
  var heardAt: UInt64

  /// Its wall clock now, as far as we can know: what it said and the time that has passed here.
  func estimate(at monotonic: UInt64) -> UInt64 {
    let elapsed = monotonic > heardAt ? (monotonic - heardAt) / nanosecondsPerMillisecond : 0
    let (sum, overflow) = wall.addingReportingOverflow(elapsed)
    return overflow ? .max : sum
  }
}

extension RaftNode {
  /// The stamp that an entry proposed now gets: the median of the voters' clocks, but never less
  /// than the last stamp.
  ///
  /// While fewer than a majority of the clocks are known the clock stands still, so that a leader
  /// whose own clock is wrong moves nothing alone. Only the first stamp of a group is taken from
  /// what is there.
  package var clock: UInt64 {
    let voters = membership.voters
    var known: [UInt64] = []
    known.reserveCapacity(voters.count)
    for voter in voters {
      if voter == id {
        known.append(now.wall)
      } else if let heard = leadership.position(of: voter).flatMap({ leadership.peers[$0].clock }) {
        known.append(heard.estimate(at: now.monotonic))
      }
    }
    let isFirst = log.lastStamp == 0
    guard !known.isEmpty, isFirst || known.count > voters.count / 2 else { return log.lastStamp }
    known.sort()
    return max(log.lastStamp, known[(known.count - 1) / 2])
  }

  /// The stamp of the last entry of the log.
  package var lastStamp: UInt64 { log.lastStamp }

  /// The stamp of an entry that is proposed in this turn, of a leader; the median is taken once a
  /// turn.
  package mutating func nextStamp() -> UInt64 {
    if let median = leadership.clockOfTurn { return max(log.lastStamp, median) }
    let median = clock
    leadership.clockOfTurn = median
    return median
  }
}
