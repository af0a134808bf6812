import Balancing
import Testing

/// Pingora's health of backends, with states kept by address.
@Suite struct PingoraHealth {
  private let a = BackendAddress("1.0.0.1:80")
  private let b = BackendAddress("1.0.0.2:80")

  private func balancer(
    _ backends: [Backend], thresholds: HealthThresholds? = HealthThresholds()
  ) throws -> LoadBalancer<WeightedSelection<RoundRobin>> {
    var balancer = LoadBalancer(WeightedSelection(RoundRobin()), thresholds: thresholds)
    balancer.update(try BackendSet(backends))
    return balancer
  }

  @Test func aBackendBeginsHealthyAndEnabled() {
    #expect(HealthState().isReady)
  }

  @Test func findingsInARowFlipTheState() {
    var state = HealthState()
    let thresholds = HealthThresholds(successes: 2, failures: 3)
    // F: found unhealthy. After each: is it healthy, and did that change?
    let story: [(Bool, Bool, Bool)] = [
      (false, true, false), (false, true, false), (true, true, false), (false, true, false),
      (false, true, false), (false, false, true), (false, false, false), (true, false, false),
      (false, false, false), (true, false, false), (true, true, true), (true, true, false),
    ]
    for (step, (found, healthy, changed)) in story.enumerated() {
      #expect(state.observe(found, thresholds) == changed, "step \(step)")
      #expect(state.isHealthy == healthy, "step \(step)")
    }
  }

  @Test func byDefaultOneFindingIsEnough() {
    var state = HealthState()
    #expect(state.observe(false, HealthThresholds()) == true)
    #expect(state.observe(true, HealthThresholds()) == true)
  }

  @Test func drainingAndHealthAreTwoSwitches() throws {
    var balancer = try balancer([Backend(a), Backend(b)])
    balancer.setEnabled(a, false)
    #expect(balancer.health.isReady(a) == false)
    #expect(balancer.health.state(a)?.isHealthy == true)
    #expect(balancer.observe(a, isHealthy: false) == true)
    balancer.setEnabled(a, true)
    #expect(balancer.health.isReady(a) == false)
    #expect(balancer.observe(a, isHealthy: true) == true)
    #expect(balancer.health.isReady(a))
  }

  @Test func theUnknownAreReadyOnlyIfNothingIsChecked() throws {
    let unknown = BackendAddress("9.9.9.9:9")
    var checked = try balancer([Backend(a)])
    #expect(!checked.health.isReady(unknown))
    var unchecked = try balancer([Backend(a)], thresholds: nil)
    #expect(unchecked.health.isReady(unknown))
    for _ in 0..<2 {
      checked.setEnabled(unknown, false)
      #expect(checked.observe(unknown, isHealthy: false) == false)
      unchecked.setEnabled(unknown, false)
    }
    #expect(unchecked.health.isReady(unknown))
    #expect(unchecked.observe(a, isHealthy: false) == false)
  }

  @Test func statesOutliveARebuildAndAnotherWeight() throws {
    var balancer = try balancer([Backend(a), Backend(b)])
    #expect(balancer.observe(a, isHealthy: false) == true)
    balancer.setEnabled(b, false)
    #expect(balancer.update(try BackendSet([Backend(a, weight: 7), Backend(b), Backend("c:1")])))
    #expect(!balancer.health.isReady(a) && !balancer.health.isReady(b))
    #expect(balancer.health.isReady(BackendAddress("c:1")))
    balancer.update(try BackendSet([Backend(b)]))
    balancer.update(try BackendSet([Backend(a), Backend(b)]))
    #expect(balancer.health.isReady(a), "one that was away begins anew")
  }

  @Test func oneAddressOfTwoWeightsHasOneHealth() throws {
    var balancer = try balancer([Backend(a, weight: 1), Backend(a, weight: 2), Backend(b)])
    #expect(balancer.observe(a, isHealthy: false) == true)
    #expect((0..<3).map { balancer.health.isReady(at: $0) } == [false, false, true])
  }

  @Test func discoveryMaySwitchBackendsOffAndOn() throws {
    var balancer = try balancer([Backend(a)])
    let both = try BackendSet([Backend(a), Backend(b)])
    #expect(balancer.update(both, enabled: [b: false]) == true)
    #expect(balancer.health.isReady(a) && !balancer.health.isReady(b))
    #expect(balancer.update(both) == false)
    #expect(!balancer.health.isReady(b), "who is not named stays as it is")
    #expect(balancer.update(both, enabled: [b: true, a: false]) == false)
    #expect(!balancer.health.isReady(a) && balancer.health.isReady(b))
  }

  @Test func onlyADifferentSetIsBuiltAnew() throws {
    /// Counts what is asked of it.
    struct Counting: BackendSelector {
      var builds = 0
      mutating func rebuild(_ backends: BackendSet) { builds += 1 }
      func begin(_ key: [UInt8]) -> Int { 0 }
      func next(_ walk: inout Int) -> Int? { builds < 2 ? 0 : nil }
    }
    var balancer = LoadBalancer(Counting())
    #expect(balancer.update(try BackendSet([Backend(a), Backend(b)])) == true)
    let annotated = try BackendSet([Backend(b, ext: "x"), Backend(a), Backend(a)])
    #expect(balancer.update(annotated) == false)
    #expect(balancer.select([], max: 1)?.address == a)
    #expect(balancer.update(try BackendSet([Backend(a), Backend(b, weight: 2)])) == true)
    #expect(balancer.select([], max: 1) == nil)
  }

  @Test func theBackgroundLoopDoesWhatIsDue() {
    let second: UInt64 = 1_000_000_000
    var once = CheckSchedule(updateEvery: nil, checkEvery: nil)
    #expect(once.due(5) == .init(update: true, check: true, next: nil))
    #expect(once.due(.max - 1) == .init(update: false, check: false, next: nil))

    var both = CheckSchedule(updateEvery: 3 * second, checkEvery: 2 * second)
    #expect(both.due(0) == .init(update: true, check: true, next: 2 * second))
    #expect(both.due(second) == .init(update: false, check: false, next: 2 * second))
    #expect(both.due(2 * second) == .init(update: false, check: true, next: 3 * second))
    // A late turn does each once.
    #expect(both.due(20 * second) == .init(update: true, check: true, next: 22 * second))

    var checks = CheckSchedule(updateEvery: nil, checkEvery: second)
    #expect(checks.due(7) == .init(update: true, check: true, next: second + 7))
    #expect(checks.due(second + 7) == .init(update: false, check: true, next: 2 * second + 7))
  }
}
