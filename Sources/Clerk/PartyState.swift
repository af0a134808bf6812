import Balancing

/// What was learnt of a ``Party``.
struct PartyState {
  /// The address of the leader as far as known.
  var preferred: String?
  /// Addresses that failed since the last reply of any.
  var failures = 0
  /// Replies since the last other one that named no leader who could be asked.
  var leaderless = 0
  /// Its addresses, with what is under way and what failed.
  var pool: BackendPool
  /// As texts, in the order in which they were given; `pool` knows their one spelling.
  private(set) var addresses: [String] = []
  private var backends: [BackendAddress] = []

  /// Of each address, so that the first choices of many clerks differ: the pool draws where in a
  /// round it begins from this range.
  private static let weight: UInt16 = 64

  init(seed: UInt64) {
    pool = BackendPool(policy: .leastConnections, seed: seed)
  }

  mutating func setAddresses(_ addresses: [String]) {
    self.addresses = addresses
    backends = addresses.map { BackendAddress($0) }
    pool.update(backends.map { Backend($0, weight: Self.weight) })
  }

  /// An address failed, and is left alone until then; monotonic nanoseconds.
  mutating func failed(_ backend: BackendAddress, now: UInt64, until end: UInt64) {
    pool.began(backend)
    pool.ended(backend, .failure, now: now)
    pool.rest(backend, for: end - now)
  }

  func address(of backend: BackendAddress) -> String? {
    backends.firstIndex(of: backend).map { addresses[$0] }
  }
}
