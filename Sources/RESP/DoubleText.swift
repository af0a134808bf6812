import Basics

/// A double as C's `%.17g` writes it, which is how Redis 7.0 sends doubles: 17 significant digits,
/// zeros at the end left out, an exponent of two digits at least when it is below -4 or above 16.
enum DoubleText {
  static let significantDigits = 17

  static func bytes(_ value: Double) -> [UInt8] {
    let sign: [UInt8] = value.sign == .minus ? [UInt8(ascii: "-")] : []
    if value.isNaN { return sign + Array("nan".utf8) }
    if value.isInfinite { return sign + Array("inf".utf8) }
    if value.isZero { return sign + [UInt8(ascii: "0")] }
    let (digits, exponent) = decimal(value.magnitude)
    return sign + layout(digits, exponent: exponent)
  }

  /// Exactly rounded digits without zeros at the end, and the power of ten of the first.
  private static func decimal(_ value: Double) -> (digits: [UInt8], exponent: Int) {
    let isSubnormal = value.exponentBitPattern == 0
    let mantissa = value.significandBitPattern | (isSubnormal ? 0 : 1 << 52)
    let binaryExponent = Int(max(value.exponentBitPattern, 1)) - 1075
    // log10(2) is a little more than 30102 / 100000; the estimate is at most one too low or high.
    let bits = binaryExponent + Natural(mantissa).bitCount - 1
    var exponent = bits * 30_103 / 100_000 - (bits < 0 ? 1 : 0)
    while true {
      let scaled = rounded(mantissa, binaryExponent, scale: significantDigits - 1 - exponent)
      let digits = Natural(scaled).decimalDigits
      if digits.count == significantDigits {
        return (trimmed(digits), exponent)
      }
      if scaled == 100_000_000_000_000_000 { return ([UInt8(ascii: "1")], exponent + 1) }
      exponent += digits.count > significantDigits ? 1 : -1
    }
  }

  /// mantissa · 2^binaryExponent · 10^scale, rounded to a whole number, halves to the even one.
  private static func rounded(_ mantissa: UInt64, _ binaryExponent: Int, scale: Int) -> UInt64 {
    var dividend = Natural(mantissa)
    var divisor = Natural(1)
    dividend.scale(byPowersOfTen: scale)
    divisor.scale(byPowersOfTen: -scale)
    // One bit more than is needed, which decides the rounding.
    dividend.shiftLeft(by: binaryExponent + 1)
    divisor.shiftLeft(by: -(binaryExponent + 1))
    let (doubled, isExact) = Natural.quotient(dividend, by: divisor)
    let half = UInt64(truncatingIfNeeded: doubled >> 1)
    let isAboveHalf = doubled & 1 == 1 && (!isExact || half & 1 == 1)
    return half + (isAboveHalf ? 1 : 0)
  }

  private static func layout(_ digits: [UInt8], exponent: Int) -> [UInt8] {
    let point = UInt8(ascii: ".")
    let zero = UInt8(ascii: "0")
    if exponent < -4 || exponent >= significantDigits {
      let fraction = digits.count > 1 ? [point] + Array(digits[1...]) : []
      let magnitude = Array(String(abs(exponent)).utf8)
      let power = magnitude.count < 2 ? [zero] + magnitude : magnitude
      return Array(digits[..<1]) + fraction + [UInt8(ascii: "e")]
        + [UInt8(ascii: exponent < 0 ? "-" : "+")] + power
    }
    if exponent < 0 {
      return [zero, point] + [UInt8](repeating: zero, count: -exponent - 1) + digits
    }
    let whole = exponent + 1
    if digits.count <= whole {
      return digits + [UInt8](repeating: zero, count: whole - digits.count)
    }
    return Array(digits[..<whole]) + [point] + Array(digits[whole...])
  }

  private static func trimmed(_ digits: [UInt8]) -> [UInt8] {
    let last = digits.lastIndex { $0 != UInt8(ascii: "0") } ?? 0
    return Array(digits[...last])
  }
}
