import Basics

/// A number of x86's 80-bit format, which INCRBYFLOAT counts in: 64 bits of mantissa, exponents up
/// to 16383. Made of whole numbers, so that replicas on other processors come to the same bytes.
package struct LongDouble: Hashable, Sendable {
  let isNegative: Bool
  /// The value is mantissa · 2^exponent. The highest bit of the mantissa is set, unless the number
  /// is zero or smaller than 2^-16382.
  let mantissa: UInt64
  let exponent: Int
  let isInfinite: Bool

  static let exponentMin = -16445
  static let exponentMax = 16383 - 63
  /// Longer texts are no numbers for Redis (MAX_LONG_DOUBLE_CHARS).
  static let textBytesMax = 5 * 1024

  private init(isNegative: Bool, mantissa: UInt64, exponent: Int, isInfinite: Bool = false) {
    self.isNegative = isNegative
    self.mantissa = mantissa
    self.exponent = exponent
    self.isInfinite = isInfinite
  }

  static func infinity(isNegative: Bool) -> LongDouble {
    LongDouble(isNegative: isNegative, mantissa: 0, exponent: 0, isInfinite: true)
  }

  static func zero(isNegative: Bool) -> LongDouble {
    LongDouble(isNegative: isNegative, mantissa: 0, exponent: 0)
  }

  /// Rounds bits · 2^exponent, halves to the even mantissa; `isExact` is false if a little more
  /// than that is meant. `nil`: too large.
  init?(isNegative: Bool, bits: UInt128, exponent: Int, isExact: Bool) {
    guard bits != 0 else {
      self = .zero(isNegative: isNegative)
      return
    }
    let width = 128 - bits.leadingZeroBitCount
    let drop = max(width - 64, Self.exponentMin - exponent)
    var mantissa: UInt128
    var scale = exponent + drop
    if drop > 128 {
      mantissa = 0
    } else if drop > 0 {
      mantissa = drop == 128 ? 0 : bits >> UInt128(drop)
      let half: UInt128 = 1 << UInt128(drop - 1)
      let rest = bits - (drop == 128 ? 0 : mantissa << UInt128(drop))
      if rest > half || rest == half && (!isExact || mantissa & 1 == 1) { mantissa += 1 }
    } else {
      mantissa = bits
      let shift = min(-drop, 64 - width)
      mantissa <<= UInt128(shift)
      scale = exponent - shift
    }
    if mantissa >> 64 != 0 {
      mantissa >>= 1
      scale += 1
    }
    guard scale <= Self.exponentMax else { return nil }
    self.init(isNegative: isNegative, mantissa: UInt64(mantissa), exponent: scale)
  }

  /// The sum, rounded; `nil` if it is not a finite number.
  func adding(_ other: LongDouble) -> LongDouble? {
    guard !isInfinite, !other.isInfinite else { return nil }
    guard mantissa != 0 else {
      if other.mantissa != 0 { return other }
      return .zero(isNegative: isNegative && other.isNegative)
    }
    guard other.mantissa != 0 else { return self }
    let isLarger =
      exponent > other.exponent || exponent == other.exponent && mantissa >= other.mantissa
    let (large, small) = isLarger ? (self, other) : (other, self)
    // 62 bits below the larger one; what is further below only says that something is there.
    let distance = large.exponent - small.exponent
    let high = UInt128(large.mantissa) << 62
    let low = UInt128(small.mantissa) << 62
    let shifted = distance < 128 ? low >> UInt128(distance) : 0
    let isExact = distance < 128 && shifted << UInt128(distance) == low
    let base = large.exponent - 62
    if large.isNegative == small.isNegative {
      return LongDouble(
        isNegative: large.isNegative, bits: high + shifted, exponent: base, isExact: isExact)
    }
    let difference = high - shifted - (isExact ? 0 : 1)
    if difference == 0 { return .zero(isNegative: false) }
    return LongDouble(
      isNegative: large.isNegative, bits: difference, exponent: base, isExact: isExact)
  }

  /// As C's `%.17Lf` writes it, without zeros at the end, which is how Redis stores it.
  var decimalText: [UInt8] {
    var digits = exponent >= 0 ? wholeText : fractionText
    if isNegative, digits != [UInt8(ascii: "0")] { digits.insert(UInt8(ascii: "-"), at: 0) }
    return digits
  }

  private var wholeText: [UInt8] {
    var number = Natural(mantissa)
    number.shiftLeft(by: exponent)
    return number.decimalDigits
  }

  private var fractionText: [UInt8] {
    let one: UInt128 = 100_000_000_000_000_000
    let scaled = UInt128(mantissa) * one
    let drop = -exponent
    guard drop < 128 else { return [UInt8(ascii: "0")] }
    var rounded = scaled >> UInt128(drop)
    let rest = scaled - rounded << UInt128(drop)
    let half: UInt128 = 1 << UInt128(drop - 1)
    if rest > half || rest == half && rounded & 1 == 1 { rounded += 1 }
    let (whole, fraction) = rounded.quotientAndRemainder(dividingBy: one)
    let text = Array(String(whole).utf8)
    guard fraction != 0 else { return text }
    var digits = Array(String(one + fraction).utf8.dropFirst())
    while digits.last == UInt8(ascii: "0") { digits.removeLast() }
    return text + [UInt8(ascii: ".")] + digits
  }
}
