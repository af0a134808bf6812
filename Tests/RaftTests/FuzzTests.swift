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

/// A group of three to five that grows and shrinks within seven replicas.
private struct Chaos {
  let cluster: Cluster
  var value: UInt64 = 0
  var changes = 0

  init(seed: UInt64) {
    var draw = SeededGenerator(seed: seed)
    var settings = RaftSettings()
    settings.leaseReads = draw.chance(0.5)
    settings.appendBytesMax = draw.chance(0.5) ? 100 : 1 << 20
    settings.appendsInFlightMax = draw.chance(0.5) ? 2 : 64
    settings.committedBytesMax = draw.chance(0.5) ? 80 : 1 << 20
    settings.promotionLagMax = 20
    let voters = draw.next(in: 2...4)
    cluster = Cluster(
      voters, joiners: 6 - voters, seed: seed, snapshotEvery: draw.chance(0.7) ? 10 : nil,
      settings: settings)
    cluster.syncMicroseconds = draw.chance(0.3) ? 8000 : 300
    cluster.isReliable = draw.chance(0.4)
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
    case 19: cluster.crash(node)
    case 20: cluster.restart(node)
    case 21: if cluster.nodes[node].raft != nil { cluster.pause(node) }
    case 22: if cluster.nodes[node].isPaused { cluster.resume(node) }
    case 23: if node != other { cluster.brokenLinks.insert(Cluster.Link(node, other)) }
    case 24: cluster.brokenLinks = []
    default: cluster.stalledDisks = cluster.generator.chance(0.5) ? [node] : []
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
