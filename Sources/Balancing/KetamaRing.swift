import Basics
import Checksums

/// A ring of hashes on which each member owns many points, and a key belongs to the member of the
/// first point at or behind it. A member that comes or goes changes only the keys that it gets or
/// had. With 160 points for each unit of weight it is the ring of nginx' `hash … consistent` and
/// of Pingora.
package struct KetamaRing: Sendable {
  /// What a member's points are derived from, and how many it gets.
  package struct Member: Hashable, Sendable {
    /// Tells members apart, and must not change while the member lives: its points follow from it.
    package let base: [UInt8]
    /// 0 gets no points.
    package let weight: Int

    package init(base: [UInt8], weight: Int = 1) {
      self.base = base
      self.weight = weight
    }

    /// As nginx and Pingora make it of an address: host (IPv6 without brackets), a zero, the port.
    package init(_ backend: Backend) {
      base =
        Array(backend.address.hostText.utf8) + [0] + Array(String(backend.address.port).utf8)
      weight = Int(backend.weight)
    }
  }

  /// Points for each unit of weight in nginx and Pingora.
  package static let standardPoints = 160
  /// The most points of a ring: 128 MiB.
  package static let pointsMax = 1 << 24

  /// The hash in the upper half, the number of the member in the lower; ascending, no hash twice.
  private let points: [UInt64]

  /// Builds the ring; O(points × log points). Of two members that meet in one point the earlier
  /// has it, so members must come in an order that everybody agrees on. More than ``pointsMax``
  /// points are a broken invariant.
  package init(_ members: [Member], pointsPerWeight: Int = standardPoints) {
    var points: [UInt64] = []
    let count = members.reduce(0) { $0 + max(0, $1.weight) } * pointsPerWeight
    invariant(count <= Self.pointsMax, "a ring of \(count) points, more than \(Self.pointsMax)")
    points.reserveCapacity(count)
    for (number, member) in members.enumerated() {
      let state = CRC32.checksum(member.base)
      var previous: UInt32 = 0
      for _ in 0..<max(0, member.weight) * pointsPerWeight {
        previous = CRC32.checksum(little: previous, continuing: state)
        points.append(UInt64(previous) << 32 | UInt64(UInt32(truncatingIfNeeded: number)))
      }
    }
    points.sort()
    var kept = 0
    for point in points where kept == 0 || points[kept - 1] >> 32 != point >> 32 {
      points[kept] = point
      kept += 1
    }
    points.removeLast(points.count - kept)
    self.points = points
  }

  /// The ring of backends as nginx and Pingora build it.
  package init(_ backends: BackendSet, pointsPerWeight: Int = standardPoints) {
    self.init(backends.map(Member.init), pointsPerWeight: pointsPerWeight)
  }

  /// How many points there are, less those in which members met.
  package var count: Int { points.count }
  package var isEmpty: Bool { points.isEmpty }

  /// The point that a key belongs to: the first whose hash is not below the key's, or else 0; also
  /// 0 in an empty ring. O(log points).
  package func position(of key: [UInt8]) -> Int { position(hash: CRC32.checksum(key)) }

  package func position(hash: UInt32) -> Int {
    let wanted = UInt64(hash) << 32
    var low = 0
    var high = points.count
    while low < high {
      let middle = low + (high - low) / 2
      if points[middle] < wanted { low = middle + 1 } else { high = middle }
    }
    return low == points.count ? 0 : low
  }

  /// The number of the member that owns the point, counted on around the ring; `nil` in an empty
  /// ring.
  package func member(at position: Int) -> Int? {
    points.isEmpty ? nil : Int(truncatingIfNeeded: points[position % points.count] & 0xFFFF_FFFF)
  }

  /// The number of the member that a key belongs to; `nil` in an empty ring.
  package func member(of key: [UInt8]) -> Int? { member(at: position(of: key)) }

  /// The owners of the points from a key's on, once around the ring. Members repeat.
  package func walk(from key: [UInt8]) -> some Sequence<Int> {
    let first = position(of: key)
    return (first..<first + points.count).lazy.map { Int(points[$0 % points.count] & 0xFFFF_FFFF) }
  }
}
