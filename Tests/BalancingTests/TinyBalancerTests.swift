import Balancing
import Testing

/// The unit tests of the tiny load balancer, and its rules for giving up.
@Suite struct TinyBalancer {
  @Test func theCounterGoesOneTwoThree() {
    var round = ScanningRoundRobin()
    let indexes = (0..<3).map { _ in round.next(count: 10) { _ in true } ?? -1 }
    #expect(indexes == [1, 2, 3])
  }

  @Test func theFirstPickIsTheSecondBackendAndTheRoundCloses() {
    var round = ScanningRoundRobin()
    let indexes = (0..<5).map { _ in round.next(count: 3) { _ in true } ?? -1 }
    #expect(indexes == [1, 2, 0, 1, 2])
  }

  @Test func theOnlyOneAliveIsFound() {
    var round = ScanningRoundRobin()
    let indexes = (0..<4).map { _ in round.next(count: 4) { $0 == 3 } ?? -1 }
    #expect(indexes == [3, 3, 3, 3])
  }

  @Test func theRoundGoesOnBehindTheOneThatWasFound() {
    var round = ScanningRoundRobin()
    #expect(round.next(count: 4) { $0 == 3 } == 3)
    #expect(round.next(count: 4) { _ in true } == 0)
  }

  @Test func withNobodyAliveThereIsNoService() {
    var round = ScanningRoundRobin()
    #expect(round.next(count: 3) { _ in false } == nil)
    #expect(round.next(count: 0) { _ in true } == nil)
  }

  @Test func aBackendIsMarkedByItsAddress() {
    var pool = BackendPool()
    let (a, b) = (BackendAddress("a:1"), BackendAddress("b:1"))
    pool.update([Backend(a), Backend(b)])
    #expect(pool.observe(a, isHealthy: false) == true)
    #expect(pool.peer(a)?.health.isHealthy == false && pool.peer(b)?.health.isHealthy == true)
    #expect((0..<3).compactMap { _ in pool.choose(now: 1) } == [b, b, b])
    #expect(pool.observe(a, isHealthy: true) == true)
    #expect(pool.choose(now: 1) == a)
    #expect(pool.observe(BackendAddress("c:1"), isHealthy: false) == false)
  }

  @Test func aBackendIsRepeatedThreeTimesThenAnotherOneIsTried() {
    var budget = AttemptBudget()
    #expect(AttemptBudget.pause == 10_000_000)
    var story: [AttemptBudget.Next] = []
    repeat { story.append(budget.failed()) } while story.last != .refuse
    let backend: [AttemptBudget.Next] = [.retry, .retry, .retry]
    #expect(story == backend + [.another] + backend + [.another] + backend + [.refuse])
    #expect(budget.attempts > AttemptBudget.attemptsMax)
  }

  @Test func backendsAreDialledEveryTwoMinutes() {
    let minute: UInt64 = 60_000_000_000
    var schedule = CheckSchedule(updateEvery: nil, checkEvery: 2 * minute)
    #expect(schedule.due(0).check)
    #expect(!schedule.due(minute).check)
    #expect(schedule.due(2 * minute) == .init(update: false, check: true, next: 4 * minute))
  }

  @Test func weightsFollowResponseTimes() {
    var peers = ["a:1", "b:1", "c:1"].map { Peer(Backend($0)) }
    var pool = BackendPool(policy: .dynamicWeights)
    pool.update(peers.map { Backend($0.address) })
    // a answers in 1 ms, b in 2 ms, c in a second.
    for (index, took) in [1_000_000, 2_000_000, 1_000_000_000].enumerated()
      as EnumeratedSequence<[UInt64]>
    {
      pool.began(peers[index].address)
      pool.ended(peers[index].address, .success, now: 1, took: took)
    }
    peers = pool.peers
    #expect(peers.map { DynamicWeights.factor($0, fastest: 1_000_000) } == [100, 50, 5])
    var counts: [BackendAddress: Int] = [:]
    for _ in 0..<155 {
      if let address = pool.choose(now: 1) { counts[address, default: 0] += 1 }
    }
    #expect(peers.map { counts[$0.address] ?? 0 } == [100, 50, 5])
    // Another set, and what was measured stays.
    pool.update([Backend("a:1"), Backend("b:1"), Backend("d:1")])
    #expect(pool.peer(peers[1].address)?.responseTime.mean == 2_000_000)
  }

  @Test func weightsFollowRequestsUnderWay() {
    var peer = Peer(Backend("a:1"))
    #expect(DynamicWeights.factor(peer, fastest: .max) == 100)
    peer.began()
    #expect(DynamicWeights.factor(peer, fastest: 5) == 50)
    for _ in 0..<100 { peer.began() }
    #expect(DynamicWeights.factor(peer, fastest: 5) == 5)
  }

  @Test func newResponseTimesCountMore() {
    var time = ResponseTime()
    #expect(time.mean == nil)
    time.add(800)
    time.add(1_600)
    #expect(time.mean == 900)
    time.add(100)
    #expect(time.mean == 800)
    for _ in 0..<200 { time.add(.max / 2) }
    #expect((time.mean ?? 0) > .max / 2 - 100)
  }
}
