import Basics
import Raft
import Testing

/// Replication, by the sections of the paper and the numbers of known bugs.
@Suite struct ReplicationTests {
  /// §5.3, Figure 7: whatever the follower's log was, it becomes the leader's.
  @Test(arguments: [
    [1, 1, 1, 4, 4, 5, 5, 6, 6], [1, 1, 1, 4], [1, 1, 1, 4, 4, 5, 5, 6, 6, 6, 6],
    [1, 1, 1, 4, 4, 5, 5, 6, 6, 6, 7, 7], [1, 1, 1, 4, 4, 4, 4],
    [1, 1, 1, 2, 2, 2, 3, 3, 3, 3, 3],
  ]) func section53Figure7(terms: [UInt64]) {
    let leaderTerms: [UInt64] = [1, 1, 1, 4, 4, 5, 5, 6, 6, 6]
    var leader = Bench(entries: Bench.entries(leaderTerms), term: 7)
    leader.win()
    var follower = Bench(entries: Bench.entries(terms), term: 7)
    var request = leader.appends(to: 2).first
    var messages = 0
    while let sent = request, messages < 10 {
      messages += 1
      follower.append(
        term: leader.node.term.rawValue, after: sent.previous, sent.entries)
      guard let outcome = follower.outcomes.last else { break }
      leader.hear(
        2, term: leader.node.term.rawValue,
        .appendReply(AppendReply(outcome: outcome, round: 0, wall: 0)))
      request = leader.appends(to: 2).first
    }
    #expect(follower.node.lastID == leader.node.lastID)
    // A message for each term that differs, and one that agrees.
    #expect(messages <= 4)
  }

  /// B12, §5.4.2, Figure 8: an entry of an older term is not committed by counting.
  @Test func b12Figure8() {
    var bench = Bench(entries: Bench.entries([1, 2]), term: 3)
    bench.win()
    bench.acknowledge(2, 2)
    bench.acknowledge(3, 2)
    #expect(bench.node.commitIndex == .zero)
    bench.acknowledge(2, 3)
    #expect(bench.node.commitIndex == LogIndex(3))
  }

  /// B13: an old AppendEntries does not cut what came after it.
  @Test func b13OldAppendsCutNothing() {
    var bench = Bench()
    let entries = Bench.entries([1, 1, 1, 1])
    bench.append(term: 1, after: .zero, entries)
    bench.append(term: 1, after: .zero, Array(entries[..<2]))
    #expect(bench.node.lastIndex == LogIndex(4) && bench.outcomes == [.matched(LogIndex(2))])
    bench.append(term: 1, after: Bench.id(1, 1), Array(entries[1..<2]), commit: 4)
    #expect(bench.node.lastIndex == LogIndex(4))
    // commit = min(leader's, last new entry): 3 and 4 were not confirmed by this message.
    #expect(bench.node.commitIndex == LogIndex(2))
  }

  /// B13: a heartbeat commits only what it proves.
  @Test func b13CommitOnlyUpToTheLastNewEntry() {
    var bench = Bench(entries: Bench.entries([1, 1, 2]), term: 2)
    bench.append(term: 3, after: Bench.id(2, 1), commit: 9)
    #expect(bench.node.commitIndex == LogIndex(2))
  }

  /// B14: late replies take nothing back.
  @Test func b14MatchNeverFalls() {
    var bench = Bench()
    bench.win()
    for _ in 0..<5 { _ = bench.node.propose([1]) }
    bench.drain()
    bench.acknowledge(2, 1)
    bench.acknowledge(2, 6)
    bench.acknowledge(2, 2)
    bench.hear(
      2, term: bench.node.term.rawValue,
      .appendReply(
        AppendReply(
          outcome: .conflict(previous: LogIndex(3), hint: Bench.id(1, 1)), round: 0, wall: 0)))
    #expect(bench.node.progress.first?.match == LogIndex(6))
    #expect(bench.node.progress.first?.next == LogIndex(7))
  }

  /// B15 and B19: at the edge of the snapshot the entry before the first one keeps its term.
  @Test func b19SnapshotBoundaryKeepsItsTerm() {
    var bench = Bench(
      entries: Bench.entries([3, 3], from: 11), term: 3, snapshot: Bench.metadata(10, 2))
    #expect(bench.node.firstIndex == LogIndex(11) && bench.node.commitIndex == LogIndex(10))
    bench.append(term: 4, after: Bench.id(10, 2), Bench.entries([4], from: 11))
    #expect(bench.outcomes.last == .matched(LogIndex(11)))
    // Before the snapshot everything is committed, so the reply says how far.
    bench.append(term: 4, after: Bench.id(6, 1))
    #expect(bench.outcomes.last == .matched(LogIndex(10)))
    bench.append(term: 4, after: Bench.id(13, 4))
    #expect(bench.outcomes == [.conflict(previous: LogIndex(13), hint: Bench.id(11, 4))])
  }

  /// B16: a leader counts itself only once its own disk has the entry; a follower acks likewise.
  @Test func b16OwnDiskCounts() {
    var bench = Bench()
    bench.win()
    bench.acknowledge(2, 1)
    #expect(bench.node.commitIndex == LogIndex(1))
    _ = bench.node.propose([1])
    bench.drain(syncs: false)
    bench.acknowledge(2, 2)
    #expect(bench.node.commitIndex == LogIndex(1))
    bench.node.persisted(bench.node.lastID)
    #expect(bench.node.commitIndex == LogIndex(2))
    var follower = Bench()
    follower.append(term: 1, after: .zero, Bench.entries([1]), syncs: false)
    #expect(follower.sent.isEmpty && follower.outcomes == [.matched(LogIndex(1))])
    // While the disk is busy a heartbeat is answered, without a promise.
    follower.append(term: 1, after: Bench.id(1, 1), syncs: false)
    #expect(follower.outcomes == [.heard] && follower.sentAfterSync.isEmpty)
    follower.forget()
    follower.node.persisted(Bench.id(1, 1))
    follower.drain()
    #expect(follower.outcomes == [.matched(LogIndex(1))])
    follower.append(term: 1, after: Bench.id(1, 1))
    #expect(follower.outcomes == [.matched(LogIndex(1))] && follower.sentAfterSync.isEmpty)
  }

  /// A receipt for an entry that was cut and came back does not count for its second writing.
  @Test func receiptOfAnOlderWritingDoesNotCount() {
    var bench = Bench()
    bench.append(term: 1, after: .zero, Bench.entries([1]), syncs: false)
    bench.append(term: 2, after: .zero, Bench.entries([2]), syncs: false)
    bench.append(term: 3, after: .zero, Bench.entries([1]), syncs: false)
    bench.node.persisted(Bench.id(1, 1))
    #expect(bench.node.durableIndex == .zero)
    bench.node.persisted(Bench.id(1, 2))
    #expect(bench.node.durableIndex == .zero)
    bench.node.persisted(Bench.id(1, 1))
    #expect(bench.node.durableIndex == LogIndex(1))
  }

  /// Many proposals make one message; the window bounds what is under way.
  @Test func proposalsAreBatchedAndBounded() {
    var settings = RaftSettings()
    settings.appendBytesMax = 1000
    settings.appendsInFlightMax = 4
    var bench = Bench(settings: settings)
    bench.win()
    bench.acknowledge(2, 1)
    bench.forget()
    for _ in 0..<10 { _ = bench.node.propose([1]) }
    bench.drain()
    #expect(bench.appends(to: 2).map(\.entries.count) == [10])
    bench.forget()
    for _ in 0..<20 { _ = bench.node.propose(Array(repeating: 1, count: 900)) }
    bench.drain()
    #expect(bench.appends(to: 2).count == 3)
    bench.acknowledge(2, 12)
    #expect(bench.appends(to: 2).count == 2)
  }

  @Test func uncommittedProposalsAreBounded() {
    var settings = RaftSettings()
    settings.uncommittedBytesMax = 1000
    var bench = Bench(settings: settings)
    bench.win()
    bench.acknowledge(2, 1)
    #expect(bench.node.propose(Array(repeating: 1, count: 5000)) != nil)
    #expect(bench.node.propose([1]) == nil)
    bench.drain()
    bench.acknowledge(2, 2)
    #expect(bench.node.propose([1]) != nil)
  }

  /// A lost AppendEntries shows at the next heartbeat and is sent again.
  @Test func lossIsNoticedByHeartbeat() {
    var bench = Bench()
    bench.win()
    bench.acknowledge(2, 1)
    _ = bench.node.propose([1])
    bench.drain()
    bench.tick(RaftSettings().heartbeatTicks + 1)
    let heartbeat = bench.appends(to: 2).last
    #expect(heartbeat?.entries.isEmpty == true && heartbeat?.previous.index == LogIndex(2))
    bench.hear(
      2, term: bench.node.term.rawValue,
      .appendReply(
        AppendReply(
          outcome: .conflict(previous: LogIndex(2), hint: Bench.id(1, bench.node.term.rawValue)),
          round: 0, wall: 0)))
    #expect(bench.appends(to: 2).last?.entries.map(\.index) == [LogIndex(2)])
  }

  /// B26: a membership that is cut from the log is no longer in force.
  @Test func b26CutMembershipIsTakenBack() {
    var bench = Bench()
    let first = bench.node.membership
    let second = Membership(voters: Array(Bench.ids[..<2]), learners: [Bench.ids[3]])
    let entry = Entry(
      id: Bench.id(1, 1), kind: .membership, stamp: 0, payload: second.encoded())
    bench.append(term: 1, after: .zero, [entry])
    #expect(bench.node.membership == second && bench.node.membershipIndex == LogIndex(1))
    bench.append(from: 3, term: 2, after: .zero, Bench.entries([2]))
    #expect(bench.node.membership == first && bench.node.membershipIndex == .zero)
  }

  @Test func membershipRoundTripAndDamage() throws {
    let membership = Membership(
      voters: [Bench.ids[0], Bench.ids[2]], outgoing: [Bench.ids[1]], learners: [Bench.ids[4]])
    let bytes = membership.encoded()
    #expect(try Membership(encoded: bytes) == membership)
    for length in 0..<bytes.count {
      #expect(throws: ByteError.self) { try Membership(encoded: Array(bytes[..<length])) }
    }
    #expect(throws: ByteError.self) { try Membership(encoded: bytes + [0]) }
  }

  /// The clock is the median: one wrong clock moves nothing, in either direction, and it never
  /// falls.
  @Test(arguments: [0, 1_000_000_000_000] as [UInt64]) func stampIsTheMedian(wrong: UInt64) throws {
    var bench = Bench()
    bench.win()
    bench.acknowledge(2, 1, wall: wrong)
    bench.acknowledge(3, 1, wall: 1_000_500)
    bench.node.setTime(Moment(monotonic: bench.now + 100_000_000, wall: 1_000_100))
    _ = bench.node.propose([1])
    #expect((1_000_100...1_000_600).contains(bench.node.stamp))
    let before = bench.node.stamp
    bench.node.setTime(Moment(monotonic: bench.now + 200_000_000, wall: 5))
    bench.acknowledge(3, 2, wall: 5)
    _ = bench.node.propose([1])
    #expect(bench.node.stamp == before)
  }
}
