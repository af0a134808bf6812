/// The backends of a ``KetamaRing`` from a key's point on. O(log points) for the first choice, O(1)
/// for later ones.
package struct ConsistentSelection: BackendSelector {
  package private(set) var ring = KetamaRing(BackendSet())
  private let pointsPerWeight: Int

  package init(pointsPerWeight: Int = KetamaRing.standardPoints) {
    self.pointsPerWeight = pointsPerWeight
  }

  package mutating func rebuild(_ backends: BackendSet) {
    ring = KetamaRing(backends, pointsPerWeight: pointsPerWeight)
  }

  package func begin(_ key: [UInt8]) -> Int { ring.position(of: key) }

  package func next(_ position: inout Int) -> Int? {
    defer { position += 1 }
    return ring.member(at: position)
  }
}
