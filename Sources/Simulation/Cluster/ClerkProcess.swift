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

  private var clerk: Clerk
  private var waiting: [Waiting] = []
  private var completions: [OperationID: (ClerkOutcome) -> Void] = [:]

  package init(_ clerk: Clerk) {
    self.clerk = clerk
    nextDeadline = clerk.nextDeadline
  }

  /// Operations that have no outcome yet.
  package var openCount: Int { waiting.count + completions.count }

  /// Takes effect at the next turn: wake the host.
  package func submit(
    _ operation: ClerkOperation, timeout: UInt64, completion: @escaping (ClerkOutcome) -> Void
  ) {
    waiting.append(Waiting(operation: operation, timeout: timeout, completion: completion))
  }

  /// As it was after the last turn: to look into the clerk behind this reference is to copy it.
  package private(set) var nextDeadline: UInt64?

  package func turn(_ now: Moment, _ inputs: [NodeInput]) -> NodeEffects {
    for next in waiting {
      let id = clerk.submit(next.operation, deadline: now.monotonic + next.timeout, now: now)
      completions[id] = next.completion
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
    var effects = NodeEffects()
    effects.links = clerkEffects.links
    return effects
  }
}
