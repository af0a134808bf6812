import Basics
import Clerk
import ShardMap
import Wire

/// A second administrator: looks at the configuration, thinks, and asks for a change of what it
/// saw. What somebody else changed meanwhile must not be changed by it, however late it asks.
final class SwarmRival {
  struct Counters: Sendable {
    var done = 0
    var refused = 0
  }

  private let cluster: SimulatedCluster
  private let client: SimulatedCluster.Client
  private let options: SwarmOptions
  private var generator: SeededGenerator
  private(set) var counters = Counters()
  private(set) var isBusy = false
  var isStopping = false

  /// Nanoseconds for one question or one change.
  private static let patience: UInt64 = 5_000_000_000

  init(_ cluster: SimulatedCluster, _ options: SwarmOptions, generator: SeededGenerator) {
    self.cluster = cluster
    self.options = options
    self.generator = generator
    client = cluster.addClient()
  }

  func begin() {
    pause { [unowned self] in
      ask(.query(nil)) { [unowned self] outcome in
        guard case .reply(.configuration(let seen, _)) = outcome else { return begin() }
        pause { [unowned self] in change(seen.number) }
      }
    }
  }

  private func pause(_ then: @escaping () -> Void) {
    let pause = options.rivalPause
    let delay = UInt64(generator.next(in: pause / 2...pause * 3 / 2)) * nanosecondsPerMillisecond
    cluster.simulator.after(delay) { [unowned self] in
      if !isStopping { then() }
    }
  }

  private func ask(_ operation: ClerkOperation, _ then: @escaping (ClerkOutcome) -> Void) {
    isBusy = true
    cluster.submit(operation, by: client, timeout: Self.patience) { [unowned self] outcome in
      isBusy = false
      then(outcome)
    }
  }

  private func change(_ seen: ConfigNumber) {
    let groups = cluster.plan.groups.dropFirst().map(\.id)
    let command = ControlCommand.move(
      ShardID(generator.next(in: 0..<options.shardCount)),
      to: groups[generator.next(in: 0..<groups.count)])
    ask(.control(command, expected: seen)) { [unowned self] outcome in
      cluster.simulator.trace("rival asks for \(command) of \(seen) and is told \(outcome)")
      if case .reply(.done(let made)) = outcome {
        counters.done += 1
        if made != seen, made != seen.next {
          cluster.simulator.fail(
            .wrongResult, "\(command) was asked for in configuration \(seen) and made \(made)")
        }
      } else {
        counters.refused += 1
      }
      begin()
    }
  }
}
