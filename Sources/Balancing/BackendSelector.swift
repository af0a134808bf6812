/// Gives the backends of a set in the order in which a request is to try them, by their indexes in
/// the set.
package protocol BackendSelector: Sendable {
  /// Where a request stands.
  associatedtype Walk: Sendable

  /// Takes another set; what has been counted is kept.
  mutating func rebuild(_ backends: BackendSet)
  mutating func begin(_ key: [UInt8]) -> Walk
  /// The next backend. Backends repeat, and an order need not end; `nil` if none can be chosen.
  mutating func next(_ walk: inout Walk) -> Int?
}

extension BackendSelector {
  /// The first of the backends for a key that is accepted, each being looked at once.
  ///
  /// - Parameters:
  ///   - max: so many steps of the order at most; backends that come again count as steps.
  ///   - accept: whether to take it.
  package mutating func select(_ key: [UInt8], max: Int, accept: (Int) -> Bool) -> Int? {
    var walk = begin(key)
    var unique = UniqueIteration(max: max)
    while let index = unique.next({ next(&walk) }) {
      if accept(index) { return index }
    }
    return nil
  }
}
