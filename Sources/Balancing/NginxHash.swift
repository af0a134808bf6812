import Checksums

/// nginx' `hash`, plain and consistent, over peers with passive health. Both turn to the smooth
/// weighted round robin after ``triesMax`` tries, for an empty key, and for a single peer.
package enum NginxHash {
  /// Choices that may fall on somebody who is not available.
  package static let triesMax = 20

  /// Where one request stands, so that its next attempt goes on from there.
  package struct Walk: Sendable {
    fileprivate var tries = 0
    fileprivate var rehash = 0
    fileprivate var hash: UInt32 = 0
    /// `nil` until the key was looked up.
    fileprivate var position: Int?

    package init() {}
  }

  /// The plain hash: another backend changes the choices of most keys. The hash adds up over the
  /// tries, as in Perl's Cache::Memcached. O(n).
  package static func pick(
    _ peers: inout [Peer], key: [UInt8], walk: inout Walk, now: UInt64,
    excluding tried: [BackendAddress] = []
  ) -> Int? {
    let total = peers.reduce(0) { $0 + $1.weight }
    while peers.count > 1, !key.isEmpty, total > 0, walk.tries <= triesMax {
      let salt = walk.rehash > 0 ? Array(String(walk.rehash).utf8) : []
      let sum = CRC32.checksum(key, continuing: CRC32.checksum(salt))
      walk.hash &+= (sum >> 16) & 0x7FFF
      walk.rehash += 1
      var rest = Int(walk.hash) % total
      var index = 0
      while rest >= peers[index].weight {
        rest -= peers[index].weight
        index += 1
      }
      if peers[index].isAvailable(now), !peers[index].isAmong(tried) {
        peers[index].wasChosen(now)
        return index
      }
      walk.tries += 1
    }
    return SmoothWeighted.pick(&peers, now: now, isOnly: peers.count == 1, excluding: tried)
  }

  /// The consistent hash: from a key's point on, the first available owner. O(log points).
  ///
  /// - Parameter ring: of the peers, each at its index.
  package static func pickConsistently(
    _ peers: inout [Peer], ring: KetamaRing, key: [UInt8], walk: inout Walk, now: UInt64,
    excluding tried: [BackendAddress] = []
  ) -> Int? {
    var position = walk.position ?? ring.position(of: key)
    defer { walk.position = position }
    while peers.count > 1, !key.isEmpty, walk.tries <= triesMax,
      let index = ring.member(at: position)
    {
      if peers[index].isAvailable(now), !peers[index].isAmong(tried) {
        // A turn of the round robin among one: only the effective weight recovers.
        let added = peers[index].turn(times: 1)
        peers[index].currentWeight -= added
        peers[index].wasChosen(now)
        return index
      }
      position += 1
      walk.tries += 1
    }
    return SmoothWeighted.pick(&peers, now: now, isOnly: peers.count == 1, excluding: tried)
  }
}
