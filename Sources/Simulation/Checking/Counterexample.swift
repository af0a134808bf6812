/// Why the operations on a key have no order.
package struct Counterexample: Sendable {
  /// Some operations of the history that by themselves have no order, by their calls. What returned
  /// after the contradiction has an unknown outcome here.
  package let operations: [RegisterOperation]
  /// How many operations the shortest prefix of the history, by time, has that has no order.
  package let prefixCount: Int
  /// The longest order that was found, as positions in `operations`.
  package let longestOrder: [Int]
  /// What the key holds after `longestOrder`.
  package let held: RegisterValue
  /// The operations with a known outcome that have no place in `longestOrder`, and why each cannot
  /// follow it.
  package private(set) var refusals: [(position: Int, reason: String)] = []

  init(
    operations: [RegisterOperation], prefixCount: Int, longestOrder: [Int], start: RegisterValue
  ) {
    self.operations = operations
    self.prefixCount = prefixCount
    self.longestOrder = longestOrder
    var held = start
    for position in longestOrder { held.apply(operations[position].input) }
    self.held = held
    let placed = Set(longestOrder)
    let left = operations.indices.filter {
      !placed.contains($0) && operations[$0].output != nil
    }
    for position in left { refusals.append((position, reason(position, left: left))) }
  }

  private func reason(_ position: Int, left: [Int]) -> String {
    let operation = operations[position]
    if let earlier = left.first(where: { operations[$0].return < operation.call }) {
      return "began after \(name(earlier)) had returned"
    }
    var after = held
    after.apply(operation.input)
    switch (operation.input, operation.output) {
    case (.get, .value(let read, _)) where read != held.value:
      return "must find the key \(Self.text(read))"
    case (.delete, .missing) where held.value != nil: return "must find the key absent"
    case (.delete, .written) where held.value == nil: return "must find the key there"
    case (.compareAndSet(let expected, _), .written) where expected != held.value,
      (.compareAndSet(let expected, _), .compareFailed) where expected == held.value:
      let verb = operation.output == .compareFailed ? "must not" : "must"
      return "\(verb) find the key \(Self.text(expected))"
    default: break
    }
    if let version = operation.version, version != after.version {
      return "was told version \(version), and here it would be \(after.version)"
    }
    return "would change a key that others must still find \(Self.text(held.value))"
  }

  private static func text(_ value: [UInt8]?) -> String {
    value.map { "at " + RegisterOperation.text($0) } ?? "absent"
  }

  private func name(_ position: Int) -> String { "#\(position + 1)" }
}

extension Counterexample: CustomStringConvertible {
  /// Rows of the table that are shown.
  private static let rowsMax = 40

  /// A table of the operations by time, an order as far as it goes, and why it goes no further.
  package var description: String {
    var rows = [["", "call µs", "return µs", "client", "operation", "answer"]]
    let base = operations.first?.call ?? 0
    // The end of a long one is where the contradiction is.
    let hidden = operations.count > Self.rowsMax ? operations.count - Self.rowsMax : 0
    for (position, operation) in operations.enumerated().dropFirst(hidden) {
      let end =
        operation.output == nil ? "never" : Self.microseconds(operation.return &- base)
      rows.append([
        name(position), Self.microseconds(operation.call &- base), end, "\(operation.client)",
        operation.inputText, operation.outputText,
      ])
    }
    let shown = longestOrder.suffix(Self.rowsMax).map(name).joined(separator: " ")
    let order = longestOrder.count > Self.rowsMax ? "… \(shown)" : shown
    let why = refusals.prefix(Self.rowsMax).map { "  \(name($0.position)) \($0.reason)" }
    return """
      these \(operations.count) of the first \(prefixCount) operations have no order\
      \(hidden > 0 ? " (the first \(hidden) are not shown)" : ""):
      \(Self.table(rows))
      times count from \(base) ns
      possible at most: \(order.isEmpty ? "nothing" : order)
      then the key is \(held.value.map(RegisterOperation.text) ?? "absent"), and:
      \(why.joined(separator: "\n"))
      """
  }

  /// Nanoseconds as microseconds, exactly.
  private static func microseconds(_ nanoseconds: UInt64) -> String {
    let fraction = String(nanoseconds % 1_000)
    let zeros = String(repeating: "0", count: 3 - fraction.count)
    return "\(nanoseconds / 1_000).\(zeros)\(fraction)"
  }

  private static func table(_ rows: [[String]]) -> String {
    var widths = [Int](repeating: 0, count: rows.first?.count ?? 0)
    for row in rows {
      for (column, cell) in row.enumerated() { widths[column] = max(widths[column], cell.count) }
    }
    return rows.map { row in
      var line = " "
      for (column, cell) in row.enumerated() {
        let space = String(repeating: " ", count: widths[column] - cell.count)
        // Numbers to the right, words to the left, and nothing behind the last.
        line += column < 4 ? " \(space)\(cell)" : column < 5 ? "  \(cell)\(space)" : "  \(cell)"
      }
      return line
    }.joined(separator: "\n")
  }
}
