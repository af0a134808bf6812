import Balancing
import Basics
import Checksums
import Testing

/// Peers named a, b, c … with the given weights.
private func peers(_ weights: [UInt16], limits: PeerLimits = PeerLimits()) -> [Peer] {
  weights.enumerated().map { index, weight in
    Peer(Backend(String(UnicodeScalar(UInt8(97 + index))), weight: weight), limits: limits)
  }
}

private func limits(_ change: (inout PeerLimits) -> Void) -> PeerLimits {
  var limits = PeerLimits()
  change(&limits)
  return limits
}

private let second: UInt64 = 1_000_000_000

@Suite struct NginxSmoothWeighted {
  private func picks(_ peers: inout [Peer], _ count: Int, now: UInt64 = 1) -> String {
    (0..<count).map { _ in
      SmoothWeighted.pick(&peers, now: now).map { peers[$0].address.text } ?? "-"
    }.joined(separator: " ")
  }

  @Test(arguments: [
    ([4, 2, 1], "a b a c a b a"), ([5, 1, 1], "a a b a c a a"), ([3, 1], "a a b a"),
    ([1, 1, 1], "a b c a b c"), ([0, 2, 1], "b c b"), ([7], "a a a"),
  ])
  func vectors(weights: [UInt16], expected: String) {
    var peers = peers(weights)
    let count = expected.split(separator: " ").count
    for _ in 0..<3 {
      #expect(picks(&peers, count) == expected)
      #expect(peers.allSatisfy { $0.currentWeight == 0 })
    }
  }

  @Test func everyRoundGivesEachItsWeight() {
    var random = SeededGenerator(seed: 3)
    for _ in 0..<50 {
      let weights = (0..<random.next(in: 1...9)).map { _ in UInt16(random.next(in: 0...20)) }
      var peers = peers(weights)
      let total = weights.reduce(0) { $0 + Int($1) }
      var counts = weights.map { _ in 0 }
      for _ in 0..<total {
        if let index = SmoothWeighted.pick(&peers, now: 1) { counts[index] += 1 }
      }
      #expect(counts == weights.map(Int.init))
    }
  }

  @Test func nobodyIsChosenOfNobody() {
    for weights in [[], [0], [0, 0]] as [[UInt16]] {
      var peers = peers(weights)
      #expect(picks(&peers, 1) == "-")
    }
  }

  @Test func triedAndDownPeersAreSkipped() {
    var some = peers([1, 1, 1])
    #expect(SmoothWeighted.pick(&some, now: 1, excluding: [some[0].address, some[2].address]) == 1)
    #expect(SmoothWeighted.pick(&some, now: 1, excluding: some.map(\.address)) == nil)
    var down = peers([1, 1], limits: limits { $0.isDown = true })
    #expect(picks(&down, 1) == "-")
  }

  @Test func aFailureTakesWeightOffAndEachTurnGivesOneBack() {
    var peers = peers([6, 6], limits: limits { $0.maxFails = 3 })
    peers[0].began()
    peers[0].ended(.failure, now: second)
    #expect(peers[0].effectiveWeight == 4)
    peers[0].ended(.failure, now: second)
    #expect(peers[0].effectiveWeight == 2)
    #expect(picks(&peers, 6, now: second) == "b a b b a b")
    #expect(peers[0].effectiveWeight == 6)
  }

  @Test func theWeightDoesNotFallBelowZero() {
    var peers = peers([1, 5], limits: limits { $0.maxFails = 1 })
    for _ in 0..<3 { peers[0].ended(.failure, now: second) }
    #expect(peers[0].effectiveWeight == 0)
    var small = self.peers([2])
    small[0].ended(.failure, now: second)
    #expect(small[0].effectiveWeight == 2, "two failures of five take nothing off a weight of 2")
  }

  private func peers(_ weights: [UInt16]) -> [Peer] {
    BalancingTests.peers(weights, limits: limits { $0.maxFails = 5 })
  }

  private func peers(_ weights: [UInt16], limits: PeerLimits) -> [Peer] {
    BalancingTests.peers(weights, limits: limits)
  }
}

@Suite struct NginxPassiveHealth {
  @Test func soManyFailuresDisableForATime() {
    var peer = peers([1], limits: limits { $0.maxFails = 2 })[0]
    peer.ended(.failure, now: second)
    #expect(peer.isAvailable(second))
    peer.ended(.failure, now: 2 * second)
    #expect(!peer.isAvailable(12 * second))
    #expect(peer.isAvailable(12 * second + 1))
  }

  @Test func onlyASuccessThatCameAfterAProbeResets() {
    var peer = peers([1], limits: limits { $0.maxFails = 3 })[0]
    peer.ended(.failure, now: second)
    // Soon after a failure a success says little: the failure still counts.
    peer.wasChosen(2 * second)
    peer.ended(.success, now: 2 * second)
    #expect(peer.fails == 1)
    peer.wasChosen(12 * second)
    peer.ended(.success, now: 12 * second)
    #expect(peer.fails == 0)
  }

  @Test func oneProbeForEachRest() {
    var peer = peers([1])[0]
    peer.ended(.failure, now: second)
    peer.wasChosen(12 * second)
    #expect(!peer.isAvailable(12 * second), "the probe keeps the others away")
    #expect(!peer.isAvailable(22 * second))
    peer.ended(.success, now: 13 * second)
    #expect(peer.isAvailable(13 * second))
  }

  @Test func maxFailsOfZeroNeverDisables() {
    var peer = peers([3], limits: limits { $0.maxFails = 0 })[0]
    for _ in 0..<9 { peer.ended(.failure, now: second) }
    #expect(peer.isAvailable(second))
    #expect(peer.effectiveWeight == 3)
  }

  @Test func maxConnectionsAreNotExceeded() {
    var peer = peers([1], limits: limits { $0.maxConnections = 2 })[0]
    peer.began()
    #expect(peer.isAvailable(1))
    peer.began()
    #expect(!peer.isAvailable(1) && !peer.isAvailable(1, isOnly: true))
    peer.ended(.abandoned, now: 2)
    #expect(peer.isAvailable(2) && peer.fails == 0)
    for _ in 0..<3 { peer.ended(.success, now: 3) }
    #expect(peer.inFlight == 0, "an end without a beginning is no credit")
  }

  @Test func theOnlyServerIsNeverDisabledButMayBeDown() {
    var only = peers([1])[0]
    only.ended(.failure, now: second, isOnly: true)
    #expect(only.fails == 0 && only.isAvailable(second, isOnly: true))
    let down = peers([1], limits: limits { $0.isDown = true })[0]
    #expect(!down.isAvailable(second, isOnly: true))
  }

  @Test func timeThatStandsStillDoesNotTrap() {
    var peer = peers([1], limits: limits { $0.failTimeout = .max })[0]
    peer.ended(.failure, now: .max)
    #expect(!peer.isAvailable(0) && !peer.isAvailable(.max))
  }
}

@Suite struct NginxLeastConnections {
  @Test func fewestForItsWeightWithoutDivision() {
    var some = peers([3, 1, 2])
    for (index, count) in [2, 1, 1].enumerated() {
      for _ in 0..<count { some[index].began() }
    }
    // 2/3, 1/1, 1/2
    #expect(LeastConnections.pick(&some, now: 1) == 2)
    some[2].began()
    #expect(LeastConnections.pick(&some, now: 1) == 0)
  }

  @Test func theTiedTakeTurnsByWeight() {
    var some = peers([5, 1, 1])
    let picked = (0..<7).map { _ in LeastConnections.pick(&some, now: 1) ?? -1 }
    #expect(picked == [0, 0, 1, 0, 2, 0, 0])
    // Only the tied: a is busy.
    some = peers([1, 1, 1])
    some[0].began()
    #expect((0..<4).map { _ in LeastConnections.pick(&some, now: 1) ?? -1 } == [1, 2, 1, 2])
    #expect(some[0].currentWeight == 0)
  }

  @Test func requestsSpreadByWeight() {
    var some = peers([4, 2, 1])
    for _ in 0..<70 {
      if let index = LeastConnections.pick(&some, now: 1) { some[index].began() }
    }
    #expect(some.map(\.inFlight) == [40, 20, 10])
  }

  @Test func whoIsNotAvailableIsSkipped() {
    var some = peers([0, 1, 1])
    some[1].ended(.failure, now: second)
    #expect(LeastConnections.pick(&some, now: second) == 2)
    #expect(LeastConnections.pick(&some, now: second, excluding: [some[2].address]) == nil)
  }
}

@Suite struct NginxHashing {
  private let key = Array("some/key".utf8)

  /// The definition, spelled out: the choice of the given try.
  private func definition(_ weights: [Int], attempt: Int) -> Int {
    var hash: UInt32 = 0
    for number in 0...attempt {
      let text = Array((number == 0 ? "" : "\(number)").utf8) + key
      hash &+= (CRC32.checksum(text) >> 16) & 0x7FFF
    }
    var rest = Int(hash) % weights.reduce(0, +)
    return weights.firstIndex { weight in
      defer { rest -= weight }
      return rest < weight
    } ?? -1
  }

  @Test func theHashAddsUpOverTries() {
    let weights = [3, 1, 2, 5]
    var some = peers(weights.map { UInt16($0) })
    var walk = NginxHash.Walk()
    let first = NginxHash.pick(&some, key: key, walk: &walk, now: 1)
    #expect(first == definition(weights, attempt: 0))
    #expect(NginxHash.pick(&some, key: key, walk: &walk, now: 1) == definition(weights, attempt: 1))
    var fresh = NginxHash.Walk()
    let tried = some[first ?? 0].address
    let other = NginxHash.pick(&some, key: key, walk: &fresh, now: 1, excluding: [tried])
    let expected = (0..<20).map { definition(weights, attempt: $0) }.first { $0 != first }
    #expect(other == expected)
  }

  @Test func afterTwentyTriesTheRoundRobinChooses() {
    for isConsistent in [false, true] {
      // Nearly all weight is where nobody is.
      var some = peers([10_000, 1, 1])
      some[0].ended(.failure, now: second)
      let ring = KetamaRing([
        .init(base: [1], weight: 1_000), .init(base: [2], weight: 0), .init(base: [3], weight: 0),
      ])
      var walk = NginxHash.Walk()
      let picked = (0..<4).map { _ in
        isConsistent
          ? NginxHash.pickConsistently(&some, ring: ring, key: key, walk: &walk, now: second)
          : NginxHash.pick(&some, key: key, walk: &walk, now: second)
      }
      #expect(picked == [1, 2, 1, 2])
    }
  }

  @Test func anEmptyKeyAndASinglePeerGoInTurn() {
    var some = peers([1, 1])
    var walk = NginxHash.Walk()
    let picked = (0..<4).map { _ in NginxHash.pick(&some, key: [], walk: &walk, now: 1) ?? -1 }
    #expect(picked == [0, 1, 0, 1])
    var one = peers([1])
    one[0].ended(.failure, now: second)
    #expect(NginxHash.pick(&one, key: key, walk: &walk, now: second) == 0)
    var none = peers([])
    #expect(NginxHash.pick(&none, key: key, walk: &walk, now: second) == nil)
    var drained = peers([0, 0])
    #expect(NginxHash.pick(&drained, key: key, walk: &walk, now: second) == nil)
  }

  @Test func theConsistentHashWalksTheRing() throws {
    let set = try BackendSet([Backend("a:1"), Backend("b:1"), Backend("c:1")])
    let ring = KetamaRing(set)
    var some = set.map { Peer($0) }
    let order = Array(ring.walk(from: key))
    var walk = NginxHash.Walk()
    let first = NginxHash.pickConsistently(&some, ring: ring, key: key, walk: &walk, now: 1)
    #expect(first == order[0])
    #expect(some.allSatisfy { $0.currentWeight == 0 })
    let tried = some[order[0]].address
    let second = NginxHash.pickConsistently(
      &some, ring: ring, key: key, walk: &walk, now: 1, excluding: [tried])
    #expect(second == order.first { $0 != order[0] })
  }
}
