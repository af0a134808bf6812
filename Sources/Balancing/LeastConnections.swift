/// The peer with the fewest requests under way for its weight, as nginx' `least_conn`; several such
/// peers take turns by ``SmoothWeighted``'s rule.
package enum LeastConnections {
  /// The index of the next peer, `nil` if none is available. O(n), nothing is allocated. See
  /// ``SmoothWeighted/pick(_:now:isOnly:excluding:)``.
  package static func pick(
    _ peers: inout [Peer], now: UInt64, isOnly: Bool = false,
    excluding tried: [BackendAddress] = []
  ) -> Int? {
    func isAvailable(_ peer: Peer) -> Bool {
      peer.isAvailable(now, isOnly: isOnly) && !peer.isAmong(tried)
    }
    var first: Int?
    var isShared = false
    for index in peers.indices where isAvailable(peers[index]) {
      guard let least = first else {
        first = index
        continue
      }
      let (load, leastLoad) = loads(peers[index], peers[least])
      if load < leastLoad {
        first = index
        isShared = false
      } else if load == leastLoad {
        isShared = true
      }
    }
    guard let first else { return nil }
    var best = first
    if isShared {
      var total = 0
      for index in first..<peers.count where isAvailable(peers[index]) {
        let (load, leastLoad) = loads(peers[index], peers[first])
        guard load == leastLoad else { continue }
        total += peers[index].turn(times: 1)
        if peers[index].currentWeight > peers[best].currentWeight { best = index }
      }
      peers[best].currentWeight -= total
    }
    peers[best].wasChosen(now)
    return best
  }

  /// Requests for each unit of weight, both multiplied by both weights so that nothing is divided.
  private static func loads(_ left: Peer, _ right: Peer) -> (Int, Int) {
    (left.inFlight * right.weight, right.inFlight * left.weight)
  }
}
