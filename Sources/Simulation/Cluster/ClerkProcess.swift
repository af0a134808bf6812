import Basics
import Clerk
import ShardKVServer
import Wire

/// A client on a simulated host: a ``Clerk`` whose operations are given by closures.
package final class ClerkProcess: SimulatedProcess {
  private struct Waiting {
    var operation: ClerkOperation
    /// Nanoseconds from submission.
    var timeout: UInt64
    var completion: (ClerkOutcome) -> Void
  }

  @exclusivity(unchecked) private var clerk: Clerk
  @exclusivity(unchecked) private var waiting: [Waiting] = []
  @exclusivity(unchecked) private var completions: [OperationID: (ClerkOutcome) -> Void] = [:]
  /// Operations under way with when they began, oldest first.
  @exclusivity(unchecked) private var begun: [(id: OperationID, at: UInt64)] = []
  /// Called when requests are sent for one operation without an end.
  package var didSpin: ((String) -> Void)?

  /// Requests for one operation: so many at once, and so many more in each second. After the first
  /// pauses the shortest is eight times ``ClerkSettings/pause``, so 12 a second of them, and behind
  /// each come three hints or all replicas of a group.
  private static let attemptsMax: (atOnce: UInt64, perSecond: UInt64) = (100, 60)

  package init(_ clerk: Clerk) {
    self.clerk = clerk
    nextDeadline = clerk.nextDeadline
  }

  /// Operations that have no outcome yet.
  package var openCount: Int { waiting.count + completions.count }

  /// What its operations wait for; to be asked for when a run ends, since it copies the clerk.
  var report: [String] { clerk.report }

  /// Takes effect at the next turn: wake the host.
  package func submit(
    _ operation: ClerkOperation, timeout: UInt64, completion: @escaping (ClerkOutcome) -> Void
  ) {
    waiting.append(Waiting(operation: operation, timeout: timeout, completion: completion))
  }

  /// As it was after the last turn: to look into the clerk behind this reference is to copy it.
  @exclusivity(unchecked) package private(set) var nextDeadline: UInt64?

  package func turn(_ now: Moment, _ inputs: [NodeInput]) -> NodeEffects {
    for next in waiting {
      let id = clerk.submit(next.operation, deadline: now.monotonic + next.timeout, now: now)
      completions[id] = next.completion
      begun.append((id, now.monotonic))
    }
    waiting.removeAll(keepingCapacity: true)
    let links = inputs.compactMap { input in
      if case .link(let link) = input { link } else { nil }
    }
    let clerkEffects = clerk.turn(now, links)
    nextDeadline = clerk.nextDeadline
    for (id, outcome) in clerkEffects.finished {
      completions.removeValue(forKey: id)?(outcome)
    }
    begun.removeAll { completions[$0.id] == nil }
    for (id, start) in begun { checkAttempts(of: id, nanoseconds: now.monotonic - start) }
    var effects = NodeEffects()
    effects.links = clerkEffects.links
    return effects
  }

  private func checkAttempts(of id: OperationID, nanoseconds: UInt64) {
    let attempts = clerk.attempts(of: id)
    let most =
      Self.attemptsMax.atOnce + Self.attemptsMax.perSecond * nanoseconds / 1_000_000_000
    if UInt64(attempts.count) > most {
      didSpin?(
        "sent \(attempts.count) requests for one operation in \(nanoseconds / 1_000_000) ms: "
          + attempts.problem)
    }
  }
}
