/// One after the other, whatever the key. Backends that were not taken use up numbers, too.
package struct RoundRobin: SelectionAlgorithm {
  private var counter: UInt64 = 0

  package init() {}

  package mutating func next(_ key: [UInt8]) -> UInt64 { next(after: 0) }

  package mutating func next(after index: UInt64) -> UInt64 {
    defer { counter &+= 1 }
    return counter
  }
}
