import RESP

/// The name of an option: what stands before a NUL, in lower case, since Redis compares C strings.
func option(_ bytes: [UInt8]) -> String {
  String(decoding: bytes.lazy.prefix { $0 != 0 }.map(asciiLowercased), as: UTF8.self)
}

func integer(_ bytes: [UInt8]) throws(CommandError) -> Int64 {
  guard let value = strictInteger(bytes) else { throw .notAnInteger }
  return value
}

/// A time to live or a deadline as it stands in a command.
package struct ExpiryArgument: Hashable, Sendable {
  /// `nil`: not an integer. GETEX complains of it only when the key is there.
  package let amount: Int64?
  package let isSeconds: Bool
  /// Counted from 1970 and not from now.
  package let isAbsolute: Bool

  /// Milliseconds since 1970. Must be above zero and within 64 bits.
  package func deadline(now: Int64, command: String) throws(CommandError) -> Int64 {
    guard let amount else { throw .notAnInteger }
    guard amount > 0, !isSeconds || amount <= Int64.max / 1000 else { throw .expireTime(command) }
    let milliseconds = isSeconds ? amount * 1000 : amount
    let (sum, overflows) = milliseconds.addingReportingOverflow(isAbsolute ? 0 : now)
    guard !overflows, sum > 0 else { throw .expireTime(command) }
    return sum
  }

  init?(option: String, _ argument: [UInt8]) {
    switch option {
    case "ex": (isSeconds, isAbsolute) = (true, false)
    case "px": (isSeconds, isAbsolute) = (false, false)
    case "exat": (isSeconds, isAbsolute) = (true, true)
    case "pxat": (isSeconds, isAbsolute) = (false, true)
    default: return nil
    }
    amount = strictInteger(argument)
  }
}
