import Basics
import Raft
import Testing

/// The five properties of the Raft paper's Figure 3, which hold at all times: in a group of five
/// whose network loses and reorders messages and whose replicas crash, looked at every few
/// milliseconds. Their proof in the paper is §5.4.3.
@Suite struct PaperSafetyTests {
  @Test("§5.2, election safety: one leader in a term", arguments: UInt64(1)...3)
  func electionSafety(seed: UInt64) throws {
    var leaders: [UInt64: Int] = [:]
    try Self.disturb(seed) { cluster in
      for node in cluster.everyone where cluster.isLeader(node) {
        let known = leaders.updateValue(node, forKey: cluster.term(node))
        #expect(known == nil || known == node)
      }
    }
    #expect(leaders.count > 3, "there were elections")
  }

  @Test("§5.3, leader append-only: a leader cuts nothing from its log", arguments: UInt64(1)...3)
  func leaderAppendOnly(seed: UInt64) throws {
    var before: [Int: (term: UInt64, log: [Entry])] = [:]
    var grown = 0
    try Self.disturb(seed) { cluster in
      for node in cluster.everyone {
        guard cluster.isLeader(node) else {
          before[node] = nil
          continue
        }
        let log = cluster.nodes[node].journal
        if let known = before[node], known.term == cluster.term(node) {
          #expect(log.starts(with: known.log))
          if log.count > known.log.count { grown += 1 }
        }
        before[node] = (cluster.term(node), log)
      }
    }
    #expect(grown > 20)
  }

  @Test(
    "§5.3, log matching: logs with the same entry at an index are the same up to it",
    arguments: UInt64(1)...3)
  func logMatching(seed: UInt64) throws {
    var different = 0
    try Self.disturb(seed) { cluster in
      for left in cluster.everyone {
        for right in 0..<left {
          let (one, other) = (cluster.nodes[left].journal, cluster.nodes[right].journal)
          let common = zip(one, other).reduce(into: 0) { last, pair in
            if pair.0.id == pair.1.id { last = Int(pair.0.index.rawValue) }
          }
          #expect(one.prefix(common) == other.prefix(common))
          if min(one.count, other.count) > common { different += 1 }
        }
      }
    }
    #expect(different > 0, "logs that part were seen")
  }

  @Test(
    "§5.4, leader completeness: a leader has all that was committed before its term",
    arguments: UInt64(1)...3)
  func leaderCompleteness(seed: UInt64) throws {
    var seen = 0
    var committedIn: [UInt64: Int] = [:]
    try Self.disturb(seed) { cluster in
      let newest = cluster.everyone.map(cluster.term).max() ?? 0
      let committed = cluster.truth.count
      committedIn[newest] = committed
      for node in cluster.everyone where cluster.isLeader(node) {
        let earlier = committedIn.filter { $0.key < cluster.term(node) }.values.max() ?? 0
        let log = cluster.nodes[node].journal
        #expect(log.count >= earlier)
        for entry in log.prefix(earlier) { #expect(cluster.truth[entry.index.rawValue] == entry) }
        seen += 1
      }
    }
    #expect(seen > 20)
  }

  @Test(
    "§5.4.3, state machine safety: no two replicas apply different entries at an index",
    arguments: UInt64(1)...3)
  func stateMachineSafety(seed: UInt64) throws {
    var applied: [UInt64: Entry] = [:]
    try Self.disturb(seed) { cluster in
      for node in cluster.everyone where cluster.nodes[node].raft != nil {
        let count = Int(cluster.nodes[node].applied.rawValue)
        for entry in cluster.nodes[node].journal.prefix(count).suffix(30) {
          #expect(applied.updateValue(entry, forKey: entry.index.rawValue) ?? entry == entry)
        }
      }
    }
    #expect(applied.count > 50)
  }

  /// Proposals everywhere, crashes, cuts and late messages for half a minute; `look` is called in
  /// between. The cluster itself checks what is applied, so nothing wrong goes unnoticed.
  private static func disturb(_ seed: UInt64, _ look: (Cluster) -> Void) throws {
    let cluster = Cluster(5, seed: seed)
    cluster.isReliable = false
    var value: UInt64 = 0
    for _ in 0..<400 {
      for node in cluster.everyone where cluster.nodes[node].isConnected {
        value += 1
        _ = cluster.propose(value, at: node)
      }
      let node = cluster.generator.next(in: cluster.everyone)
      switch cluster.generator.next(in: 0...39) {
      case 0: cluster.crash(node)
      case 1...3 where cluster.nodes[node].raft == nil: cluster.restart(node)
      case 4: cluster.cut(node)
      case 5...7 where cluster.nodes[node].raft != nil: cluster.connect(node)
      case 8: cluster.isLongReordering.toggle()
      case 9:
        if let leader = cluster.everyone.first(where: cluster.isLeader) { cluster.cut(leader) }
      default: break
      }
      cluster.run(milliseconds: cluster.generator.next(in: 1...150))
      try cluster.check()
      look(cluster)
    }
  }
}
