import Basics
import ShardMap

/// Makes the faults of one seed's run until it is told to stop.
package final class Nemesis {
  package struct Counters: Sendable {
    package var crashes = 0
    package var powerCuts = 0
    package var massCrashes = 0
    package var strikes = 0
    package var partitions = 0
    package var oneWayPartitions = 0
    package var stops = 0
    package var clockSteps = 0
    package var syncStalls = 0
    package var syncFailures = 0
    package init() {}
  }

  package private(set) var counters = Counters()
  private let cluster: SimulatedCluster
  private let options: SwarmOptions
  private var generator: SeededGenerator
  private var isActive = true

  package init(_ cluster: SimulatedCluster, _ options: SwarmOptions, seed: UInt64) {
    self.cluster = cluster
    self.options = options
    generator = SeededGenerator(seed: seed)
  }

  private var simulator: Simulator { cluster.simulator }

  package func begin() {
    simulator.changeNetwork { $0.conditions = options.conditions }
    simulator.timing.sync = options.sync
    every(options.crashPause) { $0.crashOne() }
    every(options.massCrashPause) { $0.crashMany() }
    every(options.partitionPause) { $0.partition() }
    every(options.stopPause) { $0.stopOne() }
    every(options.clockStepPause) { $0.stepClock() }
    every(options.syncStallPause) { $0.stallSync() }
    every(options.syncFailurePause) { $0.failSync() }
    if options.strikeChance > 0 {
      for watch in cluster.watches {
        watch.didElect = { [unowned self] host in strike(simulator.hosts[host]) }
      }
    }
    guard options.driftPPM > 0 else { return }
    for replica in cluster.replicas {
      replica.host.clock.driftPPM = Int64(
        generator.next(in: -options.driftPPM...options.driftPPM))
      replica.host.clock.wallOffset = Int64(
        generator.next(in: -options.clockStep...options.clockStep))
    }
  }

  /// No more faults, and all that were made are over.
  package func heal() {
    isActive = false
    simulator.trace("everything heals")
    simulator.changeNetwork { network in
      network.conditions = NetworkConditions()
      network.healAll(now: simulator.now)
    }
    simulator.timing = Simulator.Timing()
    for replica in cluster.replicas {
      replica.host.failsNextSync = false
      replica.host.syncStall = 0
      simulator.resume(replica.host)
      simulator.start(replica.host)
    }
  }

  /// Again and again, after half to one and a half times `pause` milliseconds; never if it is 0.
  private func every(_ pause: Int, _ act: @escaping (Nemesis) -> Void) {
    guard pause > 0 else { return }
    let delay = generator.next(in: pause / 2...pause * 3 / 2)
    simulator.after(UInt64(delay) * nanosecondsPerMillisecond) { [unowned self] in
      guard isActive else { return }
      act(self)
      every(pause, act)
    }
  }

  private func later(_ range: ClosedRange<Int>, _ act: @escaping (Nemesis) -> Void) {
    let delay = UInt64(generator.next(in: range)) * nanosecondsPerMillisecond
    simulator.after(delay) { [unowned self] in
      if isActive { act(self) }
    }
  }

  private func anyHost() -> SimulatedHost {
    cluster.replicas[generator.next(in: 0..<cluster.replicas.count)].host
  }

  /// Leaders are what matters: they are struck half of the time.
  private func victim() -> SimulatedHost {
    if generator.chance(0.5) {
      let group = cluster.plan.groups[generator.next(in: 0..<cluster.plan.groups.count)].id
      if let leader = cluster.leader(of: group) { return leader.host }
    }
    return anyHost()
  }

  private func crash(_ host: SimulatedHost) {
    guard host.isUp else { return }
    let losesPower = generator.chance(options.powerCutShare)
    counters.crashes += 1
    if losesPower { counters.powerCuts += 1 }
    simulator.crash(host, losesUnsynced: losesPower, silently: losesPower)
    later(options.downTime) { $0.simulator.start(host) }
  }

  private func crashOne() { crash(victim()) }

  /// A new leader has entries that nobody else has: the moment at which losing it hurts most.
  private func strike(_ host: SimulatedHost) {
    guard isActive, generator.chance(options.strikeChance) else { return }
    counters.strikes += 1
    later(0...30) { nemesis in
      if nemesis.generator.chance(0.5) {
        nemesis.crash(host)
      } else {
        nemesis.separate(lonely: host.index)
      }
    }
  }

  /// A whole group, or every node there is.
  private func crashMany() {
    counters.massCrashes += 1
    let group = generator.next(in: 0...cluster.plan.groups.count)
    for replica in cluster.replicas
    where group == cluster.plan.groups.count || replica.group == group {
      crash(replica.host)
    }
  }

  /// Some hosts on one side, clients included; or only one way between them. A lonely leader keeps
  /// some clients, who may believe what it says.
  private func partition() {
    separate(lonely: generator.chance(0.5) ? victim().index : nil)
  }

  private func separate(lonely: Int?) {
    let hosts = simulator.hosts.map(\.index)
    let share = generator.chance(0.5) ? 0.5 : 0.2
    let side = hosts.map { host in
      let isClient = host >= cluster.replicas.count
      return if let lonely, !isClient { host == lonely } else { generator.chance(share) }
    }
    let oneWay = generator.chance(options.oneWayShare)
    let sendsOnly = generator.chance(0.5)
    counters.partitions += 1
    if oneWay { counters.oneWayPartitions += 1 }
    var ways: [(Int, Int)] = []
    for from in hosts {
      for to in hosts where side[from] != side[to] && (!oneWay || side[from] == sendsOnly) {
        ways.append((from, to))
      }
    }
    simulator.trace("partition: \(hosts.filter { side[$0] }) apart\(oneWay ? ", one way" : "")")
    simulator.changeNetwork { network in
      for (from, to) in ways { network.cut(from: from, to: to) }
    }
    later(options.partitionTime) { nemesis in
      nemesis.simulator.trace("partition heals")
      nemesis.simulator.changeNetwork { $0.healAll(now: nemesis.simulator.now) }
    }
  }

  private func stopOne() {
    let host = victim()
    guard host.isUp else { return }
    counters.stops += 1
    simulator.pause(host)
    later(options.stopTime) { $0.simulator.resume(host) }
  }

  private func stepClock() {
    counters.clockSteps += 1
    let step = generator.next(in: -options.clockStep...options.clockStep)
    anyHost().clock.wallOffset += Int64(step)
  }

  private func stallSync() {
    counters.syncStalls += 1
    victim().syncStall = generator.next(in: 500...5_000) * Int(nanosecondsPerMillisecond)
  }

  private func failSync() {
    let host = victim()
    guard host.isUp else { return }
    counters.syncFailures += 1
    host.failsNextSync = true
    later(options.downTime) { nemesis in
      host.failsNextSync = false
      nemesis.simulator.start(host)
    }
  }
}
