/// Takes operations out of a history that has no order, as long as what is left has none either.
///
/// Only such operations are taken out that any order can do without, so that the rest is a proof
/// and no accident of what was taken away: reads and refusals; writes that nothing left can tell
/// from not having happened. What wrote a value that is still read stays.
struct CounterexampleReduction {
  private(set) var operations: [DigestedOperation]
  private let start: RegisterValue
  private let checker: LinearizabilityChecker
  /// Operations that may still be looked at, in all attempts together.
  private var budget = 3_000_000

  init(_ operations: [DigestedOperation], start: RegisterValue, stepsMax: Int) {
    self.operations = operations
    self.start = start
    checker = LinearizabilityChecker(stepsMax: min(stepsMax, 100_000))
  }

  mutating func run() {
    if operations.contains(where: { $0.operation.version != nil }) {
      let plain = operations.map(\.withoutVersion)
      if stillHasNoOrder(plain) { operations = plain }
    }
    // Large pieces of everything first: an attempt costs as much as there is left.
    var size = operations.count
    while size > 1 {
      size /= 2
      takeOutAll(inPiecesOf: size)
    }
    var count = Int.max
    while operations.count < count, budget > 0 {
      count = operations.count
      takeOutAll(inPiecesOf: 1)
    }
  }

  private mutating func takeOutAll(inPiecesOf size: Int) {
    takeOut(
      operations.indices.filter { !Self.writes(operations[$0].operation) }, inPiecesOf: size)
    takeOut(dispensableWrites(), inPiecesOf: size)
  }

  private static func writes(_ operation: RegisterOperation) -> Bool {
    switch operation.output {
    case .missing, .compareFailed: false
    default: !operation.isRead
    }
  }

  private mutating func stillHasNoOrder(_ rest: [DigestedOperation]) -> Bool {
    budget -= rest.count + 1
    if case .none = checker.search(rest, start) { return true }
    return false
  }

  /// Tries to do without each piece of `positions`.
  private mutating func takeOut(_ positions: [Int], inPiecesOf size: Int) {
    var isThere = [Bool](repeating: true, count: operations.count)
    for first in stride(from: 0, to: positions.count, by: size) where budget > 0 {
      let piece = positions[first..<min(first + size, positions.count)]
      for position in piece { isThere[position] = false }
      if !stillHasNoOrder(operations.indices.filter { isThere[$0] }.map { operations[$0] }) {
        for position in piece { isThere[position] = true }
      }
    }
    operations = operations.indices.filter { isThere[$0] }.map { operations[$0] }
  }

  /// Writes without which every order of the rest stays one: what they leave is seen by nobody
  /// before the next value that is put, and nobody left sees a version or that a key was there.
  private func dispensableWrites() -> [Int] {
    let classes = ValueClasses(operations, start: start.value)
    var seesAbsence = classes.growsFromAbsent
    var seesPresence = false
    for digested in operations {
      let operation = digested.operation
      if operation.version != nil || operation.output == .compareFailed { return [] }
      switch (operation.input, operation.output) {
      case (.get, .value(nil, _)), (.delete, .missing), (.compareAndSet(nil, _), _):
        seesAbsence = true
      case (.delete, .written): seesPresence = true
      default: continue
      }
    }
    return operations.indices.filter { position in
      let digested = operations[position]
      guard Self.writes(digested.operation) else { return false }
      guard let written = digested.written else { return !seesAbsence }
      if seesPresence { return false }
      return if case .append = digested.operation.input {
        !classes.isSeen(piece: written)
      } else {
        classes.written(written) == ValueClasses.other
      }
    }
  }
}
