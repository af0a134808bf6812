import Basics

extension LongDouble {
  /// Reads what C's `strtold` reads, all of it: decimal or hexadecimal with an exponent, or
  /// infinity. `nil` for anything else, for blanks, for what is too large or rounds to zero, as
  /// Redis has it (string2ld in util.c).
  package init?(_ text: [UInt8]) {
    guard !text.isEmpty, text.count < Self.textBytesMax else { return nil }
    var rest = text[...]
    let isNegative = rest.first == UInt8(ascii: "-")
    if isNegative || rest.first == UInt8(ascii: "+") { rest = rest.dropFirst() }
    let word = rest.count <= 8 ? String(decoding: rest, as: UTF8.self).lowercased() : ""
    if word == "inf" || word == "infinity" {
      self = .infinity(isNegative: isNegative)
      return
    }
    let isHexadecimal =
      rest.count > 2 && rest.first == UInt8(ascii: "0")
      && rest[rest.startIndex + 1] | 0x20 == UInt8(ascii: "x")
    if isHexadecimal { rest = rest.dropFirst(2) }
    guard let number = Numeral(rest, base: isHexadecimal ? 16 : 10) else { return nil }
    guard !number.digits.isEmpty else {
      self = .zero(isNegative: isNegative)
      return
    }
    let value =
      isHexadecimal
      ? Self.hexadecimal(number, isNegative) : Self.decimal(number, isNegative)
    guard let value, value.mantissa != 0 else { return nil }
    self = value
  }

  private static func hexadecimal(_ number: Numeral, _ isNegative: Bool) -> LongDouble? {
    var bits: UInt128 = 0
    var isExact = true
    var exponent = number.exponent
    for digit in number.digits {
      if bits >> 120 == 0 {
        bits = bits << 4 | UInt128(digit)
      } else {
        isExact = isExact && digit == 0
        exponent += 4
      }
    }
    return LongDouble(isNegative: isNegative, bits: bits, exponent: exponent, isExact: isExact)
  }

  private static func decimal(_ number: Numeral, _ isNegative: Bool) -> LongDouble? {
    let magnitude = number.digits.count + number.exponent
    // Above 10^4933 or below 10^-4952 the format ends.
    guard magnitude <= 4934, magnitude >= -4960 else { return nil }
    if number.digits.count <= 19, number.exponent == 0 {
      let value = number.digits.reduce(UInt128(0)) { $0 * 10 + UInt128($1) }
      return LongDouble(isNegative: isNegative, bits: value, exponent: 0, isExact: true)
    }
    var dividend = Natural(digits: number.digits.map { $0 + 0x30 })
    var divisor = Natural(1)
    dividend.scale(byPowersOfTen: number.exponent)
    divisor.scale(byPowersOfTen: -number.exponent)
    // A quotient of 66 or 67 bits, so that rounding to 64 sees a half.
    let shift = 66 - (dividend.bitCount - divisor.bitCount)
    dividend.shiftLeft(by: shift)
    divisor.shiftLeft(by: -shift)
    let (bits, isExact) = Natural.quotient(dividend, by: divisor)
    return LongDouble(isNegative: isNegative, bits: bits, exponent: -shift, isExact: isExact)
  }

  /// Digits without zeros around them, and the power that they are multiplied with: of ten, or of
  /// two for hexadecimal ones.
  private struct Numeral {
    var digits: [UInt8] = []
    var exponent = 0

    init?(_ text: ArraySlice<UInt8>, base: UInt8) {
      var index = text.startIndex
      var count = 0
      var isBehindPoint = false
      let perDigit = base == 16 ? 4 : 1
      while index < text.endIndex {
        let byte = text[index]
        if byte == UInt8(ascii: "."), !isBehindPoint {
          isBehindPoint = true
        } else if let digit = Self.digit(byte), digit < base {
          count += 1
          digits.append(digit)
          if isBehindPoint { exponent -= perDigit }
        } else {
          break
        }
        index += 1
      }
      guard count > 0 else { return nil }
      if index < text.endIndex {
        guard text[index] | 0x20 == UInt8(ascii: base == 16 ? "p" : "e"),
          let power = Self.power(text[(index + 1)...])
        else { return nil }
        exponent += power
      }
      digits.removeFirst(digits.prefix { $0 == 0 }.count)
      while digits.last == 0 {
        digits.removeLast()
        exponent += perDigit
      }
    }

    private static func digit(_ byte: UInt8) -> UInt8? {
      switch byte {
      case 0x30...0x39: byte - 0x30
      case 0x41...0x46: byte - 0x41 + 10
      case 0x61...0x66: byte - 0x61 + 10
      default: nil
      }
    }

    /// An exponent, cut to what is far outside of the format.
    private static func power(_ text: ArraySlice<UInt8>) -> Int? {
      let isNegative = text.first == UInt8(ascii: "-")
      let digits = isNegative || text.first == UInt8(ascii: "+") ? text.dropFirst() : text
      guard !digits.isEmpty else { return nil }
      var value = 0
      for byte in digits {
        guard (0x30...0x39) ~= byte else { return nil }
        value = min(value * 10 + Int(byte - 0x30), 1_000_000)
      }
      return isNegative ? -value : value
    }
  }
}
