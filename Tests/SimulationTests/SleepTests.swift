import Basics
import Clerk
import ShardKVServer
import ShardMap
import Simulation
import Testing
import Wire

/// Nodes that sleep until something may happen do what nodes do that wake at each tick.
struct SleepTests {
  /// What a node did in a turn in which it did anything that can be seen.
  private struct Act: Hashable {
    var time: UInt64
    var host: Int
    var description: String
  }

  /// A cluster whose timing does not depend on how many turns there are.
  private final class Observed {
    let cluster: SimulatedCluster
    var acts: [Act] = []

    init(wakesAtEachTick: Bool, seed: UInt64, leaseReads: Bool = false) throws {
      var settings = NodeSettings()
      settings.wakesAtEachTick = wakesAtEachTick
      settings.raft.leaseReads = leaseReads
      settings.snapshotBytes = 2_000
      settings.journal.segmentBytes = 4_096
      settings.raft.retainedEntries = 4
      let layout = try #require(ShardLayout(mapping: .slots, shardCount: 4))
      cluster = SimulatedCluster(
        plan: ClusterPlan(
          layout: layout, controllers: 3, groups: [(GroupID(1), 3), (GroupID(2), 2)]),
        settings: settings, seed: seed)
      cluster.simulator.timing.turn = 0...0
      cluster.simulator.timing.sync = 1...1
      cluster.simulator.changeNetwork { network in
        network.conditions.latency = 137_001...137_001
        network.conditions.splitting = 0
        network.conditions.loss = 0.03
      }
      let watch = cluster.simulator.didTurn
      cluster.simulator.didTurn = { [unowned self] host, effects in
        note(host, effects)
        watch?(host, effects)
      }
      // No two have their ticks at the same time: in which order those are is left open.
      for (number, replica) in cluster.replicas.enumerated() {
        cluster.simulator.changeNetwork { $0.crash(replica.host.index, silently: false, now: 0) }
        cluster.simulator.after(UInt64(number) * 313_007) { [unowned cluster] in
          cluster.simulator.start(replica.host)
        }
      }
    }

    private func note(_ host: SimulatedHost, _ effects: NodeEffects) {
      if effects.links.isEmpty, effects.files.isEmpty, effects.sync == nil { return }
      acts.append(
        Act(
          time: cluster.simulator.now, host: host.index,
          description: "\(effects.links) \(effects.files) \(effects.events)"))
    }

    func at(_ milliseconds: UInt64, _ action: @escaping () -> Void) {
      cluster.simulator.after(milliseconds * nanosecondsPerMillisecond, action)
    }
  }

  /// Elections, hand-overs of shards, reads, writes, snapshots, a cut that goes on for long enough
  /// that leaders step down, and long silence.
  private static func run(_ observed: Observed) -> [Act] {
    let cluster = observed.cluster
    let client = cluster.addClient()
    func submit(_ operation: ClerkOperation, at time: UInt64) {
      observed.at(time) {
        cluster.submit(operation, by: client, timeout: 20_000_000_000) { _ in }
      }
    }
    for (group, time) in [(1, UInt64(1_511)), (2, 4_017)] {
      let seeds = cluster.plan.groups[group].members.map(\.peer)
      submit(
        .control(.join([JoinRequest(group: cluster.plan.groups[group].id, seeds: seeds)])),
        at: time)
    }
    for number in 0..<60 {
      let key = Array("key\(number % 7)".utf8)
      let time = UInt64(2_003 + number * 51)
      submit(.write(key: key, .put(value: Array(repeating: 65, count: 100))), at: time)
      submit(.get(key: key), at: time + 13)
    }
    for (position, time) in [(0, UInt64(6_007)), (1, 8_003)] {
      observed.at(time) {
        let group = cluster.plan.groups[position].id
        guard let leader = cluster.leader(of: group) else { return }
        cluster.simulator.changeNetwork { network in
          for other in cluster.replicas(of: group) where other.host.index != leader.host.index {
            network.cut(from: other.host.index, to: leader.host.index)
          }
        }
      }
    }
    observed.at(11_009) { [unowned cluster] in
      let now = cluster.simulator.now
      cluster.simulator.changeNetwork { $0.healAll(now: now) }
    }
    cluster.simulator.run(until: 16_000_000_000)
    #expect(cluster.simulator.failure == nil)
    return observed.acts
  }

  @Test(arguments: [(UInt64(1), false), (2, true), (3, false)])
  func sleepingChangesNothingThatCanBeSeen(_ seed: UInt64, _ leaseReads: Bool) throws {
    let awake = try Observed(wakesAtEachTick: true, seed: seed, leaseReads: leaseReads)
    let asleep = try Observed(wakesAtEachTick: false, seed: seed, leaseReads: leaseReads)
    let expected = Self.run(awake)
    let found = Self.run(asleep)
    if let place = zip(expected, found).enumerated().first(where: { $1.0 != $1.1 })?.offset {
      Issue.record("act \(place): awake \(expected[place])\nasleep \(found[place])")
    }
    #expect(expected.count == found.count)
    #expect(expected.count > 2_000)
    #expect(awake.cluster.watches.reduce(0) { $0 + $1.leaderChanges } >= 5)
    #expect(awake.cluster.handOvers >= 4)
    let turns = (asleep.cluster.simulator.turnCount, awake.cluster.simulator.turnCount)
    #expect(turns.0 < turns.1 * 2 / 3)
  }

  /// A process that was stopped for ten seconds has slept through more than any timeout.
  @Test func whoWasStoppedReadsItsMailBeforeItsTimersFire() throws {
    let observed = try Observed(wakesAtEachTick: false, seed: 5)
    let cluster = observed.cluster
    cluster.simulator.changeNetwork { $0.conditions.loss = 0 }
    cluster.simulator.run(until: 3_000_000_000)
    let leader = try #require(cluster.leader(of: .none))
    let follower = try #require(
      cluster.replicas(of: .none).first { $0.host.index != leader.host.index })
    cluster.simulator.pause(follower.host)
    cluster.simulator.run(until: 13_000_000_000)
    cluster.simulator.resume(follower.host)
    cluster.simulator.run(until: 15_000_000_000)
    #expect(cluster.watches[0].leaderChanges == 1)
    #expect(follower.node?.observation.term == leader.node?.observation.term)
    #expect(leader.node?.observation.role == .leader)
  }

  /// Its quorum's last answer is ten seconds old, and it has no mail.
  @Test func aLeaderThatWasStoppedKnowsThatItsQuorumIsSilent() throws {
    let observed = try Observed(wakesAtEachTick: false, seed: 6)
    let cluster = observed.cluster
    cluster.simulator.run(until: 3_000_000_000)
    let leader = try #require(cluster.leader(of: .none))
    cluster.simulator.changeNetwork { network in
      for host in cluster.simulator.hosts where host.index != leader.host.index {
        network.cut(from: host.index, to: leader.host.index)
      }
    }
    cluster.simulator.pause(leader.host)
    cluster.simulator.run(until: 13_000_000_000)
    #expect(leader.node?.observation.role == .leader)
    cluster.simulator.resume(leader.host)
    cluster.simulator.run(until: 13_001_000_000)
    #expect(leader.node?.observation.role != .leader)
  }
}
