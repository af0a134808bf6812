/// The arguments of SCAN.
package struct ScanOptions: Hashable, Sendable {
  /// Where to go on; 0 begins.
  package let cursor: UInt64
  package var pattern: [UInt8]?
  /// How many keys to look at, at least 1.
  package var count: Int64 = 10
  /// In lower case.
  package var type: String?

  package init(_ arguments: [[UInt8]]) throws(CommandError) {
    guard let cursor = Self.cursor(arguments[1]) else { throw CommandError("ERR invalid cursor") }
    self.cursor = cursor
    var index = 2
    while index < arguments.count {
      guard index + 1 < arguments.count else { throw .syntax }
      let value = arguments[index + 1]
      switch option(arguments[index]) {
      case "count":
        count = try integer(value)
        guard count >= 1 else { throw .syntax }
      case "match": pattern = value == [UInt8(ascii: "*")] ? nil : value
      case "type": type = option(value)
      default: throw .syntax
      }
      index += 2
    }
  }

  /// What C's `strtoul` reads: a sign is allowed, and a negative number wraps.
  private static func cursor(_ text: [UInt8]) -> UInt64? {
    var rest = text.prefix { $0 != 0 }
    let isNegative = rest.first == UInt8(ascii: "-")
    if isNegative || rest.first == UInt8(ascii: "+") { rest = rest.dropFirst() }
    // Nothing at all is 0, but a sign alone is not a number.
    if rest.isEmpty { return text.isEmpty || text.first == 0 ? 0 : nil }
    var value: UInt64 = 0
    for byte in rest {
      guard (0x30...0x39) ~= byte else { return nil }
      let (product, isTooHigh) = value.multipliedReportingOverflow(by: 10)
      let (sum, overflows) = product.addingReportingOverflow(UInt64(byte - 0x30))
      if isTooHigh || overflows { return nil }
      value = sum
    }
    return isNegative ? 0 &- value : value
  }
}
