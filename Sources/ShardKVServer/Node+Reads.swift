import Basics
import Raft
import ShardMap
import Wire

/// A client that waits for a read.
struct Reader: Sendable {
  var asker: Asker
  /// `nil`: a Redis client, which keeps what it wants to read.
  var body: Request.Body?
}

/// Reads that came in one turn and get one index, from a round of confirmation or from the leader.
struct ReadRound: Sendable {
  var context: UInt64
  var readers: [Reader]
  /// Set when the index is known at which they are linearizable: everything up to here must be
  /// applied first.
  var index: LogIndex?

  func isServable(at applied: LogIndex) -> Bool { index.map { $0 <= applied } ?? false }
}

/// Linearizable reads: an index that is not older than any of them is asked for, by a leader of its
/// followers and by a follower of its leader, and they are answered once that is applied here.
///
/// An index belongs to the reads that waited when it was asked for, and to no others: contexts are
/// used once, and what the mail of one turn confirms was asked in a turn before. So whatever a
/// leader that changed, or a process that was stopped, finds in its mail confirms no read of that
/// same mail.
extension Node {
  /// A read that this replica serves though it does not lead.
  mutating func readHere(_ asker: Asker, _ body: Request.Body) {
    guard drainDeadline == nil else { return reply(asker, .refused(.noLeader)) }
    guard waitingReads < settings.requestsMax else {
      effects.rarePaths.insert(.overloaded)
      return reply(asker, .refused(.overloaded))
    }
    newReads.append(Reader(asker: asker, body: body))
  }

  /// Asks for one index for all reads of this turn.
  mutating func beginReads() {
    guard !newReads.isEmpty else { return }
    let context = nextReadContext
    nextReadContext += 1
    let count = UInt64(newReads.count)
    readRounds.append(ReadRound(context: context, readers: newReads, index: nil))
    if settings.tellsWhatIsApplied { effects.readsAsked.append(context) }
    newReads = []
    if raft.role == .leader {
      if raft.holdsLease {
        counters.leaseReads += count
        effects.rarePaths.insert(.readsUnderLease)
      }
      raft.read(context: context)
    } else {
      raft.readAnywhere(context: context)
    }
  }

  mutating func finishRead(_ outcome: ReadOutcome) {
    switch outcome {
    case .confirmed(let context, let index):
      if let place = readRounds.firstIndex(where: { $0.context == context }) {
        readRounds[place].index = index
        if settings.tellsWhatIsApplied { effects.readsConfirmed.append((context, index)) }
        if raft.role != .leader {
          counters.followerReads += UInt64(readRounds[place].readers.count)
          effects.rarePaths.insert(.readsOnFollower)
        }
      }
    case .dropped(let context):
      guard let place = readRounds.firstIndex(where: { $0.context == context }) else { return }
      effects.rarePaths.insert(.readsDropped)
      refuse(readRounds.remove(at: place).readers)
    }
  }

  /// Answers the reads that are confirmed and whose state is here.
  mutating func serveReads() {
    let applied = applied
    guard readRounds.contains(where: { $0.isServable(at: applied) }) else { return }
    var remaining: [ReadRound] = []
    for round in readRounds {
      if round.isServable(at: applied) {
        for reader in round.readers {
          switch reader.body {
          case .redis(_, let work)?: remoteConfirmed(reader.asker, work)
          case let body?: reply(reader.asker, answer(body))
          case nil: redisConfirmed(reader.asker)
          }
        }
      } else {
        remaining.append(round)
      }
    }
    readRounds = remaining
  }

  /// What the machine says, and with a configuration whom to ask for the next one.
  private func answer(_ body: Request.Body) -> Reply.Body {
    let answer = service.read(body)
    guard case .configuration(let configuration, _) = answer else { return answer }
    return .configuration(configuration, controllers: members.map(\.address.peer))
  }

  /// Leadership ended: what is not confirmed is asked elsewhere. What is confirmed stays so,
  /// whoever leads.
  mutating func abandonReads() {
    let unconfirmed = readRounds.filter { $0.index == nil }.flatMap(\.readers)
    readRounds.removeAll { $0.index == nil }
    if !unconfirmed.isEmpty { effects.rarePaths.insert(.readsAbandoned) }
    refuse(unconfirmed + newReads)
    newReads = []
  }

  private mutating func refuse(_ readers: [Reader]) {
    for reader in readers {
      if settings.bugs.contains(.readsOutliveLeadership), let body = reader.body {
        reply(reader.asker, service.read(body))
      } else if case .getAnywhere? = reader.body {
        reply(reader.asker, .refused(.noLeader))
      } else {
        reply(reader.asker, .refused(.wrongLeader(hint: leaderAddress)))
      }
    }
  }
}
