import Basics
import Raft
import Testing

/// What the Raft paper says of logs, commitment and snapshots, a test for each statement: §5.3,
/// §5.4.2, §5.5, §7 and the rules of Figures 2 and 13.
@Suite struct PaperReplicationTests {
  @Test(
    "§5.3, Figure 7: whatever the follower's log was, it becomes the leader's",
    arguments: [
      [1, 1, 1, 4, 4, 5, 5, 6, 6], [1, 1, 1, 4], [1, 1, 1, 4, 4, 5, 5, 6, 6, 6, 6],
      [1, 1, 1, 4, 4, 5, 5, 6, 6, 6, 7, 7], [1, 1, 1, 4, 4, 4, 4],
      [1, 1, 1, 2, 2, 2, 3, 3, 3, 3, 3],
    ]) func section53Figure7(terms: [UInt64])
  {
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

  @Test("§5.4.2, Figure 8 (B12): an entry of an older term is not committed by counting")
  func b12Figure8() {
    var bench = Bench(entries: Bench.entries([1, 2]), term: 3)
    bench.win()
    bench.acknowledge(2, 2)
    bench.acknowledge(3, 2)
    #expect(bench.node.commitIndex == .zero)
    bench.acknowledge(2, 3)
    #expect(bench.node.commitIndex == LogIndex(3))
  }

  @Test("AppendEntries 3 (B13): an old message cuts nothing that came after it")
  func b13OldAppendsCutNothing() {
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

  @Test("AppendEntries 5 (B13): no more is committed than the message proves")
  func b13CommitOnlyUpToTheLastNewEntry() {
    var bench = Bench(entries: Bench.entries([1, 1, 2]), term: 2)
    bench.append(term: 3, after: Bench.id(2, 1), commit: 9)
    #expect(bench.node.commitIndex == LogIndex(2))
  }

  @Test("Leaders (B14): late replies take nothing back")
  func b14MatchNeverFalls() {
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

  @Test("Figure 2, state (B16): entries count for a replica once its own disk has them")
  func b16OwnDiskCounts() {
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

  @Test("AppendEntries 2: refused when the entry before is not there, or has another term")
  func gapsAndOtherTermsAreRefused() {
    var bench = Bench(entries: Bench.entries([1, 1, 2]), term: 2)
    bench.append(term: 3, after: Bench.id(5, 2), Bench.entries([3], from: 6))
    bench.append(term: 3, after: Bench.id(3, 3), Bench.entries([3], from: 4))
    guard case .conflict(let previous, let hint) = bench.outcomes.first else {
      Issue.record("\(bench.outcomes)")
      return
    }
    #expect(previous == LogIndex(3) && hint.index < previous)
    #expect(bench.node.lastID == Bench.id(3, 2), "nothing is cut by what is refused")
  }

  @Test("AppendEntries 3: an entry that conflicts goes, and all that follow it")
  func conflictsAreCut() {
    var bench = Bench(entries: Bench.entries([1, 1, 2, 2, 2]), term: 2)
    bench.append(term: 3, after: Bench.id(1, 1), Bench.entries([1, 3], from: 2))
    #expect(bench.node.lastID == Bench.id(3, 3))
    #expect(bench.outcomes == [.matched(LogIndex(3))])
  }

  @Test("AppendEntries 4: entries that are not there are appended, in order")
  func missingEntriesAreAppended() {
    var bench = Bench(entries: Bench.entries([1]), term: 1)
    bench.append(term: 1, after: .zero, Bench.entries([1, 1, 1]), commit: 3)
    #expect(bench.handed == Bench.id(3, 1))
    #expect(bench.committed.map(\.id) == [Bench.id(1, 1), Bench.id(2, 1), Bench.id(3, 1)])
  }

  @Test("§5.5: the same request twice is as good as once")
  func repeatsAreHarmless() {
    var bench = Bench(entries: Bench.entries([1, 2]), term: 2)
    for _ in 0..<2 {
      bench.append(term: 3, after: Bench.id(1, 1), Bench.entries([3, 3], from: 2), commit: 2)
      #expect(bench.node.lastID == Bench.id(3, 3) && bench.node.commitIndex == LogIndex(2))
      #expect(bench.outcomes == [.matched(LogIndex(3))])
    }
  }

  @Test("Figure 2, state: what is committed is not known after a restart")
  func commitIsNotRestored() {
    let bench = Bench(entries: Bench.entries([1, 1, 1]), term: 1)
    #expect(bench.node.commitIndex == .zero && bench.node.lastIndex == LogIndex(3))
  }

  @Test("All servers: what is committed is handed out to be applied, in order and once")
  func committedIsAppliedInOrder() {
    var bench = Bench()
    bench.append(term: 1, after: .zero, Bench.entries([1, 1, 1]), commit: 1)
    var applied = bench.committed
    bench.append(term: 1, after: Bench.id(3, 1), commit: 3)
    applied += bench.committed
    bench.append(term: 1, after: Bench.id(3, 1), commit: 2)
    applied += bench.committed
    #expect(applied.map(\.index) == [LogIndex(1), LogIndex(2), LogIndex(3)])
  }

  /// Its first message is the first entry of its term (§8) instead of an empty one.
  @Test("Leaders: everybody is told at once, and again in every heartbeat interval")
  func leadersAreHeard() {
    var bench = Bench(entries: Bench.entries([1, 1]), term: 1)
    bench.win()
    for follower in 2...3 {
      #expect(
        bench.appends(to: follower).map(\.previous) == [Bench.id(2, 1)], "next is the last + 1")
      #expect(bench.node.progress.allSatisfy { $0.match == .zero })
    }
    for _ in 0..<4 {
      bench.tick(RaftSettings().heartbeatTicks)
      for follower in 2...3 { #expect(!bench.appends(to: follower).isEmpty) }
    }
  }

  @Test("Leaders: a follower is sent what it lacks, from its next entry on")
  func followersAreSentWhatTheyLack() {
    var bench = Bench()
    bench.win()
    bench.acknowledge(2, 1)
    bench.forget()
    _ = bench.node.propose([1])
    _ = bench.node.propose([2])
    bench.drain()
    let entries = bench.appends(to: 2).flatMap(\.entries)
    #expect(entries.map(\.index) == [LogIndex(2), LogIndex(3)])
    bench.acknowledge(2, 3)
    #expect(bench.node.progress.first?.match == LogIndex(3))
    #expect(bench.node.progress.first?.next == LogIndex(4))
    #expect(bench.node.commitIndex == LogIndex(3))
  }

  @Test("§5.3: only a leader takes commands")
  func onlyLeadersTakeCommands() {
    var bench = Bench()
    #expect(bench.node.propose([1]) == nil && bench.node.refusal(bytes: 1) == .notLeader)
    bench.win()
    #expect(bench.node.propose([1]) != nil)
  }

  // Snapshots.

  @Test("§7, Figure 13, 6: a snapshot of an entry that is here keeps what follows it")
  func snapshotsKeepTheTail() {
    var bench = Bench(entries: Bench.entries([1, 1, 1, 1]), term: 1)
    bench.hear(
      2, term: 1,
      .snapshot(
        SnapshotChunk(
          metadata: Bench.metadata(2, 1), section: 0, bytes: [1], isLast: true, round: 0)))
    // It is not even taken: everything in it is here, and known to be committed now.
    #expect(bench.sections.isEmpty && bench.node.commitIndex == LogIndex(2))
    #expect(bench.node.lastIndex == LogIndex(4))
  }

  @Test("§7, Figure 13, 7 and 8: any other replaces the whole log, and brings its membership")
  func snapshotsReplaceTheLog() {
    var bench = Bench(entries: Bench.entries([1, 1, 1, 1, 1]), term: 3)
    var metadata = Bench.metadata(4, 3)
    metadata.membership = Membership(voters: Array(Bench.ids[..<4]))
    metadata.membershipIndex = LogIndex(3)
    bench.hear(
      2, term: 3,
      .snapshot(
        SnapshotChunk(metadata: metadata, section: 0, bytes: [1], isLast: true, round: 0)))
    #expect(bench.sections.count == 1 && bench.node.lastIndex == LogIndex(5), "until it is durable")
    bench.node.snapshotRestored(metadata)
    bench.drain()
    #expect(bench.node.lastID == Bench.id(4, 3) && bench.node.commitIndex == LogIndex(4))
    #expect(bench.node.membership == metadata.membership)
    #expect(bench.node.membershipIndex == LogIndex(3))
  }

  @Test("§7, Figure 13, 5: a newer snapshot takes the place of one that is half here")
  func newerSnapshotsReplaceOlder() {
    var bench = Bench()
    for (index, section) in [(5, 0), (9, 0), (5, 1), (9, 1)] as [(UInt64, Int)] {
      bench.hear(
        2, term: 2,
        .snapshot(
          SnapshotChunk(
            metadata: Bench.metadata(index, 1), section: section, bytes: [1], isLast: false,
            round: 0)))
      #expect(bench.sections.isEmpty == (index == 5 && section == 1), "the older one is over")
    }
  }

  @Test("§7: a follower that needs what was compacted is sent the snapshot")
  func compactedEntriesComeAsSnapshot() {
    var settings = RaftSettings()
    settings.retainedEntries = 0
    var bench = Bench(settings: settings)
    bench.win()
    for _ in 0..<4 { _ = bench.node.propose([1]) }
    bench.drain()
    bench.acknowledge(2, 5)
    guard let metadata = bench.node.metadata(at: LogIndex(5)) else {
      Issue.record("nothing is committed")
      return
    }
    bench.node.compact(upTo: metadata)
    bench.hear(
      3, term: bench.node.term.rawValue,
      .appendReply(
        AppendReply(
          outcome: .conflict(previous: .zero.next, hint: .zero), round: 0, wall: 1_000_000)))
    bench.tick(RaftSettings().heartbeatTicks)
    #expect(bench.node.firstIndex == LogIndex(6))
    #expect(bench.node.progress.last?.phase == "snapshot")
  }
}
