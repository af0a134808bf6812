import Basics

/// Another number each time, whatever the key.
package struct RandomSelection: SelectionAlgorithm {
  private var random: SeededGenerator

  package init(seed: UInt64) { random = SeededGenerator(seed: seed) }

  package mutating func next(_ key: [UInt8]) -> UInt64 { random.next() }

  package mutating func next(after index: UInt64) -> UInt64 { random.next() }
}
