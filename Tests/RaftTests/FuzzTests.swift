import Basics
import Foundation
import Raft
import Testing

/// J9, J12, J23: everything that can be done to a group, at random, with what must always hold
/// (Raft Figure 3): one leader in a term, logs that match, leaders that have all that is committed,
/// one sequence applied. `RAFT_FUZZ_SEEDS` says how many groups.
@Suite struct FuzzTests {
  private static var seeds: ClosedRange<UInt64> {
    let count = ProcessInfo.processInfo.environment["RAFT_FUZZ_SEEDS"].flatMap(UInt64.init)
    return 1...max(count ?? 5, 1)
  }

  @Test func everythingAtOnce() throws {
    for seed in Self.seeds {
      var chaos = Chaos(seed: seed)
      do {
        try chaos.run()
      } catch {
        Issue.record("seed \(seed): \(error)")
      }
    }
  }
}

/// A group of three to five that grows and shrinks within seven replicas, or five that are always
/// the same.
private struct Chaos {
  let cluster: Cluster
  var value: UInt64 = 0
  var changes = 0
  /// So many replicas may have forgotten what they acknowledged, and not have settled that; 0:
  /// disks forget nothing.
  let forgettersMax: Int
  var forgetters: Set<Int> = []

  init(seed: UInt64) {
    var draw = SeededGenerator(seed: seed)
    var settings = RaftSettings()
    settings.leaseReads = draw.chance(0.5)
    settings.appendBytesMax = draw.chance(0.5) ? 100 : 1 << 20
    settings.appendsInFlightMax = draw.chance(0.5) ? 2 : 64
    settings.committedBytesMax = draw.chance(0.5) ? 80 : 1 << 20
    settings.promotionLagMax = 20
    let voters = draw.next(in: 2...4)
    let snapshotEvery = draw.chance(0.7) ? 10 : nil
    // The same groups as ever, half of them with doubts.
    var doubts = SeededGenerator(seed: ~seed)
    let isFixed = doubts.chance(0.4)
    forgettersMax = doubts.chance(0.5) ? isFixed ? 2 : 1 : 0
    cluster = Cluster(
      isFixed ? 5 : voters, joiners: isFixed ? 0 : 6 - voters, seed: seed,
      snapshotEvery: snapshotEvery, settings: settings)
    cluster.syncMicroseconds = draw.chance(0.3) ? 8000 : 300
    cluster.isReliable = draw.chance(0.4)
    // Answers of earlier lives are under way for long.
    cluster.isLongReordering = forgettersMax > 0 && doubts.chance(0.3)
    cluster.idleCheckInterval = 10
    if settings.leaseReads {
      for node in cluster.everyone {
        cluster.nodes[node].clockPercent = UInt64(draw.next(in: 90...110))
      }
    }
  }

  mutating func run() throws {
    for step in 0..<250 {
      try act()
      cluster.run(milliseconds: cluster.generator.next(in: 0...60))
      try cluster.check()
      if step % 10 == 0 { try checkLogs() }
    }
    try heal()
  }

  private mutating func act() throws {
    let node = cluster.generator.next(in: cluster.everyone)
    let other = cluster.generator.next(in: cluster.everyone)
    switch cluster.generator.next(in: 0...25) {
    case 0...8:
      for node in cluster.everyone {
        value += 1
        _ = cluster.propose(value, at: node)
      }
    case 9...12: if cluster.nodes[node].raft != nil { cluster.beginRead(node) }
    case 13...15: change(node, other)
    case 16:
      for leader in cluster.everyone where cluster.isLeader(leader) {
        let target = cluster.generator.chance(0.5) ? cluster.id(node) : nil
        cluster.turn(leader) { $0.transferLeadership(to: target) }
      }
    case 17: cluster.cut(node)
    case 18: if cluster.nodes[node].raft != nil { cluster.connect(node) }
    case 19: crash(node)
    case 20:
      crash(node)
      cluster.restart(node)
    case 21: if cluster.nodes[node].raft != nil { cluster.pause(node) }
    case 22: if cluster.nodes[node].isPaused { cluster.resume(node) }
    case 23: if node != other { cluster.brokenLinks.insert(Cluster.Link(node, other)) }
    case 24: cluster.brokenLinks = []
    default: cluster.stalledDisks = cluster.generator.chance(0.5) ? [node] : []
    }
  }

  /// Often the journal cannot tell whether its disk has forgotten something, and sometimes it has.
  /// While a replica has lost everything nobody else is in doubt: then nobody could be elected.
  private mutating func crash(_ node: Int) {
    let wasUp = cluster.nodes[node].raft != nil
    cluster.crash(node)
    let doubtful = cluster.everyone.filter { cluster.nodes[$0].disk.trust.cause != nil }
    forgetters.formIntersection(doubtful)
    guard wasUp, forgettersMax > 0, cluster.generator.chance(0.8),
      doubtful.allSatisfy({ $0 == node || cluster.nodes[$0].disk.trust.cause == .tornTail })
    else { return }
    let mayForget = forgetters.contains(node) || forgetters.count < forgettersMax
    switch cluster.generator.next(in: 0...9) {
    case 0...5 where mayForget:
      cluster.nodes[node].disk.forget(batches: cluster.generator.next(in: 1...2))
      forgetters.insert(node)
    case 6 where mayForget && doubtful.allSatisfy({ $0 == node }) && hasThirds:
      cluster.nodes[node].disk.forgetEverything()
      forgetters.insert(node)
    default: cluster.nodes[node].disk.forget(batches: 0)
    }
  }

  /// Whether a quorum remains without one replica that may not vote.
  private var hasThirds: Bool {
    cluster.everyone.compactMap(cluster.membership).allSatisfy {
      $0.voters.isEmpty || $0.voters.count > 2 && ($0.outgoing.isEmpty || $0.outgoing.count > 2)
    }
  }

  private mutating func change(_ node: Int, _ other: Int) {
    for leader in cluster.everyone where cluster.isLeader(leader) {
      guard let now = cluster.membership(leader) else { continue }
      let id = cluster.id(node)
      let change: MembershipChange =
        if !now.includes(id) {
          .add(id)
        } else if now.learners.contains(id) {
          cluster.generator.chance(0.5) ? .promote(id) : .replace(cluster.id(other), with: id)
        } else {
          .remove(id)
        }
      if now.voters.count < 3, case .remove(id) = change { continue }
      if case .accepted = cluster.propose(change, at: leader) { changes += 1 }
    }
  }

  /// Log matching, and leader completeness.
  private func checkLogs() throws {
    var known: [EntryID: (entry: Entry, before: Term)] = [:]
    for node in cluster.everyone {
      var before: Term?
      for entry in cluster.nodes[node].journal {
        if let before {
          if let other = known[entry.id], other.entry != entry || other.before != before {
            throw Failed(description: "the logs differ at or before \(entry.id)")
          }
          known[entry.id] = (entry, before)
        }
        before = entry.term
      }
    }
    let newest = cluster.leaderOfTerm.keys.max() ?? 0
    for node in cluster.everyone where cluster.isLeader(node) && cluster.term(node) >= newest {
      let journal = cluster.nodes[node].journal
      let last = cluster.nodes[node].raft?.lastIndex ?? .zero
      if last < cluster.applied {
        throw Failed(description: "leader \(node) ends at \(last) before \(cluster.applied)")
      }
      for entry in journal {
        if let committed = cluster.truth[entry.index.rawValue], committed != entry {
          throw Failed(description: "leader \(node) has \(entry.id), not \(committed.id)")
        }
      }
    }
  }

  /// Everybody is well again: the members agree within ten seconds.
  private func heal() throws {
    cluster.brokenLinks = []
    cluster.stalledDisks = []
    cluster.isReliable = true
    cluster.isLongReordering = false
    for node in cluster.everyone {
      if cluster.nodes[node].raft == nil { cluster.start(node) }
      if cluster.nodes[node].isPaused { cluster.resume(node) }
      cluster.connect(node)
    }
    cluster.run(milliseconds: 5000)
    let leader = try cluster.checkOneLeader()
    guard let membership = cluster.membership(leader) else { return }
    try cluster.one(1 << 40, membership.everyone.count)
    if cluster.nodes[leader].raft?.isMembershipSettled != true {
      throw Failed(description: "a change is never finished")
    }
    try checkLogs()
    if cluster.idleTicksSeen < 100 { throw Failed(description: "hardly any tick was idle") }
  }
}
