import Basics

/// The backends of one purpose, for example the replicas of a group: which to ask next, and what
/// was learned from those that were asked.
///
/// What is known of a backend (failures, requests under way, response times, whether it is enabled)
/// is kept by its address: neither another weight nor another set around it resets it. One that
/// left keeps its requests under way until they end. Times are nanoseconds of the monotonic clock.
///
///     var pool = BackendPool()
///     pool.update([Backend("10.0.0.1:7000"), Backend("10.0.0.2:7000")])
///     if let address = pool.choose(now: now) {
///       pool.began(address)
///       …
///       pool.ended(address, .failure, now: later)
///     }
package struct BackendPool: Sendable {
  package enum Policy: Hashable, Sendable {
    /// In turn, by weight: ``SmoothWeighted``.
    case smoothWeighted
    /// The fewest requests under way for its weight: ``LeastConnections``.
    case leastConnections
    /// In turn, by weights that follow response times and requests under way: ``DynamicWeights``.
    case dynamicWeights
  }

  package var policy: Policy
  /// For backends that ``update(_:limits:)`` gives no limits of their own.
  package let limits: PeerLimits
  /// By address, those that may be asked first.
  private(set) var primary: [Peer] = []
  /// By address, those that are asked when no other can be.
  private(set) var backup: [Peer] = []
  /// Left the set, with requests under way.
  private(set) var departed: [Peer] = []
  private var backends: [Backend] = []
  private var limitsGiven: [BackendAddress: PeerLimits] = [:]
  /// How many people allow to be chosen. The only one is never disabled.
  private var choosable = 0
  private var random: SeededGenerator?

  /// - Parameters:
  ///   - limits: when a backend counts as failed and for how long it rests; nginx' defaults are one
  ///     failure and 10 s.
  ///   - seed: where each new backend begins in the round, so that many pools of the same backends
  ///     do not all begin with the same; `nil` begins with the first.
  package init(
    policy: Policy = .smoothWeighted, limits: PeerLimits = PeerLimits(), seed: UInt64? = nil
  ) {
    self.policy = policy
    self.limits = limits
    random = seed.map { SeededGenerator(seed: $0) }
  }

  /// Sets who may be chosen. Of two backends with one address that with the greater weight counts.
  /// Nothing happens, and the answer is `false`, if nothing differs.
  @discardableResult
  package mutating func update(
    _ newBackends: [Backend], limits newLimits: [BackendAddress: PeerLimits] = [:]
  ) -> Bool {
    let sorted = newBackends.sorted()
    guard sorted != backends || newLimits != limitsGiven else { return false }
    backends = sorted
    limitsGiven = newLimits

    var old = primary + backup + departed
    old.sort { $0.address < $1.address }
    primary.removeAll()
    backup.removeAll()
    for (index, backend) in sorted.enumerated() {
      if index + 1 < sorted.count, sorted[index + 1].address == backend.address { continue }
      let limits = newLimits[backend.address] ?? self.limits
      var peer: Peer
      if let known = old.position(of: backend.address) {
        peer = old.remove(at: known)
        peer.adopt(backend, limits: limits)
      } else {
        peer = Peer(backend, limits: limits)
        if peer.weight > 0 { peer.currentWeight = random?.next(in: 0..<peer.weight) ?? 0 }
      }
      if limits.isBackup { backup.append(peer) } else { primary.append(peer) }
    }
    departed = old.filter { $0.inFlight > 0 }
    count()
    return true
  }

  /// Whom to ask next; `nil` if nobody can be asked now (see ``readyAt(now:)``).
  ///
  /// Choosing a failed backend after its rest is the one probe that it gets until it succeeds or
  /// has rested again. That a request is under way is said by ``began(_:)``.
  ///
  /// - Parameters:
  ///   - preferred: taken if it can be chosen; for example the leader.
  ///   - tried: not chosen, for example since this request met them before.
  package mutating func choose(
    now: UInt64, preferring preferred: BackendAddress? = nil, excluding tried: [BackendAddress] = []
  ) -> BackendAddress? {
    if let preferred, !tried.contains(preferred), take(preferred, now: now) { return preferred }
    let (policy, isOnly) = (policy, isOnly)
    if let index = Self.pick(policy, &primary, now, isOnly: isOnly, tried) {
      return primary[index].address
    }
    if let index = Self.pick(policy, &backup, now, isOnly: isOnly, tried) {
      return backup[index].address
    }
    return nil
  }

  /// A request to `address` is under way.
  package mutating func began(_ address: BackendAddress) { change(address) { $0.began() } }

  /// A request to `address` that ``began(_:)`` ended. Addresses that are not known are ignored.
  ///
  /// - Parameter took: its response time, which is counted if it succeeded.
  package mutating func ended(
    _ address: BackendAddress, _ outcome: Outcome, now: UInt64, took: UInt64? = nil
  ) {
    let isOnly = isOnly
    change(address) { peer in
      peer.ended(outcome, now: now, isOnly: isOnly && peer.mayBeChosen)
      if let took, outcome == .success { peer.responseTime.add(took) }
    }
    if let index = departed.position(of: address), departed[index].inFlight == 0 {
      departed.remove(at: index)
    }
  }

  /// A backend failed and is to be left alone for so many nanoseconds: more often the longer it has
  /// been failing, say. Another set of backends brings back the limits of the pool.
  package mutating func rest(_ address: BackendAddress, for time: UInt64) {
    change(address) { $0.limits.failTimeout = time }
  }

  /// Forgets the failures of a backend that showed by other means than a request that it is well.
  package mutating func forgive(_ address: BackendAddress) {
    change(address) { peer in
      peer.fails = 0
      peer.effectiveWeight = peer.weight
    }
  }

  /// Switches a backend off, for example to drain it, or on again. Unknown ones are ignored.
  package mutating func setEnabled(_ address: BackendAddress, _ isEnabled: Bool) {
    change(address) { $0.health.isEnabled = isEnabled }
    count()
  }

  /// What an active check of a backend found. Unknown ones are ignored.
  ///
  /// - Returns: whether this made it healthy or unhealthy, which is worth a line in a log.
  @discardableResult
  package mutating func observe(
    _ address: BackendAddress, isHealthy: Bool, thresholds: HealthThresholds = HealthThresholds()
  ) -> Bool {
    var isChanged = false
    change(address) { isChanged = $0.health.observe(isHealthy, thresholds) }
    return isChanged
  }

  /// What is known of a backend; `nil` for one that is not of the set.
  package func peer(_ address: BackendAddress) -> Peer? {
    if let index = primary.position(of: address) { return primary[index] }
    if let index = backup.position(of: address) { return backup[index] }
    return nil
  }

  /// All backends, by address, and backups last.
  package var peers: [Peer] { primary + backup }

  /// Whether a backend could be chosen now.
  package func isAvailable(_ address: BackendAddress, now: UInt64) -> Bool {
    peer(address)?.isAvailable(now, isOnly: isOnly) ?? false
  }

  /// When somebody can be chosen, as far as time alone decides it: `now`, or when the first failed
  /// backend may be probed. `nil` if all are drained, down or full, or there are none.
  package func readyAt(now: UInt64) -> UInt64? {
    var result: UInt64?
    for peers in [primary, backup] {
      for peer in peers {
        if peer.isAvailable(now, isOnly: isOnly) { return now }
        guard peer.isFailed, peer.isAvailable(peer.probedAt) else { continue }
        result = min(result ?? .max, peer.probedAt)
      }
    }
    return result
  }

  private var isOnly: Bool { choosable == 1 }

  private mutating func count() {
    choosable = primary.count { $0.mayBeChosen } + backup.count { $0.mayBeChosen }
  }

  private mutating func take(_ address: BackendAddress, now: UInt64) -> Bool {
    guard isAvailable(address, now: now) else { return false }
    change(address) { $0.wasChosen(now) }
    return true
  }

  /// The next of `peers` by the policy.
  private static func pick(
    _ policy: Policy, _ peers: inout [Peer], _ now: UInt64, isOnly: Bool, _ tried: [BackendAddress]
  ) -> Int? {
    if peers.isEmpty { return nil }
    switch policy {
    case .smoothWeighted:
      return SmoothWeighted.pick(&peers, now: now, isOnly: isOnly, excluding: tried)
    case .leastConnections:
      return LeastConnections.pick(&peers, now: now, isOnly: isOnly, excluding: tried)
    case .dynamicWeights:
      return DynamicWeights.pick(&peers, now: now, isOnly: isOnly, excluding: tried)
    }
  }

  private mutating func change(_ address: BackendAddress, _ body: (inout Peer) -> Void) {
    if let index = primary.position(of: address) {
      body(&primary[index])
    } else if let index = backup.position(of: address) {
      body(&backup[index])
    } else if let index = departed.position(of: address) {
      body(&departed[index])
    }
  }
}

extension [Peer] {
  /// Where a peer of the address stands in this array, which is ordered by address.
  func position(of address: BackendAddress) -> Int? {
    var low = 0
    var high = count
    while low < high {
      let middle = low + (high - low) / 2
      if self[middle].address < address { low = middle + 1 } else { high = middle }
    }
    return low < count && self[low].address == address ? low : nil
  }
}
