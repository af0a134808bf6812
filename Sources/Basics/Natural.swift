/// A whole number of any size, for exact decimal texts of binary fractions. Not for secrets, and
/// quadratic: callers bound the number of digits.
package struct Natural: Hashable, Sendable {
  /// Low limb first; the last one is not zero.
  private var limbs: [UInt32]

  package init(_ value: UInt64) {
    limbs = [UInt32(truncatingIfNeeded: value), UInt32(truncatingIfNeeded: value >> 32)]
    trim()
  }

  /// Reads decimal digits; other bytes are a mistake of the caller.
  package init(digits: some Collection<UInt8>) {
    self.init(0)
    var chunk: UInt32 = 0
    var factor: UInt32 = 1
    for digit in digits {
      invariant(digit >= 0x30 && digit <= 0x39, "\(digit) is not a digit")
      chunk = chunk * 10 + UInt32(digit - 0x30)
      factor *= 10
      if factor == Self.chunk {
        multiply(by: factor, adding: chunk)
        chunk = 0
        factor = 1
      }
    }
    if factor > 1 { multiply(by: factor, adding: chunk) }
  }

  package var isZero: Bool { limbs.isEmpty }

  /// How many bits the number has without leading zeros.
  package var bitCount: Int {
    guard let top = limbs.last else { return 0 }
    return limbs.count * 32 - top.leadingZeroBitCount
  }

  package mutating func multiply(by factor: UInt32, adding addend: UInt32 = 0) {
    var carry = UInt64(addend)
    for index in limbs.indices {
      let product = UInt64(limbs[index]) * UInt64(factor) + carry
      limbs[index] = UInt32(truncatingIfNeeded: product)
      carry = product >> 32
    }
    if carry > 0 { limbs.append(UInt32(carry)) }
    trim()
  }

  /// Multiplies by ten as often as `count` says.
  package mutating func scale(byPowersOfTen count: Int) {
    var rest = count
    while rest >= 9 {
      multiply(by: Self.chunk)
      rest -= 9
    }
    for _ in 0..<max(rest, 0) { multiply(by: 10) }
  }

  package mutating func shiftLeft(by count: Int) {
    guard count > 0, !isZero else { return }
    let (whole, bits) = count.quotientAndRemainder(dividingBy: 32)
    if bits > 0 { multiply(by: 1 << UInt32(bits)) }
    limbs.insert(contentsOf: repeatElement(0, count: whole), at: 0)
  }

  /// The whole part of a quotient of at most 127 bits, and whether something is left.
  package static func quotient(_ dividend: Natural, by divisor: Natural)
    -> (value: UInt128, isExact: Bool)
  {
    invariant(!divisor.isZero, "a division by zero")
    var rest = dividend
    var part = divisor
    let steps = dividend.bitCount - divisor.bitCount
    guard steps >= 0 else { return (0, dividend.isZero) }
    invariant(steps < 127, "a quotient of \(steps) bits is too long")
    part.shiftLeft(by: steps)
    var quotient: UInt128 = 0
    for step in 0...steps {
      quotient <<= 1
      if !rest.isLess(than: part) {
        rest.subtract(part)
        quotient |= 1
      }
      if step < steps { part.halve() }
    }
    return (quotient, rest.isZero)
  }

  /// The digits of the number in base ten, most significant first; "0" for zero.
  package var decimalDigits: [UInt8] {
    var rest = self
    var reversed: [UInt8] = []
    while !rest.isZero {
      var chunk = rest.divide(by: Self.chunk)
      for _ in 0..<9 where chunk > 0 || !rest.isZero {
        reversed.append(0x30 + UInt8(chunk % 10))
        chunk /= 10
      }
    }
    return reversed.isEmpty ? [0x30] : reversed.reversed()
  }

  private static let chunk: UInt32 = 1_000_000_000

  private mutating func trim() {
    while limbs.last == 0 { limbs.removeLast() }
  }

  private func isLess(than other: Natural) -> Bool {
    if limbs.count != other.limbs.count { return limbs.count < other.limbs.count }
    for index in limbs.indices.reversed() where limbs[index] != other.limbs[index] {
      return limbs[index] < other.limbs[index]
    }
    return false
  }

  private mutating func subtract(_ other: Natural) {
    var borrow: UInt64 = 0
    for index in limbs.indices {
      let taken = (index < other.limbs.count ? UInt64(other.limbs[index]) : 0) + borrow
      let limb = UInt64(limbs[index])
      borrow = limb < taken ? 1 : 0
      limbs[index] = UInt32(truncatingIfNeeded: limb &- taken)
    }
    invariant(borrow == 0, "a difference below zero")
    trim()
  }

  private mutating func halve() {
    var carry: UInt32 = 0
    for index in limbs.indices.reversed() {
      let limb = limbs[index]
      limbs[index] = limb >> 1 | carry << 31
      carry = limb & 1
    }
    trim()
  }

  /// Divides in place and gives the remainder.
  private mutating func divide(by divisor: UInt32) -> UInt32 {
    var rest: UInt64 = 0
    for index in limbs.indices.reversed() {
      let part = rest << 32 | UInt64(limbs[index])
      limbs[index] = UInt32(truncatingIfNeeded: part / UInt64(divisor))
      rest = part % UInt64(divisor)
    }
    trim()
    return UInt32(rest)
  }
}
