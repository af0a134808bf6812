import Basics

/// The same key leads to the same backend, as long as the set is the same: FNV-1a of the key.
package struct HashSelection: SelectionAlgorithm {
  package init() {}

  package func next(_ key: [UInt8]) -> UInt64 {
    var hash = StableHash()
    hash.add(key)
    return hash.value
  }

  package func next(after index: UInt64) -> UInt64 {
    var hash = StableHash()
    hash.add(index)
    return hash.value
  }
}
