/// Decides whether the operations on one key can be put into one order that respects real time and
/// the specification of ``RegisterState``.
///
/// The search of Wing and Gong with Lowe's memory of visited configurations, as Porcupine does it.
package struct LinearizabilityChecker: Sendable {
  package enum Verdict: Sendable {
    case linearizable
    case violation(Counterexample)
    /// The search was cut short after so many steps: it counts as a failure.
    case undecided(steps: Int)
  }

  /// Why no order exists.
  package struct Counterexample: Sendable, CustomStringConvertible {
    /// The shortest prefix of the history, by time, that has no order.
    package var operations: [RegisterOperation]
    /// The longest order that was found, as positions in `operations`.
    package var longestOrder: [Int]
    /// What the key holds after `longestOrder`.
    package var state: RegisterState

    package var description: String {
      let placed = Set(longestOrder)
      let left = operations.indices.filter { !placed.contains($0) }.map { operations[$0] }
      let last = longestOrder.suffix(6).map { operations[$0] }
      let held = state.value.map(RegisterOperation.text) ?? "absent"
      return """
        no order exists for the first \(operations.count) operations
        the longest order ends with:
        \(last.map { "  \($0)" }.joined(separator: "\n"))
        then the key holds \(held) (version \(state.version)), and these cannot follow:
        \(left.prefix(12).map { "  \($0)" }.joined(separator: "\n"))
        """
    }
  }

  /// Attempts to place an operation before the search gives up.
  package var stepsMax: Int

  package init(stepsMax: Int = 20_000_000) { self.stepsMax = stepsMax }

  /// Checks the operations on one key, in any order.
  package func check(_ history: [RegisterOperation]) -> Verdict {
    let operations = history.filter { $0.output != nil || !$0.isRead }
    switch search(operations) {
    case .found: return .linearizable
    case .exhausted(let steps): return .undecided(steps: steps)
    case .none: return shortest(operations)
    }
  }

  private func search(_ operations: [RegisterOperation]) -> LinearizationSearch.Outcome {
    var search = LinearizationSearch(operations, stepsMax: stepsMax)
    return search.run()
  }

  /// Cuts the history after the first return that made it impossible. A history with an order keeps
  /// one when it is cut, so the cut is found by halving.
  private func shortest(_ operations: [RegisterOperation]) -> Verdict {
    let returns = operations.compactMap { $0.output == nil ? nil : $0.return }.sorted()
    var possible = 0
    var impossible = returns.count
    while impossible - possible > 1 {
      let middle = (possible + impossible) / 2
      let prefix = Self.prefix(of: operations, through: returns[middle - 1])
      switch search(prefix) {
      case .found: possible = middle
      case .none: impossible = middle
      case .exhausted(let steps): return .undecided(steps: steps)
      }
    }
    let cut =
      impossible == 0 ? operations : Self.prefix(of: operations, through: returns[impossible - 1])
    guard case .none(let order, let state) = search(cut)
    else { return .undecided(steps: stepsMax) }
    return .violation(Counterexample(operations: cut, longestOrder: order, state: state))
  }

  private static func prefix(
    of operations: [RegisterOperation], through end: UInt64
  ) -> [RegisterOperation] {
    operations.compactMap { operation in
      guard operation.call <= end else { return nil }
      guard operation.return > end else { return operation }
      guard !operation.isRead else { return nil }
      return RegisterOperation(
        client: operation.client, call: operation.call, input: operation.input)
    }
  }
}

/// One run of the search.
private struct LinearizationSearch {
  enum Outcome {
    case found
    case none(longestOrder: [Int], state: RegisterState)
    case exhausted(steps: Int)
  }

  private struct Step {
    var entry: Int
    var before: RegisterState
  }

  private let operations: [RegisterOperation]
  private let stepsMax: Int
  /// Calls and returns by time in a doubly linked list: operation `i` has its call at `2 i` and its
  /// return at `2 i + 1`; the list's head is `2 × count`.
  private var next: [Int]
  private var previous: [Int]
  private var placed: VisitedConfigurations.Bits
  private var visited: VisitedConfigurations
  private var state = RegisterState()
  private var stack: [Step] = []
  private var bestOrder: [Int] = []
  private var bestState = RegisterState()
  private var knownLeft: Int

  init(_ operations: [RegisterOperation], stepsMax: Int) {
    self.operations = operations
    self.stepsMax = stepsMax
    let head = 2 * operations.count
    next = Array(repeating: head, count: head + 1)
    previous = next
    // Calls come before returns at the same time: intervals are closed.
    let order = (0..<head).sorted { left, right in
      let (leftTime, rightTime) = (Self.time(operations, left), Self.time(operations, right))
      return (leftTime, left & 1, left) < (rightTime, right & 1, right)
    }
    var last = head
    for entry in order {
      next[last] = entry
      previous[entry] = last
      last = entry
    }
    next[last] = head
    previous[head] = last
    placed = VisitedConfigurations.Bits(count: operations.count)
    visited = VisitedConfigurations(wordCount: placed.words.count)
    knownLeft = operations.count { $0.output != nil }
  }

  private static func time(_ operations: [RegisterOperation], _ entry: Int) -> UInt64 {
    entry & 1 == 0 ? operations[entry / 2].call : operations[entry / 2].return
  }

  mutating func run() -> Outcome {
    let head = 2 * operations.count
    var entry = next[head]
    var steps = 0
    // Operations with an unknown outcome need not happen: they are left over at the end.
    while knownLeft > 0 {
      steps += 1
      if steps > stepsMax { return .exhausted(steps: steps) }
      if entry & 1 == 0 {
        entry = tryToPlace(entry) ? next[head] : next[entry]
      } else {
        guard let last = stack.popLast() else {
          return .none(longestOrder: bestOrder, state: bestState)
        }
        takeBack(last)
        entry = next[last.entry]
      }
    }
    return .found
  }

  private mutating func tryToPlace(_ entry: Int) -> Bool {
    let operation = operations[entry / 2]
    guard let after = state.step(operation.input, operation.output) else { return false }
    placed.flip(entry / 2)
    guard visited.insert(placed, after) else {
      placed.flip(entry / 2)
      return false
    }
    stack.append(Step(entry: entry, before: state))
    state = after
    unlink(entry)
    unlink(entry + 1)
    if operation.output != nil { knownLeft -= 1 }
    if stack.count > bestOrder.count {
      bestOrder = stack.map { $0.entry / 2 }
      bestState = state
    }
    return true
  }

  private mutating func takeBack(_ step: Step) {
    state = step.before
    placed.flip(step.entry / 2)
    relink(step.entry + 1)
    relink(step.entry)
    if operations[step.entry / 2].output != nil { knownLeft += 1 }
  }

  private mutating func unlink(_ entry: Int) {
    next[previous[entry]] = next[entry]
    previous[next[entry]] = previous[entry]
  }

  private mutating func relink(_ entry: Int) {
    next[previous[entry]] = entry
    previous[next[entry]] = entry
  }
}

/// The configurations (which operations are placed, and the state after them) that were tried.
private struct VisitedConfigurations {
  /// Which operations are placed, with a hash that each flip updates.
  struct Bits {
    var words: [UInt64]
    var digest: UInt64 = 0

    init(count: Int) { words = Array(repeating: 0, count: (count + 63) / 64) }

    mutating func flip(_ index: Int) {
      words[index / 64] ^= 1 << UInt64(index % 64)
      var mixed = (UInt64(index) &+ 1) &* 0x9E37_79B9_7F4A_7C15
      mixed = (mixed ^ (mixed >> 30)) &* 0xBF58_476D_1CE4_E5B9
      mixed = (mixed ^ (mixed >> 27)) &* 0x94D0_49BB_1331_11EB
      digest ^= mixed ^ (mixed >> 31)
    }
  }

  private let wordCount: Int
  /// The newest configuration with a digest; older ones follow by `older`.
  private var newest: [UInt64: Int] = [:]
  private var words: [UInt64] = []
  private var states: [RegisterState] = []
  private var older: [Int] = []

  init(wordCount: Int) { self.wordCount = wordCount }

  /// False if it was there.
  mutating func insert(_ bits: Bits, _ state: RegisterState) -> Bool {
    let digest = bits.digest ^ state.digest ^ (state.version &* 0xD6E8_FEB8_6659_FD93)
    var candidate = newest[digest] ?? -1
    while candidate >= 0 {
      if states[candidate] == state, areEqual(candidate, bits) { return false }
      candidate = older[candidate]
    }
    older.append(newest.updateValue(states.count, forKey: digest) ?? -1)
    states.append(state)
    words.append(contentsOf: bits.words)
    return true
  }

  private func areEqual(_ configuration: Int, _ bits: Bits) -> Bool {
    let start = configuration * wordCount
    for word in 0..<wordCount where words[start + word] != bits.words[word] { return false }
    return true
  }
}
