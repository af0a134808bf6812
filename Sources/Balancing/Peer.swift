/// What may be demanded of one backend: the parameters of nginx' `server` directive.
package struct PeerLimits: Hashable, Sendable {
  /// So many failures keep it from being chosen; 0 never does.
  package var maxFails = 1
  /// How long it is then left alone, and in which time the failures have to happen; nanoseconds.
  package var failTimeout: UInt64 = 10_000_000_000
  /// So many requests under way keep it from being chosen; 0 is no limit.
  package var maxConnections = 0
  /// Only chosen when no other can be.
  package var isBackup = false
  /// Never chosen.
  package var isDown = false

  package init() {}
}

/// How a request ended, as far as it says something about the backend.
package enum Outcome: Hashable, Sendable {
  /// It answered, even if with a refusal.
  case success
  /// It could not be reached, broke the connection, or was silent for too long.
  case failure
  /// Given up for reasons of one's own.
  case abandoned
}

/// One backend with what is known of it: failures that requests met (passive health), requests
/// under way, response times, and its place in the smooth weighted round robin. The rules are
/// nginx', with nanoseconds of the monotonic clock for its seconds.
package struct Peer: Sendable {
  package let address: BackendAddress
  /// 0: not to be chosen.
  package internal(set) var weight: Int
  package internal(set) var limits: PeerLimits
  /// What active checks found, and whether an administrator drains it.
  package internal(set) var health = HealthState()
  /// Requests under way.
  package internal(set) var inFlight = 0
  package internal(set) var responseTime = ResponseTime()

  /// What the smooth weighted round robin owes it.
  package var currentWeight = 0
  /// The weight less what failures took off it; each turn gives one back.
  package internal(set) var effectiveWeight: Int
  /// Failures since the last success that counts.
  package internal(set) var fails = 0
  /// When it failed last.
  private(set) var accessed: UInt64 = 0
  /// When it failed or was probed last.
  private(set) var checked: UInt64 = 0

  package init(_ backend: Backend, limits: PeerLimits = PeerLimits()) {
    address = backend.address
    weight = Int(backend.weight)
    effectiveWeight = weight
    self.limits = limits
  }

  /// Not kept from being chosen by people: neither drained nor down.
  package var mayBeChosen: Bool { weight > 0 && health.isEnabled && !limits.isDown }

  /// Failed too often, whether or not it may be probed.
  package var isFailed: Bool { limits.maxFails > 0 && fails >= limits.maxFails }

  private func isRested(_ now: UInt64) -> Bool {
    now > checked && now - checked > limits.failTimeout
  }

  /// From when on one request may probe it.
  var probedAt: UInt64 { checked &+ limits.failTimeout &+ 1 }

  private var hasRoom: Bool { limits.maxConnections == 0 || inFlight < limits.maxConnections }

  /// Whether it can be chosen now. After ``PeerLimits/failTimeout`` a failed one can, once: being
  /// chosen keeps the others away for another such time, until a success.
  package func isAvailable(_ now: UInt64, isOnly: Bool = false) -> Bool {
    mayBeChosen && health.isHealthy && hasRoom && (isOnly || !isFailed || isRested(now))
  }

  /// Whether a request met it before.
  func isAmong(_ tried: [BackendAddress]) -> Bool { !tried.isEmpty && tried.contains(address) }

  /// It was chosen: if its time of rest is over, this is the probe.
  package mutating func wasChosen(_ now: UInt64) {
    if isRested(now) { checked = now }
  }

  package mutating func began() { inFlight += 1 }

  /// A request ended. The only backend of a group is never disabled, so its failures are not
  /// counted.
  package mutating func ended(_ outcome: Outcome, now: UInt64, isOnly: Bool = false) {
    if inFlight > 0 { inFlight -= 1 }
    if isOnly {
      fails = 0
      return
    }
    switch outcome {
    case .failure:
      fails += 1
      accessed = now
      checked = now
      if limits.maxFails > 0 {
        effectiveWeight = max(0, effectiveWeight - weight / limits.maxFails)
      }
    case .success:
      if accessed < checked { fails = 0 }
    case .abandoned: break
    }
  }

  /// Takes another weight and other limits, and keeps all that was learned.
  mutating func adopt(_ backend: Backend, limits: PeerLimits) {
    let lost = weight - effectiveWeight
    weight = Int(backend.weight)
    effectiveWeight = max(0, weight - lost)
    self.limits = limits
  }
}
