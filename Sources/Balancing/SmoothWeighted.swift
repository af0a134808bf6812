/// Smooth weighted round robin, as nginx has it: in each turn every peer is owed its weight, and
/// the one that is owed most is chosen and pays the sum. Weights 5, 1, 1 give a a b a c a a.
package enum SmoothWeighted {
  /// The index of the next peer, `nil` if none is available. O(n), nothing is allocated.
  ///
  /// - Parameters:
  ///   - isOnly: there is no other peer, so failures do not matter.
  ///   - tried: peers that are to be left out, for example those that this request met before.
  ///   - factor: what the weight of a peer is multiplied by in this turn.
  package static func pick(
    _ peers: inout [Peer], now: UInt64, isOnly: Bool = false,
    excluding tried: [BackendAddress] = [], factor: (Peer) -> Int = { _ in 1 }
  ) -> Int? {
    var best: Int?
    var bestWeight = 0
    var total = 0
    for index in peers.indices {
      guard peers[index].isAvailable(now, isOnly: isOnly), !peers[index].isAmong(tried) else {
        continue
      }
      total += peers[index].turn(times: factor(peers[index]))
      if best == nil || peers[index].currentWeight > bestWeight {
        best = index
        bestWeight = peers[index].currentWeight
      }
    }
    guard let best else { return nil }
    peers[best].currentWeight -= total
    peers[best].wasChosen(now)
    return best
  }
}

extension Peer {
  /// Owes the peer another turn, `times` its effective weight, and lets that recover by one. Gives
  /// what was added.
  mutating func turn(times: Int) -> Int {
    let added = effectiveWeight * times
    currentWeight += added
    if effectiveWeight < weight { effectiveWeight += 1 }
    return added
  }
}
