import Basics
import Journal

/// The background thread of one process in virtual time: a worker, and the step that it is at.
struct SimulatedBackground {
  var worker = BackgroundWorker()
  /// Orders that came while a step was under way.
  var orders: [BackgroundOrder] = []
  /// What is under way; `nil`: nothing, or a wait.
  var step: BackgroundStep?
  /// When the step or the wait is over; later events count for nothing.
  var until: UInt64?
  /// Of the times that steps take; its own, so that it changes nothing for others.
  var generator = SeededGenerator(seed: 0)
}

extension Simulator {
  /// The process ordered something.
  func order(_ orders: [BackgroundOrder], of host: SimulatedHost) {
    host.background.orders += orders
    if host.background.step == nil { beginStep(host) }
  }

  private func beginStep(_ host: SimulatedHost) {
    guard host.isUp, !host.isPaused else { return }
    let orders = host.background.orders
    host.background.orders = []
    host.background.worker.take(orders, now: now)
    let step = host.background.worker.next(now: now)
    deliverResults(of: host)
    host.background.step = nil
    switch step {
    case .perform, .read, .readBack, .hash:
      host.background.step = step
      let usual = host.background.generator.next(in: timing.background)
      let duration = max(usual, host.backgroundStall)
      if host.backgroundStall > 0 { diskCounters.backgroundStalls += 1 }
      host.backgroundStall = 0
      cutPower(of: host, within: duration)
      schedule(host, at: now + UInt64(duration))
    case .wait(let time): schedule(host, at: max(now, time))
    case .idle: host.background.until = nil
    }
  }

  private func schedule(_ host: SimulatedHost, at time: UInt64) {
    host.background.until = time
    scheduleBackground(host, at: time)
  }

  private func cutPower(of host: SimulatedHost, within duration: Int) {
    guard host.losesPowerInBackground else { return }
    host.losesPowerInBackground = false
    let incarnation = host.incarnation
    after(UInt64(generator.next(in: 0...duration))) { [unowned self] in
      if host.incarnation == incarnation { powerCutInSync?(host) }
    }
  }

  /// A step or a wait is over.
  func continueBackground(_ host: SimulatedHost) {
    guard host.isUp, !host.isPaused, host.background.until == now else { return }
    host.background.until = nil
    switch host.background.step {
    case .perform(let effect):
      guard let outcome = perform(effect, on: host) else { return }
      host.background.worker.performed(outcome, now: now)
    case .read(let order):
      do {
        host.background.worker.wasRead(try host.disk.read(order), now: now)
      } catch {
        return fail(.wrongResult, "\(host.name): \(error)")
      }
    case .readBack(let order):
      host.background.worker.wasReadBack(try? host.disk.read(order), now: now)
    case .hash: host.background.worker.hashed(now: now)
    case .wait, .idle, nil: break
    }
    host.background.step = nil
    deliverResults(of: host)
    beginStep(host)
  }

  /// Continues what was held up while the process was stopped.
  func resumeBackground(_ host: SimulatedHost) {
    if let until = host.background.until {
      schedule(host, at: max(now, until))
    } else if host.background.step == nil {
      beginStep(host)
    }
  }

  private func deliverResults(of host: SimulatedHost) {
    let results = host.background.worker.takeResults()
    if results.isEmpty { return }
    host.inbox += results.map { .background($0) }
    scheduleTurn(host)
  }

  /// What came of an effect; `nil` if the process ended of it.
  private func perform(_ effect: FileEffect, on host: SimulatedHost) -> FileOutcome? {
    if case .sync = effect, host.failsNextSync {
      failSync(of: host)
      return nil
    }
    do {
      try host.disk.execute(effect)
      return .done
    } catch  where error.isForLackOfRoom {
      if case .write(_, _, let bytes) = effect {
        let part = host.background.generator.next(in: 0...bytes.count)
        host.disk.writePart(of: effect, bytes: part)
      }
      trace("\(host.name) has no room for its background")
      return .noRoom
    } catch {
      fail(.wrongResult, "\(host.name) ordered what no folder can do: \(error)")
      return nil
    }
  }

  /// The process ends: the step under way is done, in part or not at all, by the system.
  func endBackground(of host: SimulatedHost) {
    if case .perform(let effect) = host.background.step {
      var generator = host.background.generator
      if generator.chance(0.5) {
        try? host.disk.execute(effect)
      } else if case .write(_, _, let bytes) = effect {
        host.disk.writePart(of: effect, bytes: generator.next(in: 0...bytes.count))
      }
    }
    let seed = host.background.generator.next()
    host.background = SimulatedBackground()
    host.background.generator = SeededGenerator(seed: seed)
  }
}
