import Basics
import Clerk
import EventLoop
import ShardMap
import Wire

/// Some independent clerks on one loop, each with connections of its own.
///
/// It is made, used and freed in one thread.
final class Clients {
  /// One operation's end.
  struct Finished {
    var client: Int
    var operation: OperationID
    var outcome: ClerkOutcome
  }

  let loop: Loop
  private(set) var clerks: [Clerk]
  /// What arrived for each clerk since its last turn.
  private var inputs: [[LinkInput]]
  /// Clerks that have to take a turn.
  private var touched: [Int] = []
  private var isTouched: [Bool]
  /// When each clerk wants its next turn at the latest.
  private var deadlines: [UInt64]
  private var received: [LinkInput] = []
  private(set) var now: Moment

  /// Connection numbers that each clerk may hand out.
  private static let connectionsPerClerk: UInt64 = 1 << 32

  init(count: Int, controllers: [String], seed: UInt64) {
    loop = Loop()
    now = Loop.now()
    var seeds = SeededGenerator(seed: seed)
    clerks = (0..<count).map { client in
      Clerk(
        settings: ClerkSettings(), controllers: controllers, cluster: nil,
        firstConnection: UInt64(client) * Self.connectionsPerClerk + 1, seed: seeds.next())
    }
    inputs = Array(repeating: [], count: count)
    isTouched = Array(repeating: false, count: count)
    deadlines = Array(repeating: .max, count: count)
  }

  /// Hands an operation to one clerk; it leaves with the next ``turn(until:)``.
  func submit(
    _ operation: ClerkOperation, client: Int = 0, timeout: UInt64
  ) -> OperationID {
    touch(client)
    let (deadline, overflow) = now.monotonic.addingReportingOverflow(timeout)
    return clerks[client].submit(operation, deadline: overflow ? .max : deadline, now: now)
  }

  /// Sends what was submitted, waits until something happens (or `deadline`, monotonic
  /// nanoseconds), and gives what has ended.
  func turn(until deadline: UInt64) -> [Finished] {
    var finished: [Finished] = []
    now = Loop.now()
    runTouched(&finished)
    loop.flush()
    let isIdle = finished.isEmpty
    let wake = min(deadline, deadlines.min() ?? .max)
    loop.poll(until: isIdle ? (wake == .max ? nil : wake) : 0, into: &received)
    now = Loop.now()
    for input in received { route(input) }
    received.removeAll(keepingCapacity: true)
    for client in clerks.indices where deadlines[client] <= now.monotonic { touch(client) }
    runTouched(&finished)
    return finished
  }

  /// Carries out one operation and waits for its end.
  func run(_ operation: ClerkOperation, client: Int = 0, timeout: UInt64) -> ClerkOutcome {
    now = Loop.now()
    let wanted = submit(operation, client: client, timeout: timeout)
    while true {
      for end in turn(until: .max) where end.client == client && end.operation == wanted {
        return end.outcome
      }
    }
  }

  /// Carries out several operations at the same time; outcomes in their order.
  func runAll(_ operations: [ClerkOperation], timeout: UInt64) -> [ClerkOutcome] {
    now = Loop.now()
    let wanted = operations.map { submit($0, timeout: timeout) }
    var outcomes = [ClerkOutcome?](repeating: nil, count: operations.count)
    var open = operations.count
    while open > 0 {
      for end in turn(until: .max) {
        guard let index = wanted.firstIndex(of: end.operation) else { continue }
        outcomes[index] = end.outcome
        open -= 1
      }
    }
    return outcomes.compactMap(\.self)
  }

  /// The newest configuration that any clerk knows.
  var configuration: Configuration? {
    clerks.lazy.compactMap(\.configuration).max { $0.number < $1.number }
  }

  private func touch(_ client: Int) {
    if isTouched[client] { return }
    isTouched[client] = true
    touched.append(client)
  }

  private func runTouched(_ finished: inout [Finished]) {
    for client in touched {
      isTouched[client] = false
      let effects = clerks[client].turn(now, inputs[client])
      inputs[client].removeAll(keepingCapacity: true)
      loop.perform(effects.links)
      deadlines[client] = clerks[client].nextDeadline ?? .max
      for (operation, outcome) in effects.finished {
        finished.append(Finished(client: client, operation: operation, outcome: outcome))
      }
    }
    touched.removeAll(keepingCapacity: true)
  }

  private func route(_ input: LinkInput) {
    let client = Int(clamping: (input.connection.rawValue - 1) / Self.connectionsPerClerk)
    guard inputs.indices.contains(client) else { return }
    inputs[client].append(input)
    touch(client)
  }
}
