import Glibc

/// Exit codes, after sysexits.h where it has one.
enum ExitCode: Int32, Error {
  case done = 0
  /// The answer is no: a missing key, a failed compare, a refused change, a failed check.
  case no = 1
  case usage = 64
  /// The cluster did not answer, and nothing was applied.
  case unavailable = 69
  /// A defect of this program.
  case defect = 70
  /// The disks of the group are too full for it, and nothing was applied.
  case noRoom = 73
  /// It was sent, no answer came: it may have been applied.
  case unknown = 75
  /// Ended by Ctrl-C.
  case interrupted = 130
}

/// Where text goes: data to standard output, everything else to standard error.
enum Output {
  static var isTerminal: Bool { isatty(STDOUT_FILENO) == 1 }
  static var messagesAreOnTerminal: Bool { isatty(STDERR_FILENO) == 1 }

  static func data(_ bytes: [UInt8]) { write(bytes, to: STDOUT_FILENO) }

  static func line(_ text: String) { data(Array((text + "\n").utf8)) }

  static func message(_ text: String) { write(Array((text + "\n").utf8), to: STDERR_FILENO) }

  /// Text on the terminal's current line, replacing what is there.
  static func progress(_ text: String) {
    write(Array("\r\u{1B}[K\(text)".utf8), to: STDERR_FILENO)
  }

  private static func write(_ bytes: [UInt8], to descriptor: Int32) {
    var rest = bytes[...]
    while !rest.isEmpty {
      let count = rest.withUnsafeBytes { Glibc.write(descriptor, $0.baseAddress, $0.count) }
      if count >= 0 {
        rest = rest.dropFirst(count)
      } else if errno == EPIPE {
        // The reader has seen enough, as with `| head`.
        exit(141)
      } else if errno != EINTR {
        exit(ExitCode.defect.rawValue)
      }
    }
  }
}

/// Whether and how to colour; colour never carries meaning alone.
struct Style: Sendable {
  var isColoured: Bool

  init(environment: [String: String], isTerminal: Bool) {
    let refused = !(environment["NO_COLOR"] ?? "").isEmpty || environment["TERM"] == "dumb"
    isColoured = isTerminal && !refused
  }

  func bold(_ text: String) -> String { paint(text, "1") }
  func good(_ text: String) -> String { paint(text, "32") }
  func bad(_ text: String) -> String { paint(text, "31") }
  func faint(_ text: String) -> String { paint(text, "2") }

  private func paint(_ text: String, _ code: String) -> String {
    isColoured ? "\u{1B}[\(code)m\(text)\u{1B}[0m" : text
  }
}

/// Columns as wide as their widest cell; the last one is not padded.
func table(_ header: [String], _ rows: [[String]], right: Set<Int> = []) -> [String] {
  var widths = header.map(\.count)
  for row in rows {
    for (column, cell) in row.enumerated() where column < widths.count {
      widths[column] = max(widths[column], cell.count)
    }
  }
  return ([header] + rows).map { row in
    var line = ""
    for (column, cell) in row.enumerated() {
      let padding = String(repeating: " ", count: max(0, widths[column] - cell.count))
      if right.contains(column) {
        line += padding + cell
      } else {
        line += column == row.count - 1 ? cell : cell + padding
      }
      if column < row.count - 1 { line += "  " }
    }
    return line
  }
}

/// `1,234,567`
func grouped(_ number: Int) -> String {
  var out: [Character] = []
  for (index, digit) in String(number.magnitude).reversed().enumerated() {
    if index > 0, index.isMultiple(of: 3) { out.append(",") }
    out.append(digit)
  }
  return (number < 0 ? "-" : "") + String(out.reversed())
}

/// `3.4 MiB`
func sized(_ bytes: UInt64) -> String {
  var value = Double(bytes)
  for unit in ["B", "KiB", "MiB", "GiB"] {
    if value < 1_024 { return "\(unit == "B" ? String(bytes) : fixed(value, 1)) \(unit)" }
    value /= 1_024
  }
  return "\(fixed(value, 1)) TiB"
}

/// A number with that many digits after the point.
func fixed(_ value: Double, _ digits: Int) -> String {
  guard value.isFinite, abs(value) < 1e15 else { return "\(value)" }
  var factor = 1.0
  for _ in 0..<digits { factor *= 10 }
  let scaled = Int((abs(value) * factor).rounded())
  let sign = value < 0 && scaled > 0 ? "-" : ""
  if digits == 0 { return sign + String(scaled) }
  let fraction = String(scaled % Int(factor))
  return sign + "\(scaled / Int(factor))."
    + String(repeating: "0", count: digits - fraction.count) + fraction
}

/// `0-31 40 42-63`
func ranges(_ numbers: [Int]) -> String {
  var parts: [String] = []
  var rest = numbers.sorted()[...]
  while let first = rest.popFirst() {
    var last = first
    while rest.first == last + 1 { last = rest.removeFirst() }
    parts.append(first == last ? "\(first)" : "\(first)-\(last)")
  }
  return parts.isEmpty ? "none" : parts.joined(separator: " ")
}
