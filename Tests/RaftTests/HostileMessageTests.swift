import Basics
import Raft
import Testing

/// Nonsense from other replicas does no harm: the node goes on, with its invariants.
@Suite struct HostileMessageTests {
  @Test(arguments: 1...8) func nonsenseIsSurvived(seed: UInt64) {
    var generator = SeededGenerator(seed: seed)
    var settings = RaftSettings()
    // Otherwise a leader that contradicts what is committed stops the process, as it should.
    settings.bugs = .voteNotDurable
    var bench = Bench(
      entries: Bench.entries([3, 3, 4], from: 11), term: 4, snapshot: Bench.metadata(10, 2),
      settings: settings)
    for _ in 0..<2000 {
      bench.forget()
      bench.node.step(Self.message(&generator))
      if generator.chance(0.2) { bench.node.tick() }
      if generator.chance(0.1) { bench.node.read(context: 1) }
      if generator.chance(0.1) { _ = bench.node.propose([1, 2]) }
      bench.drain(syncs: generator.chance(0.5))
      if let last = bench.sections.last, last.isLast {
        bench.node.snapshotRestored(last.metadata)
        bench.drain()
      }
      bench.node.checkInvariants()
    }
  }

  @Test func strangersAndWrongAddressesAreIgnored() {
    var bench = Bench()
    bench.win()
    let term = bench.node.term
    let body = Message.Body.appendReply(
      AppendReply(outcome: .matched(LogIndex(1)), round: 0, wall: 0))
    let stranger = ReplicaID(rawValue: 50)
    for (from, to) in [
      (stranger, Bench.ids[0]), (Bench.ids[1], stranger), (Bench.ids[0], Bench.ids[0]),
    ] {
      bench.node.step(Message(from: from, to: to, term: term, body: body))
    }
    bench.node.step(
      Message(from: Bench.ids[1], to: Bench.ids[0], term: Term(.max), body: .timeoutNow))
    #expect(bench.node.role == .leader && bench.node.commitIndex == .zero)
  }

  private static func number(_ generator: inout SeededGenerator) -> UInt64 {
    switch generator.next(in: 0...20) {
    case 0: .max
    case 1: UInt64(Int64.max)
    case 2: 0
    default: UInt64(generator.next(in: 0...25))
    }
  }

  private static func id(_ generator: inout SeededGenerator) -> EntryID {
    Bench.id(number(&generator), UInt64(generator.next(in: 0...9)))
  }

  private static func message(_ generator: inout SeededGenerator) -> Message {
    Message(
      from: Bench.ids[generator.next(in: 0..<5)], to: Bench.ids[0],
      term: Term(generator.chance(0.02) ? .max : UInt64(generator.next(in: 0...40))),
      body: body(&generator))
  }

  private static func body(_ generator: inout SeededGenerator) -> Message.Body {
    let wall = number(&generator)
    let round = number(&generator)
    switch generator.next(in: 0...10) {
    case 0:
      return .voteRequest(
        VoteRequest(
          last: id(&generator), isPreVote: generator.chance(0.5),
          isTransfer: generator.chance(0.2)))
    case 1:
      return .voteReply(
        VoteReply(isGranted: generator.chance(0.9), isPreVote: generator.chance(0.5)))
    case 2, 3:
      let previous = id(&generator)
      let terms = (0..<generator.next(in: 0...4)).map { _ in UInt64(generator.next(in: 0...9)) }
      return .append(
        AppendRequest(
          previous: previous,
          entries: Bench.entries(terms.sorted(), from: previous.index.rawValue &+ 1),
          commit: LogIndex(number(&generator)), round: round))
    case 4, 5:
      let outcome: AppendReply.Outcome =
        switch generator.next(in: 0...2) {
        case 0: .matched(LogIndex(number(&generator)))
        case 1: .conflict(previous: LogIndex(number(&generator)), hint: id(&generator))
        default: .heard
        }
      return .appendReply(AppendReply(outcome: outcome, round: round, wall: wall))
    case 6:
      let last = id(&generator)
      return .snapshot(
        SnapshotChunk(
          metadata: Bench.metadata(last.index.rawValue, last.term.rawValue),
          section: Int(truncatingIfNeeded: number(&generator)), bytes: [1],
          isLast: generator.chance(0.3), round: round))
    case 7:
      return .snapshotReply(
        SnapshotReply(
          snapshot: Bench.id(10, 2), nextSection: Int(truncatingIfNeeded: number(&generator)),
          round: round, wall: wall))
    case 8: return .readIndex(context: wall)
    case 9: return generator.chance(0.5) ? .timeoutNow : .readIndexReply(context: 1, index: nil)
    default: return .removed(at: LogIndex(number(&generator)))
    }
  }
}
