/// A mean of response times in which newer ones count more (exponentially weighted: each measured
/// one makes up an eighth, as in TCP's estimate of the round trip, RFC 6298 §2).
package struct ResponseTime: Hashable, Sendable {
  /// Nanoseconds; `nil` before the first.
  package private(set) var mean: UInt64?

  package init() {}

  package mutating func add(_ nanoseconds: UInt64) {
    guard let old = mean else {
      mean = nanoseconds
      return
    }
    mean = nanoseconds > old ? old + (nanoseconds - old) / 8 : old - (old - nanoseconds) / 8
  }
}
