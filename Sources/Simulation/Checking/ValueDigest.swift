/// A digest of a value that can be continued: from the digests of two values follows that of one
/// behind the other, without their bytes.
///
/// Two polynomials modulo 2⁶¹−1, and the length: that two different values of a history share it
/// has a chance below 2⁻⁶⁰ for any history that fits into memory.
struct ValueDigest: Hashable, Sendable {
  private(set) var first: UInt64 = 0
  private(set) var second: UInt64 = 0
  private(set) var count = 0

  static let empty = ValueDigest()

  private init() {}

  init(_ bytes: [UInt8]) {
    for byte in bytes { append(byte) }
  }

  mutating func append(_ byte: UInt8) {
    first = Modular.sum(Modular.product(first, Self.bases.0), UInt64(byte) + 1)
    second = Modular.sum(Modular.product(second, Self.bases.1), UInt64(byte) + 1)
    count += 1
  }

  /// Of this value with `more` behind it.
  func followed(by more: ValueDigest, shift: Shift) -> ValueDigest {
    var digest = self
    digest.first = Modular.sum(Modular.product(first, shift.first), more.first)
    digest.second = Modular.sum(Modular.product(second, shift.second), more.second)
    digest.count += more.count
    return digest
  }

  /// Of what stands behind `head` in this value.
  func without(head: ValueDigest, shift: Shift) -> ValueDigest {
    var digest = self
    digest.first = Modular.difference(first, Modular.product(head.first, shift.first))
    digest.second = Modular.difference(second, Modular.product(head.second, shift.second))
    digest.count -= head.count
    return digest
  }

  /// What moves a digest to make room for `count` bytes behind it.
  struct Shift: Sendable {
    let first: UInt64
    let second: UInt64

    init(count: Int) {
      first = Modular.power(ValueDigest.bases.0, count)
      second = Modular.power(ValueDigest.bases.1, count)
    }
  }

  private static let bases: (UInt64, UInt64) = (0x1B79_F6A9_1C5E_4D37, 0x0E3A_94C7_5D2F_8B61)
}

/// Arithmetic modulo the prime 2⁶¹−1, on numbers below it.
private enum Modular {
  static let prime: UInt64 = 1 << 61 - 1

  @inline(__always)
  static func sum(_ left: UInt64, _ right: UInt64) -> UInt64 {
    let sum = left &+ right
    return sum >= prime ? sum &- prime : sum
  }

  @inline(__always)
  static func difference(_ left: UInt64, _ right: UInt64) -> UInt64 {
    left >= right ? left &- right : left &+ prime &- right
  }

  @inline(__always)
  static func product(_ left: UInt64, _ right: UInt64) -> UInt64 {
    let (high, low) = left.multipliedFullWidth(by: right)
    return sum(low & prime, high << 3 | low >> 61)
  }

  static func power(_ base: UInt64, _ exponent: Int) -> UInt64 {
    var (result, square, left): (UInt64, UInt64, Int) = (1, base, exponent)
    while left > 0 {
      if left & 1 == 1 { result = product(result, square) }
      square = product(square, square)
      left >>= 1
    }
    return result
  }
}
