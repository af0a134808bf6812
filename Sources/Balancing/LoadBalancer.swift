/// A set of backends, the health of each, and a selector over them: what a proxy asks for each
/// request.
package struct LoadBalancer<Selector: BackendSelector>: Sendable {
  package private(set) var backends = BackendSet()
  package private(set) var health: HealthTable
  private var selector: Selector

  /// - Parameter thresholds: `nil` if backends are not checked.
  package init(_ selector: Selector, thresholds: HealthThresholds? = nil) {
    self.selector = selector
    health = HealthTable(thresholds: thresholds)
  }

  /// Takes what discovery found. The selector is built anew only if the set differs, and the states
  /// of backends that stay are kept.
  ///
  /// - Parameter enabled: switches some backends on or off; the others stay as they are, new ones
  ///   are on.
  /// - Returns: whether the set differs.
  @discardableResult
  package mutating func update(_ set: BackendSet, enabled: [BackendAddress: Bool] = [:]) -> Bool {
    let differs = set != backends
    if differs {
      selector.rebuild(set)
      backends = set
      health.adopt(set)
    }
    if !enabled.isEmpty {
      for backend in set {
        if let isEnabled = enabled[backend.address] {
          health.setEnabled(backend.address, isEnabled)
        }
      }
    }
    return differs
  }

  /// The first backend for a key that is accepted.
  ///
  /// - Parameters:
  ///   - max: so many steps at most; backends that come again count as steps.
  ///   - accept: whether to take a backend, given whether it is ready. It may take one that is not,
  ///     or leave out those that failed for this request.
  package mutating func select(
    _ key: [UInt8], max: Int, accept: (Backend, Bool) -> Bool = { $1 }
  ) -> Backend? {
    let (backends, health) = (backends, health)
    let index = selector.select(key, max: max) {
      accept(backends[$0], health.isReady(at: $0))
    }
    return index.map { backends[$0] }
  }

  /// What a check of a backend found; gives whether that changed its health.
  package mutating func observe(_ address: BackendAddress, isHealthy: Bool) -> Bool {
    health.observe(address, isHealthy: isHealthy)
  }

  /// Switches a backend off or on, whatever its health; unknown ones are ignored.
  package mutating func setEnabled(_ address: BackendAddress, _ isEnabled: Bool) {
    health.setEnabled(address, isEnabled)
  }
}
