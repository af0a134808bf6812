import Balancing
import Basics
import Testing

/// Pingora's selection: its own unit tests' vectors, and the rules of its documentation.
@Suite struct PingoraSelection {
  /// The names of the vectors; the set's order is b2, b3, b1.
  private static let names = ["b2", "b3", "b1"]

  private func set(_ weights: (b1: UInt16, b2: UInt16, b3: UInt16)) throws -> BackendSet {
    try BackendSet([
      Backend("1.1.1.1:80", weight: weights.b1), Backend("1.0.0.1:80", weight: weights.b2),
      Backend("1.0.0.255:80", weight: weights.b3),
    ])
  }

  private func names<Selector: BackendSelector>(
    _ selector: inout Selector, _ key: String, _ count: Int
  ) -> [String] {
    var walk = selector.begin(Array(key.utf8))
    return (0..<count).compactMap { _ in selector.next(&walk).map { Self.names[$0] } }
  }

  @Test(arguments: [
    ("", 0xCBF2_9CE4_8422_2325), ("a", 0xAF63_DC4C_8601_EC8C), ("test", 0xF9E6_E6EF_197C_2B25),
  ])
  func fnvVectors(text: String, hash: UInt64) {
    #expect(HashSelection().next(Array(text.utf8)) == hash)
  }

  @Test func aLaterHashIsThatOfTheEightBytesOfTheOneBefore() {
    #expect(
      HashSelection().next(after: 0x0807_0605_0403_0201)
        == HashSelection().next([1, 2, 3, 4, 5, 6, 7, 8]))
  }

  @Test func weightedHash() throws {
    var selection = WeightedSelection(HashSelection())
    selection.rebuild(try set((1, 10, 1)))
    #expect(
      names(&selection, "test", 11)
        == ["b2", "b2", "b2", "b1", "b3", "b2", "b2", "b1", "b2", "b3", "b1"])
    let firsts = (1...7).flatMap { names(&selection, "test\($0)", 1) }
    #expect(firsts == ["b2", "b2", "b3", "b1", "b2", "b2", "b2"])
  }

  @Test func weightedRoundRobin() throws {
    var selection = WeightedSelection(RoundRobin())
    selection.rebuild(try set((1, 8, 1)))
    #expect(names(&selection, "test", 5) == ["b2", "b3", "b1", "b2", "b3"])
    let firsts = (1...7).flatMap { _ in names(&selection, "test", 1) }
    #expect(firsts == ["b2", "b2", "b2", "b3", "b1", "b2", "b2"])
  }

  @Test func weightedRandom() throws {
    var selection = WeightedSelection(RandomSelection(seed: 7))
    selection.rebuild(try set((1, 8, 1)))
    var first = ["b1": 0, "b2": 0, "b3": 0]
    var later = first
    for _ in 0..<10_000 {
      let two = names(&selection, "test", 2)
      first[two[0], default: 0] += 1
      later[two[1], default: 0] += 1
    }
    // Within five standard deviations: first by weight, then each as likely.
    #expect((7_800...8_200).contains(first["b2"] ?? 0))
    #expect((850...1_150).contains(first["b1"] ?? 0))
    for (name, count) in later.sorted(by: { $0.key < $1.key }) {
      #expect((3_097...3_570).contains(count), "\(name)")
    }
    var same = WeightedSelection(RandomSelection(seed: 7))
    same.rebuild(try set((1, 8, 1)))
    var again = WeightedSelection(RandomSelection(seed: 7))
    again.rebuild(try set((1, 8, 1)))
    #expect(names(&same, "a", 100) == names(&again, "b", 100))
  }

  @Test func weightZeroIsNeitherFirstNorLater() throws {
    var selection = WeightedSelection(RoundRobin())
    selection.rebuild(try set((1, 0, 1)))
    #expect(Set(names(&selection, "", 100)) == ["b3", "b1"])
    for weights in [(0, 0, 0)] as [(b1: UInt16, b2: UInt16, b3: UInt16)] {
      selection.rebuild(try set(weights))
      #expect(names(&selection, "test", 3) == [])
    }
    selection.rebuild(BackendSet())
    #expect(names(&selection, "test", 3) == [])
    #expect(selection.select([1], max: 10) { _ in true } == nil)
  }

  @Test func theRoundGoesOnAfterARebuild() throws {
    var selection = WeightedSelection(RoundRobin())
    selection.rebuild(try set((1, 1, 1)))
    #expect(names(&selection, "", 1) == ["b2"])
    selection.rebuild(try set((1, 2, 1)))
    #expect(names(&selection, "", 1) == ["b2"])
    #expect(names(&selection, "", 1) == ["b3"])
  }

  @Test(arguments: [
    ([1, 2, 3], 3, [1, 2, 3]), ([1, 2, 3], 1, [1]), ([1, 1, 2, 2, 2, 3], 10, [1, 2, 3]),
    ([1, 1, 2, 2, 2, 3], 5, [1, 2]), ([1, 2], 0, []),
    ([64, 64, 200, 65_534, 63, 200, 65_534, 0], 20, [64, 200, 65_534, 63, 0]),
  ])
  func uniqueIterationCountsDuplicates(items: [Int], max: Int, expected: [Int]) {
    var rest = items[...]
    var unique = UniqueIteration(max: max)
    var found: [Int] = []
    while let item = unique.next({ rest.popFirst() }) { found.append(item) }
    #expect(found == expected)
    #expect(unique.next { rest.popFirst() } == nil)
  }

  @Test func walksEndThoughTheOrderDoesNot() throws {
    var selection = WeightedSelection(HashSelection())
    selection.rebuild(try set((1, 10, 1)))
    var asked = 0
    let found = selection.select([1], max: 1_000) { _ in
      asked += 1
      return false
    }
    #expect(found == nil)
    #expect(asked == 3)
  }

  @Test func aChoiceMayLeaveOutWhatFailedOrTakeWhatIsNotReady() throws {
    var balancer = LoadBalancer(WeightedSelection(RoundRobin()), thresholds: HealthThresholds())
    balancer.update(try set((1, 1, 1)))
    let b2 = BackendAddress("1.0.0.1:80")
    #expect(balancer.observe(b2, isHealthy: false) == true)
    var chosen: Set<BackendAddress> = []
    for _ in 0..<6 {
      if let backend = balancer.select([], max: 3) { chosen.insert(backend.address) }
    }
    #expect(!chosen.contains(b2) && chosen.count == 2)
    let any = balancer.select([], max: 3) { backend, isReady in
      #expect(isReady == (backend.address != b2))
      return backend.address == b2
    }
    #expect(any?.address == b2)
    #expect(balancer.select([], max: 0) == nil)
  }

  @Test func theConsistentSelectionSkipsWhoIsNotReady() throws {
    var balancer = LoadBalancer(ConsistentSelection(), thresholds: HealthThresholds())
    balancer.update(try set((1, 1, 1)))
    let key = Array("test5".utf8)
    #expect(balancer.select(key, max: 256)?.address.text == "1.0.0.255:80")
    balancer.setEnabled(BackendAddress("1.0.0.255:80"), false)
    #expect(balancer.select(key, max: 256)?.address.text == "1.0.0.1:80")
  }
}
