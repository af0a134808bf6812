/// A small deterministic generator (SplitMix64, Steele, Lea and Flood 2014), held in the value that
/// uses it, so that a seed repeats a run. Not for secrets.
package struct SeededGenerator: Sendable {
  private var state: UInt64

  package init(seed: UInt64) { state = seed }

  package mutating func next() -> UInt64 {
    state &+= 0x9E37_79B9_7F4A_7C15
    var mixed = state
    mixed = (mixed ^ (mixed >> 30)) &* 0xBF58_476D_1CE4_E5B9
    mixed = (mixed ^ (mixed >> 27)) &* 0x94D0_49BB_1331_11EB
    return mixed ^ (mixed >> 31)
  }

  /// A number of `range`, by the high half of a product (Lemire 2019); its bias is below 2⁻⁶⁴ ×
  /// count.
  package mutating func next(in range: Range<Int>) -> Int {
    invariant(!range.isEmpty, "next(in:) of an empty range")
    let offset = next().multipliedFullWidth(by: UInt64(range.count)).high
    return range.lowerBound + Int(offset)
  }

  package mutating func next(in range: ClosedRange<Int>) -> Int {
    next(in: range.lowerBound..<range.upperBound + 1)
  }

  /// True with the given chance, 0…1.
  package mutating func chance(_ probability: Double) -> Bool {
    Double(next() >> 11) / Double(1 << 53) < probability
  }

  /// Another generator, independent of what this one gives later.
  package mutating func fork() -> SeededGenerator { SeededGenerator(seed: next()) }
}
