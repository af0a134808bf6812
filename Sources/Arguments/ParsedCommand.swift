/// A command with its operands and the values of all flags that have one.
package struct ParsedCommand: Sendable {
  struct Value: Sendable {
    var text: String
    /// The flag or variable it came from, for messages.
    var source: String
  }

  package var command: String
  package var operands: [String]
  var values: [String: Value] = [:]
  var given: Set<String> = []

  /// The flag's text: given, from the environment, or its default.
  package subscript(name: String) -> String? { values[name]?.text }

  /// Whether a switch is on.
  package func isOn(_ name: String) -> Bool { values[name]?.text == "true" }

  /// Whether the flag was given on the command line or in the environment.
  package func isGiven(_ name: String) -> Bool { given.contains(name) }

  /// The flag's text; throws where there is none.
  package func required(_ name: String) throws(UsageError) -> String {
    guard let value = values[name] else {
      throw UsageError("'\(command)' needs --\(name)")
    }
    return value.text
  }

  /// A whole number of `range`; `nil` where the flag has no value.
  package func integer(
    _ name: String, in range: ClosedRange<Int> = 0...Int.max
  ) throws(UsageError) -> Int? {
    guard let value = values[name] else { return nil }
    guard let number = Int(value.text), range.contains(number) else {
      throw bad(value, "a whole number of \(range.lowerBound) to \(range.upperBound)")
    }
    return number
  }

  /// Milliseconds of a duration with its unit: `250ms`, `5s`, `2m`, `1h`.
  package func milliseconds(_ name: String) throws(UsageError) -> UInt64? {
    guard let value = values[name] else { return nil }
    let digits = value.text.prefix { $0.isASCII && $0.isNumber }
    let factors: [String: UInt64] = ["ms": 1, "s": 1_000, "m": 60_000, "h": 3_600_000]
    guard let number = UInt64(digits), let factor = factors[String(value.text[digits.endIndex...])],
      case (let product, false) = number.multipliedReportingOverflow(by: factor)
    else { throw bad(value, "a duration such as 250ms, 5s, 2m or 1h") }
    return product
  }

  /// The parts between commas, without empty ones; empty where the flag has no value.
  package func list(_ name: String) -> [String] {
    (values[name]?.text ?? "").split(separator: ",").map(String.init)
  }

  /// One of `choices`; throws with all of them.
  package func choice(
    _ name: String, of choices: [String]
  ) throws(UsageError) -> String? {
    guard let value = values[name] else { return nil }
    guard choices.contains(value.text) else {
      throw bad(value, choices.joined(separator: ", "))
    }
    return value.text
  }

  private func bad(_ value: Value, _ expected: String) -> UsageError {
    UsageError("'\(value.text)' of \(value.source) is not understood; expected \(expected)")
  }
}
