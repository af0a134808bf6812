/// How many findings of active checks in a row change what a backend is taken for.
package struct HealthThresholds: Hashable, Sendable {
  /// Successes that make it healthy.
  package var successes: Int
  /// Failures that make it unhealthy.
  package var failures: Int

  package init(successes: Int = 1, failures: Int = 1) {
    self.successes = successes
    self.failures = failures
  }
}

/// What active checks say of one backend, and whether an administrator wants it used: two switches
/// that do not touch each other. It is *ready* if both are on.
package struct HealthState: Hashable, Sendable {
  package private(set) var isHealthy = true
  /// Off while it is drained.
  package internal(set) var isEnabled = true
  /// Findings in a row that speak against ``isHealthy``.
  private var contradictions = 0

  package init() {}

  package var isReady: Bool { isHealthy && isEnabled }

  /// Takes in what a check found. Gives whether ``isHealthy`` changed by it.
  package mutating func observe(_ found: Bool, _ thresholds: HealthThresholds) -> Bool {
    guard found != isHealthy else {
      contradictions = 0
      return false
    }
    contradictions += 1
    guard contradictions >= (found ? thresholds.successes : thresholds.failures) else {
      return false
    }
    isHealthy = found
    contradictions = 0
    return true
  }
}
