import Simulation
import Testing

/// The checker against trying every order, on random histories of up to 8 operations.
struct BruteForceTests {
  #if DEBUG
  static let rounds = 4_000
  #else
  static let rounds = 100_000
  #endif

  /// Half of the histories are damaged, once or twice.
  @Test func agreesOnRandomHistories() {
    var maker = SmallHistories(seed: 42)
    let (possible, impossible) = Self.compare { round in
      var sample = maker.next(max: 8)
      if round % 2 == 1 { maker.damage(&sample.operations) }
      if round % 4 == 3 { maker.damage(&sample.operations) }
      return sample
    }
    #expect(possible > Self.rounds / 2)
    #expect(impossible > Self.rounds / 10)
  }

  /// Most of these have no order, for reasons that nobody thought of.
  @Test func agreesOnAnswersThatWereDrawnBlindly() {
    var maker = BlindHistories(seed: 42)
    let (possible, impossible) = Self.compare { _ in maker.next(max: 6) }
    #expect(possible > Self.rounds / 4)
    #expect(impossible > Self.rounds / 2)
  }

  /// How many of the histories had an order and how many had none; ends at the first disagreement.
  private static func compare(
    _ next: (Int) -> SmallHistories.Sample
  ) -> (possible: Int, impossible: Int) {
    var (possible, impossible) = (0, 0)
    for round in 0..<rounds {
      let sample = next(round)
      let expected = BruteForce.isLinearizable(sample.operations, start: sample.start)
      if expected { possible += 1 } else { impossible += 1 }
      switch LinearizabilityChecker().check(sample.operations, start: sample.start) {
      case .linearizable where expected: continue
      case .violation(let counterexample) where !expected:
        // What is shown must be impossible by itself.
        let shown = counterexample.operations
        guard BruteForce.isLinearizable(shown, start: sample.start) else { continue }
        Issue.record("\(shown) has an order; shown for \(sample)")
      case let verdict:
        Issue.record("\(verdict) instead of \(expected) for \(sample)")
      }
      break
    }
    return (possible, impossible)
  }

  /// A contradiction is not made by hiding where a value came from.
  @Test func writersOfShownReadsAreShown() {
    var maker = SmallHistories(seed: 7)
    var seen = 0
    for _ in 0..<Self.rounds {
      var sample = maker.next(max: 8)
      maker.damage(&sample.operations)
      let verdict = LinearizabilityChecker().check(sample.operations, start: sample.start)
      guard case .violation(let counterexample) = verdict else { continue }
      let shown = counterexample.operations.map(\.input)
      for operation in counterexample.operations {
        guard case .value(let read?, _) = operation.output else { continue }
        let writers = Set(
          sample.operations.map(\.input).filter { input in
            switch input {
            case .put(let value), .append(let value), .compareAndSet(_, let value): value == read
            case .get, .delete: false
            }
          })
        // What an append leads to depends on what was there before.
        if case .append? = writers.first { continue }
        guard writers.count == 1, let writer = writers.first, !read.isEmpty,
          sample.operations.contains(where: {
            $0.input == writer && $0.call <= operation.return && $0.output != .compareFailed
          })
        else { continue }
        seen += 1
        guard shown.contains(writer) else {
          Issue.record("\(counterexample) hides who wrote what \(operation) found, of \(sample)")
          return
        }
      }
    }
    #expect(seen > Self.rounds / 100)
  }
}
