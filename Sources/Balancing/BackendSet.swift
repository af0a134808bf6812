/// Backends in their order, none twice. The index in this order is what selectors give.
package struct BackendSet: Hashable, Sendable, RandomAccessCollection {
  /// Why a list cannot be a set of backends.
  package enum Problem: Error, Hashable, Sendable, CustomStringConvertible {
    case tooMany(Int)
    case tooHeavy(Int)

    package var description: String {
      switch self {
      case .tooMany(let count):
        "\(count) backends are more than \(BackendSet.countMax); the set before is kept"
      case .tooHeavy(let sum):
        "weights that add up to \(sum) are more than \(BackendSet.weightMax); the set before is "
          + "kept, divide all weights by a common factor"
      }
    }
  }

  /// The most backends: their numbers have 16 bits.
  package static let countMax = 65_535
  /// The most that all weights may add up to: each unit is two bytes in the expanded list.
  package static let weightMax = 1 << 24

  private let backends: [Backend]
  /// The sum of all weights.
  package let totalWeight: Int

  /// A set without backends.
  package init() {
    backends = []
    totalWeight = 0
  }

  package init(_ list: [Backend]) throws(Problem) {
    var backends: [Backend] = []
    var total = 0
    backends.reserveCapacity(list.count)
    for backend in list.sorted() where backend != backends.last {
      backends.append(backend)
      total += Int(backend.weight)
    }
    guard backends.count <= Self.countMax else { throw .tooMany(backends.count) }
    guard total <= Self.weightMax else { throw .tooHeavy(total) }
    self.backends = backends
    totalWeight = total
  }

  package var startIndex: Int { 0 }
  package var endIndex: Int { backends.count }
  package subscript(index: Int) -> Backend { backends[index] }
}
