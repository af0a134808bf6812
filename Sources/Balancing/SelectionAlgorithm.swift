/// Turns keys into numbers; whoever asks takes them modulo what there is to choose from.
package protocol SelectionAlgorithm: Sendable {
  /// The number of a request's key.
  mutating func next(_ key: [UInt8]) -> UInt64
  /// The number after `index`, when what that led to was not taken: the one of its eight bytes as a
  /// key, the lowest first.
  mutating func next(after index: UInt64) -> UInt64
}
