import Basics
import Raft
import Testing

/// What a replica in doubt does and says, and what settles its doubt.
@Suite struct SettlingTests {
  private static let torn = Trust(doubts: 2, cause: .tornTail)
  private static let echo = Settlement(doubts: 2, index: LogIndex(2))

  /// A follower in doubt that remembers one entry, of term 1.
  private func doubtful(
    _ cause: Trust.Cause = .tornTail, vote: ReplicaID? = nil, bugs: PlantedBugs = []
  ) -> Bench {
    var settings = RaftSettings()
    settings.bugs = bugs
    return Bench(
      entries: Bench.entries([1]), term: 3, vote: vote, trust: Trust(doubts: 2, cause: cause),
      settings: settings)
  }

  @Test(arguments: [Trust.Cause.tornTail, .damage])
  func theEntryOfItsLeaderSettlesIt(cause: Trust.Cause) {
    var bench = doubtful(cause)
    bench.append(term: 3, after: Bench.id(1, 1), Bench.entries([3], from: 2), settles: Self.echo)
    #expect(bench.node.isInDoubt && bench.reports == [TrustReport(doubts: 2, isInDoubt: true)])
    bench.append(term: 3, after: Bench.id(2, 3), commit: 2, settles: Self.echo)
    #expect(!bench.node.isInDoubt && bench.trust == Trust(doubts: 2))
    #expect(bench.hardState == HardState(term: Term(3), vote: Bench.ids[1]), "it may have voted")
    #expect(bench.sent.isEmpty && bench.sentAfterSync.count == 1)
    #expect(bench.reports == [TrustReport(doubts: 2, isInDoubt: false)])
  }

  @Test func whatItRemembersToHaveVotedStands() {
    var bench = doubtful(vote: Bench.ids[2])
    bench.append(
      term: 3, after: Bench.id(1, 1), Bench.entries([3], from: 2), commit: 2, settles: Self.echo)
    #expect(!bench.node.isInDoubt && bench.hardState == nil)
  }

  /// Nothing else than an entry that was made after the doubt was heard of settles it: an echo of
  /// an earlier doubt does not, nor one that is not committed, or not here, or of another term.
  @Test(arguments: [
    nil, Settlement(doubts: 1, index: LogIndex(2)), Settlement(doubts: 3, index: LogIndex(2)),
    Settlement(doubts: 2, index: LogIndex(3)), Settlement(doubts: 2, index: LogIndex(9)),
    Settlement(doubts: 2, index: LogIndex(1)), Settlement(doubts: .max, index: LogIndex(.max)),
  ])
  func nothingElseSettlesIt(settles: Settlement?) {
    var bench = doubtful()
    bench.append(
      term: 3, after: Bench.id(1, 1), Bench.entries([3, 3], from: 2), commit: 2, settles: settles)
    #expect(bench.node.commitIndex == LogIndex(2))
    #expect(bench.node.isInDoubt && bench.trust == nil)
  }

  @Test(arguments: [false, true]) func settlesUnheardIsFound(isPlanted: Bool) {
    var bench = doubtful(bugs: isPlanted ? .settlesUnheard : [])
    bench.append(term: 3, after: Bench.id(1, 1), Bench.entries([3], from: 2), commit: 2)
    #expect(bench.node.isInDoubt != isPlanted)
  }

  /// What follows the verified part of the log may be another leader's.
  @Test func whatIsNotVerifiedSettlesNothing() {
    var bench = Bench(
      entries: Bench.entries([1, 3, 3]), term: 3, trust: Trust(doubts: 1, cause: .tornTail))
    let settles = Settlement(doubts: 1, index: LogIndex(3))
    bench.append(term: 3, after: Bench.id(2, 3), commit: 3, settles: settles)
    #expect(bench.node.isInDoubt)
    bench.append(term: 3, after: Bench.id(3, 3), commit: 3, settles: settles)
    #expect(!bench.node.isInDoubt)
  }

  /// The disk has not what the reply says: until then it waits, as every reply after it.
  @Test func itIsSaidOnlyWhenItIsDurable() {
    var bench = doubtful()
    bench.append(
      term: 3, after: Bench.id(1, 1), Bench.entries([3], from: 2), commit: 2, round: 1,
      settles: Self.echo, syncs: false)
    #expect(!bench.node.isInDoubt && bench.trust != nil && bench.sent.isEmpty)
    bench.append(term: 3, after: Bench.id(2, 3), commit: 2, round: 2, syncs: false)
    #expect(bench.sent.isEmpty && bench.reports == [TrustReport(doubts: 2, isInDoubt: false)])
    bench.node.persisted(Bench.id(2, 3))
    bench.drain()
    bench.append(term: 3, after: Bench.id(2, 3), commit: 2, round: 3, syncs: false)
    #expect(bench.sentAfterSync.isEmpty && bench.reports.map(\.isInDoubt) == [false])
  }

  /// It received the entry as part of a snapshot.
  @Test func aSnapshotBehindTheEntrySettlesIt() {
    var bench = doubtful(.damage)
    let chunk = SnapshotChunk(
      metadata: Bench.metadata(10, 3), section: 0, bytes: [1], isLast: true, round: 0)
    bench.hear(2, term: 3, .snapshot(chunk))
    let reply = bench.sent.compactMap {
      if case .snapshotReply(let reply) = $0.body { reply } else { nil }
    }
    #expect(reply.map(\.trust) == [TrustReport(doubts: 2, isInDoubt: true)])
    bench.node.snapshotRestored(chunk.metadata)
    bench.drain()
    #expect(bench.node.isInDoubt)
    bench.append(
      term: 3, after: Bench.id(10, 3), settles: Settlement(doubts: 2, index: LogIndex(9)))
    #expect(!bench.node.isInDoubt)
  }

  /// Of a folder of which nothing is left: by appends from the first entry on.
  @Test func oneThatWasRebuiltIsBroughtBack() {
    var bench = Bench(trust: Trust(doubts: 1, cause: .damage))
    bench.append(term: 4, after: Bench.id(7, 3), commit: 7)
    #expect(bench.outcomes == [.conflict(previous: LogIndex(7), hint: .zero)])
    bench.append(
      term: 4, after: .zero, Bench.entries([1, 4]), commit: 2,
      settles: Settlement(doubts: 1, index: LogIndex(2)))
    #expect(!bench.node.isInDoubt && bench.trust == Trust(doubts: 1))
  }

  @Test func inDoubtItServesNoReads() {
    var bench = doubtful()
    bench.append(term: 3, after: Bench.id(1, 1))
    bench.node.readAnywhere(context: 5)
    bench.drain()
    #expect(bench.reads == [.dropped(context: 5)])
    bench.append(
      term: 3, after: Bench.id(1, 1), Bench.entries([3], from: 2), commit: 2, settles: Self.echo)
    bench.node.readAnywhere(context: 6)
    bench.drain()
    #expect(bench.reads.isEmpty && bench.sent.contains { !$0.body.isReply })
  }

  @Test func inDoubtItTakesNoLeadershipOver() {
    var bench = doubtful()
    bench.append(term: 3, after: Bench.id(1, 1))
    bench.hear(2, term: 3, .timeoutNow)
    #expect(bench.node.role == .follower && bench.node.term == Term(3))
  }
}
