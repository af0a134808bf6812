import Balancing
import Testing

/// What a clerk relies on.
@Suite struct BackendPoolTests {
  private let second: UInt64 = 1_000_000_000
  private let a = BackendAddress("10.0.0.1:7000")
  private let b = BackendAddress("10.0.0.2:7000")
  private let c = BackendAddress("10.0.0.3:7000")

  private func pool(
    _ addresses: [BackendAddress], policy: BackendPool.Policy = .smoothWeighted,
    limits: PeerLimits = PeerLimits()
  ) -> BackendPool {
    var pool = BackendPool(policy: policy, limits: limits)
    pool.update(addresses.map { Backend($0) })
    return pool
  }

  private func requests(
    _ pool: inout BackendPool, _ outcome: Outcome, _ times: ClosedRange<UInt64>
  ) -> [BackendAddress?] {
    times.map { now in
      guard let address = pool.choose(now: now) else { return nil }
      pool.began(address)
      pool.ended(address, outcome, now: now)
      return address
    }
  }

  private func choices(_ pool: inout BackendPool, _ count: Int, _ now: UInt64)
    -> [BackendAddress?]
  {
    (0..<count).map { _ in pool.choose(now: now) }
  }

  @Test func anEmptyPoolHasNobody() {
    var pool = BackendPool()
    #expect(pool.choose(now: 1) == nil)
    #expect(pool.readyAt(now: 1) == nil)
    pool.began(a)
    pool.ended(a, .failure, now: 1)
    pool.setEnabled(a, false)
    #expect(pool.peers.isEmpty)
  }

  @Test func backendsAreTakenInTurn() {
    var pool = pool([c, a, b])
    #expect(requests(&pool, .success, 1...6) == [a, b, c, a, b, c])
  }

  @Test func theSeedSpreadsWhereManyPoolsBegin() {
    var firsts: Set<BackendAddress> = []
    for seed in 0..<20 {
      var pool = BackendPool(seed: UInt64(seed))
      pool.update([a, b, c].map { Backend($0, weight: 100) })
      if let first = pool.choose(now: 1) { firsts.insert(first) }
    }
    #expect(firsts == [a, b, c])
  }

  @Test func thePreferredIsTakenWhileItCanBe() {
    var pool = pool([a, b, c])
    #expect(pool.choose(now: 1, preferring: c) == c)
    #expect(pool.choose(now: 1, preferring: c, excluding: [c]) == a)
    #expect(pool.choose(now: 1, preferring: BackendAddress("unknown:1")) == b)
    pool.began(c)
    pool.ended(c, .failure, now: second)
    #expect(pool.choose(now: second, preferring: c) != c)
  }

  @Test func aFailedBackendGetsOneProbeForEachRest() {
    var pool = pool([a, b])
    pool.began(a)
    pool.ended(a, .failure, now: second)
    #expect(choices(&pool, 5, 2 * second) == [b, b, b, b, b])
    #expect(!pool.isAvailable(a, now: 11 * second))
    let probe = 11 * second + 1
    #expect(pool.isAvailable(a, now: probe))
    #expect(choices(&pool, 5, probe).filter { $0 == a }.count == 1)
    pool.began(a)
    pool.ended(a, .failure, now: probe + second)
    #expect(choices(&pool, 3, probe + 2 * second) == [b, b, b])
    let again = probe + 12 * second
    #expect(choices(&pool, 3, again).contains(a))
    pool.began(a)
    pool.ended(a, .success, now: again + 1)
    #expect(Set(choices(&pool, 4, again + 2)) == [a, b])
  }

  @Test func whenAllHaveFailedTimeSaysWhenToTryAgain() {
    var pool = pool([a, b])
    for (address, now) in [(a, second), (b, 3 * second)] {
      pool.began(address)
      pool.ended(address, .failure, now: now)
    }
    #expect(pool.choose(now: 4 * second) == nil)
    #expect(pool.readyAt(now: 4 * second) == 11 * second + 1)
    #expect(pool.choose(now: 11 * second + 1) == a)
    #expect(pool.readyAt(now: 11 * second + 1) == 13 * second + 1)
  }

  @Test func theOnlyBackendIsNeverDisabled() {
    var pool = pool([a])
    #expect(requests(&pool, .failure, 1...5) == [a, a, a, a, a])
    #expect(pool.peer(a)?.fails == 0)
    pool.update([Backend(a), Backend(b, weight: 0)])
    #expect(requests(&pool, .failure, 6...7) == [a, a])
  }

  @Test func drainedBackendsAreNotChosen() {
    var pool = pool([a, b, c])
    pool.setEnabled(b, false)
    pool.update([Backend(a, weight: 0), Backend(b), Backend(c)])
    #expect(requests(&pool, .success, 1...3) == [c, c, c])
    pool.setEnabled(c, false)
    #expect(pool.choose(now: 4) == nil)
    #expect(pool.readyAt(now: 4) == nil)
    pool.setEnabled(b, true)
    #expect(pool.choose(now: 5) == b)
    pool.update([Backend(a, weight: 0), Backend(b, weight: 0)])
    #expect(pool.choose(now: 6) == nil)
  }

  @Test func whatIsKnownSurvivesANewSet() {
    var pool = pool([a, b])
    pool.began(a)
    pool.began(a)
    pool.ended(a, .failure, now: second)
    pool.setEnabled(b, false)
    #expect(pool.update([Backend(a, weight: 5), Backend(b), Backend(c)]) == true)
    #expect(pool.peer(a)?.inFlight == 1)
    #expect(pool.peer(a)?.isFailed == true)
    #expect(pool.peer(b)?.health.isEnabled == false)
    #expect(pool.choose(now: 2 * second) == c)
    #expect(pool.update([Backend(c), Backend(a, weight: 5), Backend(b)]) == false)
  }

  @Test func requestsOfABackendThatLeftAreStillCounted() {
    var pool = pool([a, b])
    pool.began(a)
    pool.began(a)
    pool.update([Backend(b)])
    #expect(pool.peer(a) == nil)
    pool.ended(a, .success, now: 1)
    pool.update([Backend(a), Backend(b)])
    #expect(pool.peer(a)?.inFlight == 1)
    pool.update([Backend(b)])
    pool.ended(a, .success, now: 1)
    pool.ended(a, .success, now: 1)
    pool.update([Backend(a), Backend(b)])
    #expect(pool.peer(a)?.inFlight == 0)
  }

  @Test func leastConnectionsFollowsRequestsUnderWay() {
    var pool = pool([a, b, c], policy: .leastConnections)
    for _ in 0..<6 {
      if let address = pool.choose(now: 1) { pool.began(address) }
    }
    #expect(pool.peers.map(\.inFlight) == [2, 2, 2])
    pool.ended(b, .success, now: 2)
    #expect(pool.choose(now: 3) == b)
  }

  @Test func limitsOfOneBackend() {
    var full = PeerLimits()
    full.maxConnections = 1
    var spare = PeerLimits()
    spare.isBackup = true
    var down = PeerLimits()
    down.isDown = true
    var pool = BackendPool()
    pool.update([a, b, c].map { Backend($0) }, limits: [a: full, b: spare, c: down])
    #expect(pool.choose(now: 1) == a)
    pool.began(a)
    #expect(pool.choose(now: 1) == b)
    pool.ended(a, .success, now: 2)
    #expect(pool.choose(now: 2) == a)
    #expect(pool.choose(now: 2, excluding: [a]) == b)
  }
}
