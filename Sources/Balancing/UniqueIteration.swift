/// Leaves out what came before, and ends after a number of steps; repetitions are steps, too, since
/// an order may consist of nothing else.
package struct UniqueIteration: Sendable {
  private let max: Int
  private var steps = 0
  /// One bit for each index below 64; memory is taken only for others.
  private var small: UInt64 = 0
  private var large: [UInt64] = []

  package init(max: Int) { self.max = max }

  /// The next of `items` that is new; `nil` when they end or the steps are used up.
  package mutating func next(_ items: () -> Int?) -> Int? {
    while steps < max, let item = items() {
      steps += 1
      if insert(item) { return item }
    }
    return nil
  }

  /// Whether it is new.
  private mutating func insert(_ item: Int) -> Bool {
    let bit: UInt64 = 1 << UInt64(item & 63)
    guard item >= 64 else {
      defer { small |= bit }
      return small & bit == 0
    }
    let word = item / 64 - 1
    if word >= large.count {
      large.append(contentsOf: repeatElement(0, count: word + 1 - large.count))
    }
    defer { large[word] |= bit }
    return large[word] & bit == 0
  }
}
