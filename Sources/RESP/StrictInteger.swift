/// Reads a number as Redis does: an optional `-`, digits without leading zeros, within 64 bits, and
/// nothing else. `+5`, `05`, `-0`, blanks and the empty text are none.
package func strictInteger(_ bytes: [UInt8]) -> Int64? { strictInteger(bytes, in: bytes.indices) }

/// The same for a part of `bytes`; a part that is not there is no number.
package func strictInteger(_ bytes: [UInt8], in range: Range<Int>) -> Int64? {
  guard range.lowerBound >= 0, range.upperBound <= bytes.count, range.count <= 20 else {
    return nil
  }
  guard !range.isEmpty else { return nil }
  var index = range.lowerBound
  if range.count == 1, bytes[index] == UInt8(ascii: "0") { return 0 }
  let isNegative = bytes[index] == UInt8(ascii: "-")
  if isNegative { index += 1 }
  guard index < range.upperBound, bytes[index] != UInt8(ascii: "0") else { return nil }
  var magnitude: UInt64 = 0
  while index < range.upperBound {
    guard bytes[index] >= UInt8(ascii: "0"), bytes[index] <= UInt8(ascii: "9") else { return nil }
    let (product, isTooHigh) = magnitude.multipliedReportingOverflow(by: 10)
    let (sum, overflows) = product.addingReportingOverflow(UInt64(bytes[index] - 0x30))
    if isTooHigh || overflows { return nil }
    magnitude = sum
    index += 1
  }
  if isNegative {
    return magnitude <= Int64.min.magnitude ? Int64(truncatingIfNeeded: 0 &- magnitude) : nil
  }
  return Int64(exactly: magnitude)
}
