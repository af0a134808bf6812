/// The health of a set of backends, kept by address, so that a new weight does not reset it.
package struct HealthTable: Sendable {
  /// `nil`: nothing is checked, so a backend that is not known counts as ready.
  package let thresholds: HealthThresholds?
  /// Ascending, none twice, with the state of each at the same index.
  private var addresses: [BackendAddress] = []
  private var states: [HealthState] = []
  /// For each backend of the set, in its order, where its state is.
  private var places: [Int] = []

  package init(thresholds: HealthThresholds?) { self.thresholds = thresholds }

  /// Whether the backend is healthy and enabled. One that is not known is ready if nothing is
  /// checked.
  package func isReady(_ address: BackendAddress) -> Bool {
    place(of: address).map { states[$0].isReady } ?? (thresholds == nil)
  }

  /// The same for the backend at an index of the set; O(1).
  package func isReady(at index: Int) -> Bool { states[places[index]].isReady }

  /// The state of a backend of the set.
  package func state(_ address: BackendAddress) -> HealthState? {
    place(of: address).map { states[$0] }
  }

  /// Switches a backend off or on, whatever its health; unknown ones are ignored.
  package mutating func setEnabled(_ address: BackendAddress, _ isEnabled: Bool) {
    if let place = place(of: address) { states[place].isEnabled = isEnabled }
  }

  /// What a check found; gives whether that changed the backend's health. Unknown ones are ignored.
  package mutating func observe(_ address: BackendAddress, isHealthy: Bool) -> Bool {
    guard let thresholds, let place = place(of: address) else { return false }
    return states[place].observe(isHealthy, thresholds)
  }

  /// Takes another set of backends: those that were known keep their states, the others are healthy
  /// and enabled.
  mutating func adopt(_ backends: BackendSet) {
    var newAddresses: [BackendAddress] = []
    var newStates: [HealthState] = []
    places.removeAll(keepingCapacity: true)
    for backend in backends {
      if newAddresses.last != backend.address {
        newAddresses.append(backend.address)
        newStates.append(state(backend.address) ?? HealthState())
      }
      places.append(newAddresses.count - 1)
    }
    addresses = newAddresses
    states = newStates
  }

  private func place(of address: BackendAddress) -> Int? {
    var low = 0
    var high = addresses.count
    while low < high {
      let middle = low + (high - low) / 2
      if addresses[middle] < address { low = middle + 1 } else { high = middle }
    }
    return low < addresses.count && addresses[low] == address ? low : nil
  }
}
