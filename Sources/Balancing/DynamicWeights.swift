/// Smooth weighted round robin with weights that follow what was measured: a peer that answers half
/// as fast, or has twice as many requests under way, is owed half as much.
package enum DynamicWeights {
  /// What the weight of a peer is multiplied by at worst, and at best: even the slowest is asked
  /// now and then, or nobody would see that it recovered.
  package static let factors = 5...100

  /// The index of the next peer, `nil` if none is available. O(n), nothing is allocated. See
  /// ``SmoothWeighted/pick(_:now:isOnly:excluding:)``.
  package static func pick(
    _ peers: inout [Peer], now: UInt64, isOnly: Bool = false,
    excluding tried: [BackendAddress] = []
  ) -> Int? {
    let fastest = peers.reduce(UInt64.max) { min($0, $1.responseTime.mean ?? .max) }
    return SmoothWeighted.pick(&peers, now: now, isOnly: isOnly, excluding: tried) { peer in
      factor(peer, fastest: fastest)
    }
  }

  /// A peer that was not measured yet counts as the fastest.
  package static func factor(_ peer: Peer, fastest: UInt64) -> Int {
    let slowness = Double(max(1, peer.responseTime.mean ?? fastest)) / Double(max(1, fastest))
    let factor = Double(factors.upperBound) / (slowness * Double(peer.inFlight + 1))
    return max(factors.lowerBound, Int(factor + 0.5))
  }
}
