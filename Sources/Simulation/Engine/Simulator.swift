import Basics
import Checksums
import Journal
import ShardKVServer
import Wire

/// Machines, their disks and the network between them in one thread and in virtual time: whatever
/// happens is an event of one queue, and one seed decides everything.
///
/// What every event looks at, here and in the classes around, is not checked for exclusive access:
/// there is one thread, and the checks took a tenth of the time.
package final class Simulator {
  enum Event {
    case network(NetworkEvent)
    case turn(host: Int, incarnation: Int)
    case timer(host: Int, incarnation: Int)
    case synced(host: Int, incarnation: Int)
    case background(host: Int, incarnation: Int)
    case call(() -> Void)
  }

  /// Nanoseconds that parts of a turn take.
  package struct Timing: Sendable {
    package var turn = 10_000...40_000
    package var sync = 200_000...2_000_000
    /// One step of what is done beside the journal.
    package var background = 20_000...1_000_000
    package init() {}
  }

  /// Virtual nanoseconds since the beginning.
  @exclusivity(unchecked) package private(set) var now: UInt64 = 0
  @exclusivity(unchecked) package private(set) var hosts: [SimulatedHost] = []
  @exclusivity(unchecked) package var network: SimulatedNetwork
  @exclusivity(unchecked) package var timing = Timing()
  @exclusivity(unchecked) package private(set) var eventCount = 0
  @exclusivity(unchecked) package private(set) var turnCount = 0
  package private(set) var crashes = 0
  package private(set) var restarts = 0
  /// Processes that ended because they were asked to.
  package private(set) var drains = 0
  /// Replicas that gave up their state, because it was another than that of their group.
  package internal(set) var rebuilds = 0
  /// Faults of disks that made a difference.
  package internal(set) var diskCounters = DiskCounters()
  /// The first thing that went wrong: the run is over.
  @exclusivity(unchecked) package private(set) var failure: SimulationFailure?
  /// Depends on everything that happened: equal for equal seeds, in every process.
  @exclusivity(unchecked) package private(set) var traceHash: UInt64 = 0xCBF2_9CE4_8422_2325
  /// Called after every turn.
  @exclusivity(unchecked) package var didTurn: ((SimulatedHost, NodeEffects) -> Void)?
  /// Called when the power of a host with ``SimulatedHost/losesPowerInNextSync`` is to be cut.
  package var powerCutInSync: ((SimulatedHost) -> Void)?
  /// The journal is written and synced in a thread, so that turns go on meanwhile.
  package var syncsInThread = false
  /// A process that was stopped finds a part of its mail in its first turn, and the rest later.
  package var splitsMailAfterPauses = false
  /// Called when a process has ended because it was asked to.
  package var didDrain: ((SimulatedHost) -> Void)?
  /// Gets a line for everything that happens.
  @exclusivity(unchecked) package var tracer: ((String) -> Void)?

  /// More turns of one host in one virtual second are a loop without a wait.
  private static let turnsPerSecondMax = 20_000

  @exclusivity(unchecked) var generator: SeededGenerator
  @exclusivity(unchecked) private var queue = EventQueue<Event>()

  package init(seed: UInt64) {
    generator = SeededGenerator(seed: seed)
    network = SimulatedNetwork(generator: generator.fork())
  }

  /// `12.345678901 s`.
  package static func text(of time: UInt64) -> String {
    let digits = String(time % 1_000_000_000)
    return "\(time / 1_000_000_000).\(String(repeating: "0", count: 9 - digits.count))\(digits) s"
  }

  /// Adds a machine that can be started again and again.
  package func addHost(
    name: String, address: String?,
    boot: ((SimulatedHost, Moment) throws -> any SimulatedProcess)? = nil
  ) -> SimulatedHost {
    let index = network.addHost(address: address)
    let host = SimulatedHost(index: index, name: name, address: address, boot: boot)
    host.clock.bootOffset = UInt64(generator.next(in: 1...1_000_000)) * 1_000_000
    host.background.generator = SeededGenerator(seed: host.clock.bootOffset ^ UInt64(index))
    hosts.append(host)
    return host
  }

  /// Ends the run; the first failure stays.
  package func fail(_ kind: SimulationFailure.Kind, _ message: String) {
    guard failure == nil else { return }
    failure = SimulationFailure(kind: kind, time: now, message: message)
    trace("FAILURE \(message)")
  }

  package func trace(_ line: @autoclosure () -> String) {
    tracer?("\(Self.text(of: now)) \(line())")
  }

  /// Calls `action` after so many nanoseconds.
  package func after(_ delay: UInt64, _ action: @escaping () -> Void) {
    queue.add(.call(action), at: now + delay)
  }

  /// Lets the next event happen; false when there is none or the run is over.
  package func step() -> Bool {
    guard failure == nil, let next = queue.popNext() else { return false }
    eventCount += 1
    now = next.time
    switch next.payload {
    case .network(let event):
      network.handle(event, now: now)
      collectFromNetwork()
    case .turn(let index, let incarnation):
      let host = hosts[index]
      guard host.incarnation == incarnation else { break }
      host.isTurnScheduled = false
      runTurn(host)
    case .timer(let index, let incarnation):
      let host = hosts[index]
      guard host.incarnation == incarnation, host.timerAt == now else { break }
      host.timerAt = nil
      // The deadline may have moved since.
      if let deadline = host.process?.nextDeadline, host.clock.time(ofMonotonic: deadline) > now {
        setTimer(host)
      } else {
        scheduleTurn(host)
      }
    case .synced(let index, let incarnation):
      let host = hosts[index]
      guard host.incarnation == incarnation else { break }
      finishSync(host)
    case .background(let index, let incarnation):
      let host = hosts[index]
      guard host.incarnation == incarnation else { break }
      continueBackground(host)
    case .call(let action):
      action()
    }
    return failure == nil
  }

  /// Lets everything happen up to that virtual time, which becomes now.
  package func run(until end: UInt64) {
    while failure == nil, let time = queue.nextTime, time <= end { _ = step() }
    if failure == nil, now < end { now = end }
  }

  /// The process has something to do besides its inputs: gives it a turn.
  package func wake(_ host: SimulatedHost) { scheduleTurn(host) }

  func mix(_ value: UInt64) {
    traceHash = (traceHash ^ value) &* 0x9E37_79B9_7F4A_7C15
    traceHash ^= traceHash >> 29
  }

  func scheduleTurn(_ host: SimulatedHost) {
    guard !host.isTurnScheduled, host.isUp, !host.isPaused, !waitsForSync(host) else { return }
    host.isTurnScheduled = true
    queue.add(
      .turn(host: host.index, incarnation: host.incarnation), at: max(now, host.busyUntil))
  }

  func scheduleBackground(_ host: SimulatedHost, at time: UInt64) {
    queue.add(.background(host: host.index, incarnation: host.incarnation), at: time)
  }

  private func waitsForSync(_ host: SimulatedHost) -> Bool { host.sync != nil && !syncsInThread }

  private func runTurn(_ host: SimulatedHost) {
    guard let process = host.process, !host.isPaused, !waitsForSync(host) else { return }
    let inputs = host.takeMail(&generator)
    turnCount += 1
    noteTurn(of: host)
    mix(now ^ UInt64(host.index) << 56 ^ UInt64(inputs.count) << 48)
    let effects = process.turn(host.clock.moment(at: now), inputs)
    host.busyUntil = now + UInt64(generator.next(in: timing.turn))
    carryOut(effects, of: host)
    didTurn?(host, effects)
    guard host.process === process else { return }
    if !host.inbox.isEmpty { scheduleTurn(host) }
    setTimer(host)
  }

  /// A process that never waits is a failure, although it does nothing wrong.
  private func noteTurn(of host: SimulatedHost) {
    let second = now / 1_000_000_000
    if host.turnSecond != second {
      host.turnSecond = second
      host.turnsInSecond = 0
    }
    host.turnsInSecond += 1
    if host.turnsInSecond > Self.turnsPerSecondMax {
      fail(.noProgress, "\(host.name) took \(host.turnsInSecond) turns within a second")
    }
  }

  private func carryOut(_ effects: NodeEffects, of host: SimulatedHost) {
    for event in effects.events { trace("\(host.name) [\(event.level)] \(event.message)") }
    if !syncsInThread {
      for effect in effects.files { guard execute(effect, on: host) else { return } }
    }
    for effect in effects.links {
      if case .send(_, let bytes) = effect {
        mix(UInt64(CRC32C.checksum(bytes)) | UInt64(bytes.count) << 32)
      }
      network.perform(effect, from: host.index, now: now)
    }
    collectFromNetwork()
    if let sync = effects.sync {
      let written = syncsInThread ? effects.files : []
      startSync(FileBatch(number: sync.number, effects: written + sync.files), on: host)
    }
    if !effects.background.isEmpty { order(effects.background, of: host) }
    switch effects.stop {
    case nil: break
    case .drained:
      drains += 1
      crash(host, losesUnsynced: false, silently: false)
      didDrain?(host)
    case .failed(let reason) where host.isDamaged:
      trace("\(host.name) finds what its disk did: \(reason)")
      restartLater(host)
    case .dismissed(let reason):
      host.dismissal = reason
      if host.folder > 0 {
        diskCounters.wipedRefusals += 1
        trace("\(host.name) is dismissed")
      } else {
        fail(.wrongResult, "\(host.name) was dismissed with the folder it always had: \(reason)")
      }
      crash(host, losesUnsynced: false, silently: false)
    case .rebuild(let reason): rebuild(host, reason)
    case .failed(let reason): fail(.wrongResult, "\(host.name) stopped itself: \(reason)")
    }
  }

  /// False if the process ended of it, as of every error of its disk.
  @discardableResult
  func execute(_ effect: FileEffect, on host: SimulatedHost) -> Bool {
    do {
      try host.disk.execute(effect)
      return true
    } catch  where error.isForLackOfRoom {
      diskCounters.fullStops += 1
      writePart(of: effect, on: host)
      trace("\(host.name) finds its disk full")
      crash(host, losesUnsynced: false, silently: false)
    } catch {
      fail(.wrongResult, "\(host.name) ordered what no folder can do: \(error)")
    }
    return false
  }

  private func giveUp(_ host: SimulatedHost, _ reason: String) {
    trace("\(host.name) refuses to go on with its disk: \(reason)")
    diskCounters.refusals += 1
    host.isGivenUp = true
  }

  private func startSync(_ sync: FileBatch, on host: SimulatedHost) {
    host.sync = sync
    let duration = max(generator.next(in: timing.sync), host.syncStall)
    if host.syncStall > 0 { host.stallEnds = now + UInt64(duration) }
    host.syncStall = 0
    if host.losesPowerInNextSync {
      host.losesPowerInNextSync = false
      let incarnation = host.incarnation
      after(UInt64(generator.next(in: 0...duration))) { [unowned self] in
        if host.incarnation == incarnation { powerCutInSync?(host) }
      }
    }
    endSync(of: host, at: now + UInt64(duration))
  }

  func endSync(of host: SimulatedHost, at time: UInt64) {
    queue.add(.synced(host: host.index, incarnation: host.incarnation), at: time)
  }

  private func finishSync(_ host: SimulatedHost) {
    guard let sync = host.sync else { return }
    if host.failsNextSync { return failSync(of: host) }
    for (position, effect) in sync.effects.enumerated() {
      if host.disk.hasRoom(for: effect) || !syncsInThread {
        guard execute(effect, on: host) else { return }
      } else {
        return awaitRoom(host, sync, at: position)
      }
    }
    host.sync = nil
    host.inbox.append(.synced(sync.number))
    scheduleTurn(host)
  }

  func failSync(of host: SimulatedHost) {
    host.failsNextSync = false
    trace("\(host.name) fails to sync and ends")
    crash(host, losesUnsynced: true, silently: false)
  }

  private func setTimer(_ host: SimulatedHost) {
    guard let deadline = host.process?.nextDeadline else { return }
    let time = max(host.clock.time(ofMonotonic: deadline), host.busyUntil)
    if let timer = host.timerAt, timer <= time, timer >= now { return }
    host.timerAt = time
    queue.add(.timer(host: host.index, incarnation: host.incarnation), at: time)
  }

  private func collectFromNetwork() {
    if !network.scheduled.isEmpty {
      for (time, event) in network.scheduled { queue.add(.network(event), at: time) }
      network.scheduled.removeAll(keepingCapacity: true)
    }
    guard !network.deliveries.isEmpty else { return }
    for (index, input) in network.deliveries {
      let host = hosts[index]
      guard host.isUp else { continue }
      host.inbox.append(.link(input))
      scheduleTurn(host)
    }
    network.deliveries.removeAll(keepingCapacity: true)
  }

  /// Starts the process from the disk's bytes.
  package func start(_ host: SimulatedHost) {
    guard !host.isUp, !host.isGivenUp, !host.isRetired, let boot = host.boot else { return }
    host.incarnation += 1
    (host.inbox, host.toldSpace) = ([], nil)
    host.isTurnScheduled = false
    host.timerAt = nil
    host.busyUntil = now
    do {
      host.process = try boot(host, host.clock.moment(at: now))
      network.start(host.index)
      restarts += 1
      trace("\(host.name) starts")
      scheduleTurn(host)
    } catch let refusal as SimulatedDisk.Refusal where refusal.isForLackOfRoom {
      diskCounters.fullStops += 1
      trace("\(host.name) cannot start: \(refusal)")
    } catch  where host.isWiped {
      diskCounters.wipedRefusals += 1
      trace("\(host.name) does not start: \(error)")
    } catch  where host.isDamaged {
      giveUp(host, "\(error)")
    } catch {
      fail(.wrongResult, "\(host.name) cannot start from its disk: \(error)")
    }
  }

  /// Puts a process on a host that needs no disk.
  package func start(_ host: SimulatedHost, with process: any SimulatedProcess) {
    host.process = process
    network.start(host.index)
    scheduleTurn(host)
  }

  /// Ends the process at once. With `losesUnsynced` the disk loses, keeps or tears what was not
  /// synced; otherwise the kernel still has it. With `silently` peers hear nothing, as when the
  /// whole machine is gone; otherwise the kernel resets the connections.
  package func crash(_ host: SimulatedHost, losesUnsynced: Bool, silently: Bool) {
    guard host.isUp else { return }
    trace("\(host.name) \(silently ? "loses its power" : "ends")")
    crashes += 1
    mix(UInt64(host.index) << 8 | (losesUnsynced ? 1 : 0))
    if let sync = host.sync {
      for effect in sync.effects.prefix(generator.next(in: 0...sync.effects.count)) {
        do { try host.disk.execute(effect) } catch { break }
      }
    }
    endBackground(of: host)
    if losesUnsynced { host.disk.crash(&generator) }
    host.process = nil
    host.sync = nil
    host.inbox = []
    host.isPaused = false
    host.incarnation += 1
    network.crash(host.index, silently: silently, now: now)
    collectFromNetwork()
  }

  /// Changes a way of the network and takes note of what follows from it.
  package func changeNetwork(_ change: (inout SimulatedNetwork) -> Void) {
    change(&network)
    collectFromNetwork()
  }
}
