import Glibc

/// A moment as RFC 3339 writes it, in UTC, to the second.
struct UniversalTime {
  var text: String

  /// Since 1970.
  init(milliseconds: UInt64) {
    var seconds = time_t(clamping: milliseconds / 1_000)
    var parts = tm()
    guard gmtime_r(&seconds, &parts) != nil else {
      text = "?"
      return
    }
    func padded(_ number: Int32, _ width: Int) -> String {
      let digits = String(number)
      return String(repeating: "0", count: max(0, width - digits.count)) + digits
    }
    let date = [
      padded(parts.tm_year + 1900, 4), padded(parts.tm_mon + 1, 2), padded(parts.tm_mday, 2),
    ]
    let clock = [padded(parts.tm_hour, 2), padded(parts.tm_min, 2), padded(parts.tm_sec, 2)]
    text = date.joined(separator: "-") + "T" + clock.joined(separator: ":") + "Z"
  }
}
