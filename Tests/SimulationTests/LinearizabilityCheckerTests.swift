import Basics
import Simulation
import Testing

struct LinearizabilityCheckerTests {
  static let checker = LinearizabilityChecker()

  static func bytes(_ text: String) -> [UInt8] { Array(text.utf8) }

  static func isLinearizable(_ history: [RegisterOperation]) -> Bool? {
    switch checker.check(history) {
    case .linearizable: true
    case .violation: false
    case .undecided: nil
    }
  }

  @Test func readOfAnOldValueAfterAWriteReturnedIsAViolation() {
    let write = RegisterOperation(
      client: 1, call: 0, return: 10, input: .put(Self.bytes("a")), output: .written(version: 1))
    func read(_ value: String?, at call: UInt64, _ end: UInt64) -> RegisterOperation {
      RegisterOperation(
        client: 2, call: call, return: end, input: .get,
        output: .value(value.map(Self.bytes), version: nil))
    }
    #expect(Self.isLinearizable([write, read(nil, at: 5, 6)]) == true)
    #expect(Self.isLinearizable([write, read("a", at: 5, 6)]) == true)
    // Intervals are closed: a call at the time of a return may come first.
    #expect(Self.isLinearizable([write, read(nil, at: 10, 11)]) == true)
    #expect(Self.isLinearizable([write, read(nil, at: 11, 12)]) == false)
    #expect(Self.isLinearizable([write, read("a", at: 5, 6), read(nil, at: 7, 8)]) == false)
  }

  @Test func unknownOutcomeMayTakeEffectLateOrNever() {
    let write = RegisterOperation(client: 1, call: 5, input: .put(Self.bytes("a")))
    func read(_ value: String?, at call: UInt64) -> RegisterOperation {
      RegisterOperation(
        client: 2, call: call, return: call + 1, input: .get,
        output: .value(value.map(Self.bytes), version: nil))
    }
    #expect(Self.isLinearizable([write]) == true)
    #expect(Self.isLinearizable([write, read(nil, at: 100), read("a", at: 200)]) == true)
    #expect(Self.isLinearizable([write, read("a", at: 100), read(nil, at: 200)]) == false)
    #expect(Self.isLinearizable([write, read("a", at: 1)]) == false)
  }

  @Test func versionsAreChecked() {
    let write = RegisterOperation(
      client: 1, call: 0, return: 1, input: .put(Self.bytes("a")), output: .written(version: 1))
    var append = RegisterOperation(
      client: 1, call: 2, return: 3, input: .append(Self.bytes("b")), output: .written(version: 2))
    #expect(Self.isLinearizable([write, append]) == true)
    append.output = .written(version: 3)
    #expect(Self.isLinearizable([write, append]) == false)
    append.output = nil
    append.return = RegisterOperation.never
    let read = RegisterOperation(
      client: 1, call: 4, return: 5, input: .get, output: .value(Self.bytes("ab"), version: 3))
    #expect(Self.isLinearizable([write, append, read]) == false)
  }

  @Test func exhaustedBudgetIsNotAPass() {
    let history = (0..<20).map { client in
      RegisterOperation(
        client: client, call: 0, return: 10, input: .append(Self.bytes("\(client) ")),
        output: .written(version: nil))
    }
    let impossible = RegisterOperation(
      client: 20, call: 20, return: 21, input: .get, output: .value(nil, version: nil))
    let small = LinearizabilityChecker(stepsMax: 1_000)
    guard case .undecided = small.check(history + [impossible]) else {
      Issue.record("1,000 steps cannot have decided it")
      return
    }
  }

  @Test func counterexampleIsCutAfterTheFirstImpossibleReturn() {
    var maker = HistoryMaker(seed: 3)
    var history = maker.sequential(count: 100)
    history[50].output = .value(Self.bytes("never written"), version: nil)
    history[50].input = .get
    guard case .violation(let counterexample) = Self.checker.check(history) else {
      Issue.record("a read of what nobody wrote was accepted")
      return
    }
    #expect(counterexample.operations.count == 51)
    #expect(counterexample.longestOrder.count == 50)
    #expect(counterexample.description.contains("never written"))
  }

  /// Every order is tried; the checker must say the same. Half of the histories are damaged.
  @Test func agreesWithTryingEveryOrder() {
    #if DEBUG
    let rounds = 3_000
    #else
    let rounds = 120_000
    #endif
    var maker = HistoryMaker(seed: 42)
    var verdicts = (possible: 0, impossible: 0)
    for round in 0..<rounds {
      let history = maker.concurrent(count: 2 + round % 6, damaged: round % 2 == 0)
      let expected = everyOrder(of: history)
      let found = Self.isLinearizable(history)
      #expect(found == expected, "\(history)")
      if found != expected { return }
      if expected { verdicts.possible += 1 } else { verdicts.impossible += 1 }
    }
    #expect(verdicts.possible > rounds / 5)
    #expect(verdicts.impossible > rounds / 10)
  }

  /// A sequential history with unique values has one order only, so any changed read must be seen.
  @Test func changedHistoriesAreFlagged() {
    for seed in 0..<200 {
      var maker = HistoryMaker(seed: UInt64(seed))
      let history = maker.sequential(count: 40)
      #expect(Self.isLinearizable(history) == true)
      let reads = history.indices.filter { history[$0].isRead }
      guard let first = reads.first, let last = reads.last,
        history[first].output != history[last].output
      else { continue }
      var swapped = history
      swapped[first].output = history[last].output
      swapped[last].output = history[first].output
      #expect(Self.isLinearizable(swapped) == false)
      var moved = history
      moved[last].call = 1
      moved[last].return = 2
      #expect(Self.isLinearizable(moved) == (history[last].output == .value(nil, version: nil)))
    }
  }

  private func everyOrder(of history: [RegisterOperation]) -> Bool {
    func place(_ left: [RegisterOperation], after state: RegisterState) -> Bool {
      if left.allSatisfy({ $0.output == nil }) { return true }
      let firstReturn = left.map(\.return).min() ?? 0
      for index in left.indices where left[index].call <= firstReturn {
        guard let next = state.step(left[index].input, left[index].output) else { continue }
        var rest = left
        rest.remove(at: index)
        if place(rest, after: next) { return true }
      }
      return false
    }
    return place(history, after: RegisterState())
  }
}

/// Random histories that are linearizable by construction, and damaged ones.
struct HistoryMaker {
  private var generator: SeededGenerator
  private var written = 0

  init(seed: UInt64) { generator = SeededGenerator(seed: seed) }

  /// One client, one operation after the other.
  mutating func sequential(count: Int) -> [RegisterOperation] {
    var state = RegisterState()
    return (0..<count).map { index in
      let time = UInt64(10 + 10 * index)
      let input = self.input(smallValues: false)
      let output = run(input, on: &state)
      return RegisterOperation(
        client: 1, call: time, return: time + 5, input: input, output: output)
    }
  }

  /// Operations around random moments at which they take effect; some never learn of it.
  mutating func concurrent(count: Int, damaged: Bool) -> [RegisterOperation] {
    var state = RegisterState()
    var history: [RegisterOperation] = []
    for index in 0..<count {
      let moment = 20 * (index + 1)
      let input = self.input(smallValues: true)
      let output = run(input, on: &state)
      let isUnknown = input != .get && generator.chance(0.2)
      history.append(
        RegisterOperation(
          client: index, call: UInt64(moment - generator.next(in: 0...min(moment, 60))),
          return: UInt64(moment + generator.next(in: 0...60)), input: input,
          output: isUnknown ? nil : output))
    }
    if damaged {
      let (one, other) = (generator.next(in: 0..<count), generator.next(in: 0..<count))
      switch generator.next(in: 0..<3) {
      case 0:
        if history[one].isRead == history[other].isRead, history[one].output != nil,
          history[other].output != nil
        {
          let output = history[one].output
          history[one].output = history[other].output
          history[other].output = output
        }
      case 1: history[one].input = self.input(smallValues: true)
      default:
        if history[one].output != nil {
          history[one].return = history[one].call
        }
      }
    }
    return history.filter { !$0.isRead || $0.output != nil }
  }

  private mutating func input(smallValues: Bool) -> RegisterOperation.Input {
    written += 1
    func value(_ maker: inout HistoryMaker) -> [UInt8] {
      smallValues
        ? [UInt8(97 + maker.generator.next(in: 0..<3))] : Array("v\(maker.written) ".utf8)
    }
    return switch generator.next(in: 0..<8) {
    case 0...2: .get
    case 3: .put(value(&self))
    case 4, 5: .append(value(&self))
    case 6: .delete
    default:
      .compareAndSet(
        expected: generator.chance(0.5) ? nil : value(&self), value: value(&self))
    }
  }

  private func run(
    _ input: RegisterOperation.Input, on state: inout RegisterState
  ) -> RegisterOperation.Output {
    let outputs: [RegisterOperation.Output] = [
      .value(state.value, version: nil), .written(version: nil), .missing, .compareFailed,
    ]
    for output in outputs {
      if let next = state.step(input, output) {
        state = next
        return output
      }
    }
    return .compareFailed
  }
}
