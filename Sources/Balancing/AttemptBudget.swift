/// How often one request is tried: some times at the same backend, then at others, by the rules of
/// the tiny load balancer.
package struct AttemptBudget: Hashable, Sendable {
  /// Repetitions at the same backend.
  package static let retriesMax = 3
  /// Backends that are tried.
  package static let attemptsMax = 3
  /// Nanoseconds before a repetition.
  package static let pause: UInt64 = 10_000_000

  package enum Next: Hashable, Sendable {
    /// The same backend once more, after ``AttemptBudget/pause``.
    case retry
    /// The backend counts as dead now; another one.
    case another
    /// The backend counts as dead now, and the request is refused: no service is available.
    case refuse
  }

  /// Repetitions at the present backend.
  package private(set) var retries = 0
  /// Backends tried, the present one included.
  package private(set) var attempts = 1

  package init() {}

  /// What to do after a failure at the present backend.
  package mutating func failed() -> Next {
    if retries < Self.retriesMax {
      retries += 1
      return .retry
    }
    retries = 0
    attempts += 1
    return attempts > Self.attemptsMax ? .refuse : .another
  }
}
