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
    package var graphs = 0
    package var flaps = 0
    package var drifts = 0
    package var drains = 0
    package var struckChangers = 0
    package var struckCandidates = 0
    package init() {}
  }

  package internal(set) var counters = Counters()
  let cluster: SimulatedCluster
  let options: SwarmOptions
  var generator: SeededGenerator
  var isActive = true
  /// Hosts outside of a core that are not to come back before everything heals.
  var gone: Set<Int> = []

  package init(_ cluster: SimulatedCluster, _ options: SwarmOptions, seed: UInt64) {
    self.cluster = cluster
    self.options = options
    generator = SeededGenerator(seed: seed)
  }

  var simulator: Simulator { cluster.simulator }

  package func begin() {
    simulator.changeNetwork { $0.conditions = options.conditions }
    simulator.timing.sync = options.sync
    simulator.timing.background = options.background
    simulator.splitsMailAfterPauses = options.splitsMail
    simulator.powerCutInSync = { [unowned self] host in
      if isActive { crash(host, losesPower: true) }
    }
    every(options.crashPause) { $0.crashOne() }
    every(options.massCrashPause) { $0.crashMany() }
    every(options.partitionPause) { $0.partition() }
    every(options.stopPause) { $0.stopOne() }
    every(options.clockStepPause) { $0.stepClock() }
    every(options.syncStallPause) { $0.stallSync() }
    every(options.syncFailurePause) { $0.failSync() }
    every(options.fullDiskPause) { $0.fillDisk() }
    every(options.backgroundStallPause) { $0.stallBackground() }
    every(options.damagePause) { $0.damageDisk() }
    every(options.graphPause) { $0.drawGraph() }
    every(options.flapPause) { $0.flap() }
    every(options.misdirectPause) { $0.misdirectWrite() }
    every(options.drainPause) { $0.drainOne() }
    every(options.wipePause) { $0.wipeFolder() }
    if options.misdirectPause > 0 {
      for replica in cluster.replicas { replica.host.disk.remembersWrites = true }
    }
    // A supervisor starts what ended by request, also when the faults are over.
    simulator.didDrain = { [unowned self] host in
      simulator.after(200 * nanosecondsPerMillisecond) { [unowned self] in
        if !gone.contains(host.index) { simulator.start(host) }
      }
    }
    if options.memberStrikeChance > 0 {
      cluster.didChangeMembership = { [unowned self] host in strikeChanger(host) }
    }
    for watch in cluster.watches {
      watch.didElect = { [unowned self] host in
        if options.slowsLeaders { slowDown(host, of: watch.group) }
        if options.strikeChance > 0 { strike(simulator.hosts[host]) }
      }
    }
    if options.candidateStrikeChance > 0 {
      for watch in cluster.watches {
        watch.didCampaign = { [unowned self] host in strikeCandidate(simulator.hosts[host]) }
      }
    }
    guard options.driftPPM > 0 else { return }
    for replica in cluster.replicas {
      counters.drifts += 1
      let drift = generator.next(in: -options.driftPPM...options.driftPPM)
      replica.host.clock.drift(Int64(drift), since: simulator.now)
      replica.host.clock.wallOffset = Int64(
        generator.next(in: -options.clockStep...options.clockStep))
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

  func later(_ range: ClosedRange<Int>, _ act: @escaping (Nemesis) -> Void) {
    let delay = UInt64(generator.next(in: range)) * nanosecondsPerMillisecond
    simulator.after(delay) { [unowned self] in
      if isActive { act(self) }
    }
  }

  func anyHost() -> SimulatedHost {
    cluster.replicas[generator.next(in: 0..<cluster.replicas.count)].host
  }

  /// Leaders are what matters: they are struck half of the time.
  func victim() -> SimulatedHost {
    if generator.chance(0.5) {
      let group = cluster.plan.groups[generator.next(in: 0..<cluster.plan.groups.count)].id
      if let leader = cluster.leader(of: group) { return leader.host }
    }
    return anyHost()
  }

  func crash(_ host: SimulatedHost) {
    crash(host, losesPower: generator.chance(options.powerCutShare))
  }

  func crash(_ host: SimulatedHost, losesPower: Bool) {
    guard host.isUp else { return }
    counters.crashes += 1
    if losesPower { counters.powerCuts += 1 }
    simulator.crash(host, losesUnsynced: losesPower, silently: losesPower)
    later(options.downTime) { $0.simulator.start(host) }
  }

  /// Half of the power cuts come while something is being synced, which is when they hurt.
  private func crashOne() {
    let host = victim()
    if generator.chance(options.powerCutShare / 2) {
      let isInBackground =
        options.backgroundCutShare > 0 && generator.chance(options.backgroundCutShare)
      if isInBackground {
        host.losesPowerInBackground = true
      } else {
        host.losesPowerInNextSync = true
      }
    } else {
      crash(host)
    }
  }

  /// A new leader has entries that nobody else has: the moment at which losing it hurts most.
  private func strike(_ host: SimulatedHost) {
    guard isActive, generator.chance(options.strikeChance) else { return }
    counters.strikes += 1
    knockOut(host, within: 0...30)
  }

  /// Crashes a host soon, or cuts it off from all others.
  func knockOut(_ host: SimulatedHost, within milliseconds: ClosedRange<Int>) {
    later(milliseconds) { nemesis in
      if nemesis.generator.chance(0.5) {
        nemesis.crash(host)
      } else {
        nemesis.separate(lonely: host.index)
      }
    }
  }

  /// A leader's clock is the slowest from now on, and those of its followers are the fastest: what
  /// it counts on lasts as long as it can, and what they promised as short.
  private func slowDown(_ leader: Int, of group: GroupID) {
    guard isActive else { return }
    for replica in cluster.replicas(of: group) {
      let isLeader = replica.host.index == leader
      replica.host.clock.drift(
        Int64(isLeader ? -options.driftPPM : options.driftPPM), since: simulator.now)
      simulator.wake(replica.host)
    }
  }

  /// One that has raised its term, and whom nobody hears.
  private func strikeCandidate(_ host: SimulatedHost) {
    guard isActive, generator.chance(options.candidateStrikeChance) else { return }
    counters.struckCandidates += 1
    knockOut(host, within: 0...20)
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
}
