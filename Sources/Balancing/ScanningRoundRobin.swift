/// The round robin of the tiny load balancer: one further each time, and on to the next that is
/// alive, from where the next time goes on. It begins with the second.
package struct ScanningRoundRobin: Sendable {
  private var current: UInt64 = 0

  package init() {}

  /// The index of the next of `count` backends that is alive; `nil` if none is. O(n) at worst.
  package mutating func next(count: Int, isAlive: (Int) -> Bool) -> Int? {
    guard count > 0 else { return nil }
    current &+= 1
    let first = Int(current % UInt64(count))
    for step in 0..<count {
      let index = (first + step) % count
      guard isAlive(index) else { continue }
      if step > 0 { current = UInt64(index) }
      return index
    }
    return nil
  }
}
