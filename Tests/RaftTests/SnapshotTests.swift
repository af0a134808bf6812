import Basics
import Raft
import Testing

/// Snapshots in sections, by the numbers of known bugs.
@Suite struct SnapshotTests {
  private func chunk(
    _ metadata: SnapshotMetadata, _ section: Int, isLast: Bool = false
  ) -> Message.Body {
    .snapshot(
      SnapshotChunk(
        metadata: metadata, section: section, bytes: [UInt8(section)], isLast: isLast, round: 0))
  }

  private func wanted(_ bench: Bench) -> [Int] {
    bench.sent.compactMap {
      if case .snapshotReply(let reply) = $0.body { reply.nextSection } else { nil }
    }
  }

  /// B18: an old or repeated snapshot sets nothing back.
  @Test("§7 (B18): a snapshot of what is here already sets nothing back")
  func b18OldSnapshotsAreIgnored() {
    var bench = Bench(entries: Bench.entries([1, 1, 1]), term: 1)
    bench.append(term: 2, after: Bench.id(3, 1), commit: 3)
    bench.hear(2, term: 2, chunk(Bench.metadata(2, 1), 0, isLast: true))
    #expect(bench.sections.isEmpty && bench.outcomes == [.matched(LogIndex(2))])
    #expect(bench.node.commitIndex == LogIndex(3) && bench.node.lastIndex == LogIndex(3))
    bench.node.snapshotRestored(Bench.metadata(2, 1))
    #expect(bench.node.commitIndex == LogIndex(3) && bench.node.lastIndex == LogIndex(3))
  }

  /// B23: sections that are repeated, out of order, or sent by the next leader.
  @Test("§7, Figure 13, 2 to 4 (B23): sections are taken in order, once, from any leader")
  func b23SectionsResume() {
    var bench = Bench()
    let metadata = Bench.metadata(9, 1)
    bench.hear(2, term: 2, chunk(metadata, 0))
    #expect(wanted(bench) == [1] && bench.sections.map(\.section) == [0])
    bench.hear(2, term: 2, chunk(metadata, 0))
    #expect(wanted(bench) == [1] && bench.sections.isEmpty)
    bench.hear(2, term: 2, chunk(metadata, 2))
    #expect(wanted(bench) == [1] && bench.sections.isEmpty)
    bench.hear(3, term: 3, chunk(metadata, 0))
    #expect(wanted(bench) == [1] && bench.sections.isEmpty)
    bench.hear(3, term: 3, chunk(metadata, 1, isLast: true))
    #expect(wanted(bench) == [2] && bench.sections.map(\.section) == [1])
    // While the machine is replaced nothing is appended.
    bench.append(from: 3, term: 3, after: .zero, Bench.entries([1, 1]), commit: 2)
    #expect(bench.outcomes == [.heard] && bench.node.commitIndex == .zero)
    bench.forget()
    bench.node.snapshotRestored(metadata)
    bench.drain()
    #expect(bench.outcomes == [.matched(LogIndex(9))] && bench.node.firstIndex == LogIndex(10))
    bench.append(from: 3, term: 3, after: metadata.last, Bench.entries([3], from: 10))
    #expect(bench.outcomes.last == .matched(LogIndex(10)))
  }

  /// The leader's side: a follower that needs what was compacted gets sections one by one, a lost
  /// one again, and then the log.
  @Test func sectionsAreSentUntilAnswered() {
    var settings = RaftSettings()
    settings.retainedEntries = 0
    var bench = Bench(
      entries: Bench.entries([1, 1, 1, 1]), term: 1, snapshot: Bench.metadata(4, 1),
      settings: settings)
    bench.win()
    let term = bench.node.term.rawValue
    bench.hear(
      2, term: term,
      .appendReply(
        AppendReply(
          outcome: .conflict(previous: LogIndex(4), hint: .zero), round: 0, wall: 0)))
    let first = WantedSection(to: Bench.ids[1], snapshot: Bench.id(4, 1), section: 0)
    #expect(bench.wanted == [first])
    let sent = SnapshotChunk(
      metadata: Bench.metadata(4, 1), section: 0, bytes: [7], isLast: false, round: 0)
    bench.node.sendSection(sent, to: Bench.ids[1])
    bench.drain()
    bench.acknowledge(3, 5)
    bench.tick(RaftSettings().heartbeatTicks * 2 + 1)
    #expect(bench.wanted == [first])
    bench.node.sendSection(sent, to: Bench.ids[1])
    bench.drain()
    bench.hear(
      2, term: term,
      .snapshotReply(
        SnapshotReply(snapshot: Bench.id(4, 1), nextSection: 1, round: 0, wall: 0)))
    #expect(bench.wanted.map(\.section) == [1])
    bench.acknowledge(2, 4)
    #expect(bench.appends(to: 2).last?.entries.first?.index == LogIndex(5))
  }

  /// B20: whatever of an old log is on the disk beside a newer snapshot, the pair makes a replica.
  @Test func b20SnapshotAndLogOfAnotherTime() {
    let metadata = Bench.metadata(10, 5)
    let shorter = Bench(entries: Bench.entries([1, 1, 1]), term: 5, snapshot: metadata)
    #expect(shorter.node.firstIndex == LogIndex(11) && shorter.node.lastID == metadata.last)
    let replaced = Bench(
      entries: Bench.entries([2, 2, 2, 2], from: 9), term: 5, snapshot: metadata)
    #expect(replaced.node.lastID == metadata.last)
    let kept = Bench(
      entries: Bench.entries([5, 5, 5, 5], from: 9), term: 5, snapshot: metadata)
    #expect(kept.node.lastID == Bench.id(12, 5) && kept.node.commitIndex == LogIndex(10))
  }

  /// B24: log that a follower needs after the snapshot it is being sent is kept.
  @Test func b24LogIsKeptForASnapshotUnderWay() throws {
    let cluster = Cluster(3, seed: 5, snapshotEvery: 10)
    try cluster.one(1, 3)
    let leader = try cluster.checkOneLeader()
    let slow = cluster.after(leader, 1)
    cluster.cut(slow)
    for value: UInt64 in 0..<25 { try cluster.one(value, 2) }
    cluster.connect(slow)
    for value: UInt64 in 100..<160 {
      for node in cluster.everyone { _ = cluster.propose(value, at: node) }
      cluster.run(milliseconds: 3)
    }
    try cluster.one(200, 3)
    #expect(cluster.nodes[slow].installs == 1)
  }
}
