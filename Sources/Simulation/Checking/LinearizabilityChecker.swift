/// Decides whether the operations on one key can be put into one order that respects real time and
/// what ``RegisterValue`` says that each of them does. Intervals are closed: an operation that
/// begins when another ends may come before it.
package struct LinearizabilityChecker: Sendable {
  package enum Verdict: Sendable {
    case linearizable
    case violation(Counterexample)
    /// The search was cut short after so many steps: it counts as a failure.
    case undecided(steps: Int)
  }

  /// Attempts to place an operation before the search gives up.
  package var stepsMax: Int

  package init(stepsMax: Int = 20_000_000) { self.stepsMax = stepsMax }

  /// Checks the operations on one key, in any order; `start`: what it held before all of them.
  package func check(
    _ history: [RegisterOperation], start: RegisterValue = .absent
  ) -> Verdict {
    let operations = history.filter { $0.output != nil || !$0.isRead }
      .map { DigestedOperation($0) }
    switch search(operations, start) {
    case .found: return .linearizable
    case .exhausted(let steps): return .undecided(steps: steps)
    case .none: return explain(operations, start)
    }
  }

  func search(
    _ operations: [DigestedOperation], _ start: RegisterValue
  ) -> LinearizationSearch.Outcome {
    var search = LinearizationSearch(
      SearchPlan(operations, start: start), stepsMax: stepsMax)
    return search.run()
  }

  /// The shortest prefix without an order, and of it what is needed for that.
  private func explain(_ operations: [DigestedOperation], _ start: RegisterValue) -> Verdict {
    guard let prefix = shortestPrefix(of: operations, start) else {
      return .undecided(steps: stepsMax)
    }
    var reduction = CounterexampleReduction(prefix, start: start, stepsMax: stepsMax)
    reduction.run()
    let needed = reduction.operations.sorted { $0.operation.call < $1.operation.call }
    guard case .none(let order) = search(needed, start) else {
      return .undecided(steps: stepsMax)
    }
    return .violation(
      Counterexample(
        operations: needed.map(\.operation), prefixCount: prefix.count, longestOrder: order,
        start: start))
  }

  /// Cuts the history after the first return that made it impossible. A history with an order keeps
  /// one when it is cut, so the cut is found by halving. `nil`: undecided.
  private func shortestPrefix(
    of operations: [DigestedOperation], _ start: RegisterValue
  ) -> [DigestedOperation]? {
    let returns = operations.filter { $0.operation.output != nil }.map(\.operation.return).sorted()
    var possible = 0
    var impossible = returns.count
    while impossible - possible > 1 {
      let middle = (possible + impossible) / 2
      switch search(Self.prefix(of: operations, through: returns[middle - 1]), start) {
      case .found: possible = middle
      case .none: impossible = middle
      case .exhausted: return nil
      }
    }
    guard impossible > 0 else { return operations }
    return Self.prefix(of: operations, through: returns[impossible - 1])
  }

  private static func prefix(
    of operations: [DigestedOperation], through end: UInt64
  ) -> [DigestedOperation] {
    operations.compactMap { digested in
      let operation = digested.operation
      guard operation.call <= end else { return nil }
      guard operation.return > end else { return digested }
      return operation.isRead ? nil : digested.withUnknownOutcome
    }
  }
}
