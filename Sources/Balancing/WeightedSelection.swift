/// Pingora's weighted selection: the first choice by weight, the later ones each as likely. O(1) a
/// choice; two bytes for each unit of weight.
package struct WeightedSelection<Algorithm: SelectionAlgorithm>: BackendSelector {
  package struct Walk: Sendable {
    fileprivate var index: UInt64
    fileprivate var isFirst = true
  }

  private var algorithm: Algorithm
  /// Each backend as often as its weight says.
  private var weighted: [UInt16] = []
  /// Each backend that has a weight.
  private var backends: [UInt16] = []

  package init(_ algorithm: Algorithm) { self.algorithm = algorithm }

  package mutating func rebuild(_ set: BackendSet) {
    weighted.removeAll(keepingCapacity: true)
    backends.removeAll(keepingCapacity: true)
    weighted.reserveCapacity(set.totalWeight)
    for (index, backend) in set.enumerated() where backend.weight > 0 {
      backends.append(UInt16(index))
      weighted.append(contentsOf: repeatElement(UInt16(index), count: Int(backend.weight)))
    }
  }

  package mutating func begin(_ key: [UInt8]) -> Walk { Walk(index: algorithm.next(key)) }

  package mutating func next(_ walk: inout Walk) -> Int? {
    guard !backends.isEmpty else { return nil }
    if walk.isFirst {
      walk.isFirst = false
      return Int(weighted[Int(walk.index % UInt64(weighted.count))])
    }
    walk.index = algorithm.next(after: walk.index)
    return Int(backends[Int(walk.index % UInt64(backends.count))])
  }
}
