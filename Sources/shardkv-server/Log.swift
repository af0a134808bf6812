import Glibc
import ShardKVServer

/// Lines on stderr, one for each event: time in UTC, level, text.
struct Log {
  private let least: Int

  init(least: NodeEvent.Level) { self.least = Self.rank(least) }

  func write(_ level: NodeEvent.Level, _ message: String) {
    if Self.rank(level) < least { return }
    let name = level.rawValue
    let padding = String(repeating: " ", count: max(0, 7 - name.count))
    // One event stays one line, whatever a stranger's text in it contains.
    let text = message.map { $0.isNewline ? " " : $0 }
    Self.put("\(Self.time()) \(name)\(padding) \(String(text))\n", on: STDERR_FILENO)
  }

  func write(_ events: [NodeEvent]) {
    for event in events { write(event.level, event.message) }
  }

  /// Writes all of the text; a descriptor that cannot be written to loses it, since there is
  /// nowhere to complain.
  static func put(_ text: String, on descriptor: Int32) {
    var rest = Array(text.utf8)[...]
    while !rest.isEmpty {
      let written = rest.withUnsafeBytes { Glibc.write(descriptor, $0.baseAddress, $0.count) }
      if written < 0, errno == EINTR { continue }
      if written <= 0 { return }
      rest = rest.dropFirst(written)
    }
  }

  private static func rank(_ level: NodeEvent.Level) -> Int {
    switch level {
    case .debug: 0
    case .info: 1
    case .warning: 2
    case .error: 3
    }
  }

  /// As RFC 3339 with milliseconds.
  private static func time() -> String {
    var now = timespec()
    clock_gettime(CLOCK_REALTIME, &now)
    var parts = tm()
    gmtime_r(&now.tv_sec, &parts)
    let date = [parts.tm_year + 1900, parts.tm_mon + 1, parts.tm_mday].map { pad(Int($0), 2) }
    let clock = [parts.tm_hour, parts.tm_min, parts.tm_sec].map { pad(Int($0), 2) }
    return date.joined(separator: "-") + "T" + clock.joined(separator: ":") + "."
      + pad(now.tv_nsec / 1_000_000, 3) + "Z"
  }

  private static func pad(_ number: Int, _ width: Int) -> String {
    let digits = String(number)
    return String(repeating: "0", count: max(0, width - digits.count)) + digits
  }
}
