/// Counts of nanoseconds in buckets less than 1 % wide, after HdrHistogram: 128 equal buckets for
/// each power of two. The greatest value is kept exactly.
struct Histogram: Sendable {
  private var counts: [UInt32] = []
  private(set) var count = 0
  private(set) var max: UInt64 = 0

  mutating func record(_ value: UInt64) {
    let index = Self.index(of: value)
    if index >= counts.count {
      counts += Array(repeating: 0, count: index + 1 - counts.count)
    }
    counts[index] &+= 1
    count += 1
    if value > max { max = value }
  }

  /// The least recorded value (to the bucket's upper end) that `quantile` of all are not above.
  func value(at quantile: Double) -> UInt64 {
    guard count > 0 else { return 0 }
    let rank = Swift.max(1, Int((quantile * Double(count)).rounded(.up)))
    var seen = 0
    for (index, bucket) in counts.enumerated() {
      seen += Int(bucket)
      if seen >= rank { return min(Self.upperEnd(of: index), max) }
    }
    return max
  }

  private static let sub = 7

  static func index(of value: UInt64) -> Int {
    let width = 64 - value.leadingZeroBitCount
    if width <= sub + 1 { return Int(value) }
    let shift = width - sub - 1
    return shift << sub + Int(value >> UInt64(shift))
  }

  static func upperEnd(of index: Int) -> UInt64 {
    if index < 2 << sub { return UInt64(index) }
    let shift = index >> sub - 1
    return UInt64(index - shift << sub + 1) << UInt64(shift) - 1
  }
}
