/// What clients did and saw, key by key.
package struct History: Sendable {
  /// What is wrong with a history.
  package struct Failure: Sendable, CustomStringConvertible {
    package var key: [UInt8]
    /// `nil`: the check of this key was cut short, so that nothing is known.
    package var counterexample: Counterexample?
    package var description: String
  }

  private var operations: [[UInt8]: [RegisterOperation]] = [:]
  /// What keys held before their first operation; the others were absent.
  private var starts: [[UInt8]: RegisterValue] = [:]
  package private(set) var count = 0

  package init() {}

  /// The keys in ascending order of their bytes.
  package var keys: [[UInt8]] {
    operations.keys.sorted { $0.lexicographicallyPrecedes($1) }
  }

  package subscript(key: [UInt8]) -> [RegisterOperation] { operations[key] ?? [] }

  package mutating func add(_ operation: RegisterOperation, key: [UInt8]) {
    operations[key, default: []].append(operation)
    count += 1
  }

  /// Says what a key held before its first operation.
  package mutating func setStart(_ value: RegisterValue, key: [UInt8]) { starts[key] = value }

  /// What the key held before its first operation.
  package func start(key: [UInt8]) -> RegisterValue { starts[key] ?? .absent }

  /// Checks every key by itself, as linearizability allows; a failure, or `nil`. An undecided check
  /// is a failure.
  ///
  /// Keys that are hard to decide come last: one clear violation is enough.
  package func check(_ checker: LinearizabilityChecker = LinearizabilityChecker()) -> Failure? {
    var left = keys
    var budget = LinearizabilityChecker(stepsMax: min(20_000, checker.stepsMax))
    while true {
      var undecided: [[UInt8]] = []
      for key in left {
        switch budget.check(self[key], start: start(key: key)) {
        case .linearizable: continue
        case .violation(let counterexample):
          let name = RegisterOperation.text(key)
          return Failure(
            key: key, counterexample: counterexample,
            description: "key \(name) is not linearizable: \(counterexample)")
        case .undecided: undecided.append(key)
        }
      }
      guard let first = undecided.first else { return nil }
      guard budget.stepsMax < checker.stepsMax else {
        let (name, count) = (RegisterOperation.text(first), self[first].count)
        return Failure(
          key: first, counterexample: nil,
          description: "key \(name): \(count) operations undecided after \(budget.stepsMax) steps"
            + (undecided.count > 1 ? ", and \(undecided.count - 1) more keys" : ""))
      }
      left = undecided
      budget.stepsMax = min(budget.stepsMax * 10, checker.stepsMax)
    }
  }
}
