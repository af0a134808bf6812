import Basics
import Clerk
import EventLoop
import Wire

/// Clerks of one thread with the loop that carries out what they want: requests go in with a
/// closure, which is called in the same thread when the answer is here.
///
/// A clerk has one connection to each endpoint, with many requests in flight. Several clerks are
/// several clients with connections and sessions of their own, as a benchmark needs them.
package final class ClerkLoop {
  package typealias Completion = (ClerkOutcome) -> Void

  /// One clerk, and what waits for it.
  private struct Client {
    var clerk: Clerk
    var inputs: [LinkInput] = []
    var completions: [OperationID: Completion] = [:]
    var deadline: UInt64?
    /// Has something to do besides its deadline.
    var isDue = false
  }

  /// Connections of client `i` have numbers from `i << 32`, so that a number tells its client.
  private static let connectionBits: UInt64 = 32

  private let loop: Loop
  private var clients: [Client]
  private var due: [Int] = []
  private var links: [LinkInput] = []
  /// Requests that were submitted and neither answered nor cancelled.
  package private(set) var pendingCount = 0

  package init(
    endpoints: [String], clients count: Int = 1, settings: ClerkSettings = ClerkSettings(),
    limits: LoopLimits = LoopLimits()
  ) {
    loop = Loop(limits: limits)
    clients = (0..<count).map { number in
      Client(
        clerk: Clerk(
          settings: settings, controllers: endpoints, cluster: nil,
          firstConnection: UInt64(number) << Self.connectionBits | 1,
          seed: .random(in: .min ... .max)))
    }
  }

  /// Makes signals of a wake-up end ``wait(until:)``.
  package func watch(_ wakeup: Wakeup) { loop.watch(wakeup) }

  /// Asks; `completion` is called once, in a later ``work()``, unless ``cancel(_:client:)`` comes
  /// first. `deadline` is in nanoseconds of ``Loop/now()``'s monotonic clock.
  @discardableResult
  package func submit(
    _ operation: ClerkOperation, client: Int = 0, deadline: UInt64,
    completion: @escaping Completion
  ) -> OperationID {
    let id = clients[client].clerk.submit(operation, deadline: deadline, now: Loop.now())
    clients[client].completions[id] = completion
    pendingCount += 1
    markDue(client)
    return id
  }

  /// Forgets a request: its completion is not called any more. A write may still be applied.
  package func cancel(_ id: OperationID, client: Int = 0) {
    guard clients[client].completions.removeValue(forKey: id) != nil else { return }
    pendingCount -= 1
    clients[client].clerk.cancel(id)
    markDue(client)
  }

  /// Waits until there is something to do, at most until `deadline`.
  package func wait(until deadline: UInt64? = nil) {
    var earliest: UInt64? = 0
    if due.isEmpty {
      earliest = deadline
      for client in clients {
        if let next = client.deadline { earliest = min(earliest ?? next, next) }
      }
    }
    loop.poll(until: earliest, into: &links)
  }

  /// Lets the clerks decide, calls completions, and sends what came of it, submissions of those
  /// completions included.
  package func work() {
    let now = Loop.now()
    for link in links {
      let client = Int(link.connection.rawValue >> Self.connectionBits)
      guard client < clients.count else { continue }
      clients[client].inputs.append(link)
      markDue(client)
    }
    links.removeAll(keepingCapacity: true)
    for client in clients.indices {
      if let deadline = clients[client].deadline, deadline <= now.monotonic { markDue(client) }
    }
    // Twice: what completions submit in the first round leaves with the same flush. Once more would
    // not end if each completion submits what fails at once.
    for _ in 0..<2 where !due.isEmpty {
      let round = due
      due.removeAll(keepingCapacity: true)
      for client in round { turn(client, now) }
    }
    loop.flush()
  }

  private func markDue(_ client: Int) {
    if clients[client].isDue { return }
    clients[client].isDue = true
    due.append(client)
  }

  private func turn(_ client: Int, _ now: Moment) {
    clients[client].isDue = false
    var inputs: [LinkInput] = []
    swap(&inputs, &clients[client].inputs)
    let effects = clients[client].clerk.turn(now, inputs)
    clients[client].deadline = clients[client].clerk.nextDeadline
    inputs.removeAll(keepingCapacity: true)
    swap(&inputs, &clients[client].inputs)
    loop.perform(effects.links)
    for (id, outcome) in effects.finished {
      guard let completion = clients[client].completions.removeValue(forKey: id) else { continue }
      pendingCount -= 1
      completion(outcome)
    }
  }
}
