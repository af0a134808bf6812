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

  /// An append of nothing makes a version and leaves the value, so that a read of the value does
  /// not tell which version its writer made.
  @Test func appendOfNothingMakesAVersion() {
    let put = RegisterOperation(client: 1, call: 0, input: .put(Self.bytes("a")))
    let append = RegisterOperation(
      client: 2, call: 2, return: 3, input: .append([]), output: .written(version: 2))
    var read = RegisterOperation(
      client: 3, call: 4, return: 5, input: .get, output: .value(Self.bytes("a"), version: 2))
    #expect(Self.isLinearizable([put, append, read]) == true)
    read.output = .value(Self.bytes("a"), version: 1)
    #expect(Self.isLinearizable([put, append, read]) == false)
  }

  /// A long history in which any one read finds what was overwritten long ago, or was answered
  /// before the write that it found began.
  @Test func anyDamagedReadOfALongHistoryIsFlagged() {
    func history(damaged: Int?, isEarly: Bool) -> [RegisterOperation] {
      (0..<200).flatMap { number in
        let time = UInt64(1_000 * number + 500)
        let put = RegisterOperation(
          client: number % 8, call: time, return: time + 900,
          input: .put(Self.bytes("\(number)")), output: .written(version: nil))
        let isOld = damaged == number && !isEarly
        let found = isOld ? number - 5 : number
        let call = damaged == number && isEarly ? time - 400 : time + 800
        return [
          put,
          RegisterOperation(
            client: 8, call: call, return: call + 300, input: .get,
            output: .value(Self.bytes("\(found)"), version: nil)),
        ]
      }
    }
    #expect(Self.isLinearizable(history(damaged: nil, isEarly: false)) == true)
    for number in stride(from: 5, to: 200, by: 13) {
      #expect(Self.isLinearizable(history(damaged: number, isEarly: false)) == false)
      #expect(Self.isLinearizable(history(damaged: number, isEarly: true)) == false)
    }
  }

  @Test func exhaustedBudgetIsNotAPass() {
    let history = (0..<20).map { client in
      RegisterOperation(
        client: client, call: 0, return: 10, input: .append(Self.bytes("\(client) ")),
        output: .written(version: nil))
    }
    let impossible = RegisterOperation(
      client: 20, call: 20, return: 21, input: .get, output: .value(nil, version: nil))
    let small = LinearizabilityChecker(stepsMax: 10)
    guard case .undecided = small.check(history + [impossible]) else {
      Issue.record("10 steps cannot have placed 20 operations")
      return
    }
  }

  @Test func counterexampleHasOnlyWhatIsNeeded() {
    func put(_ value: String, at call: UInt64) -> RegisterOperation {
      RegisterOperation(
        client: 1, call: call, return: call + 5, input: .put(Self.bytes(value)),
        output: .written(version: nil))
    }
    func read(_ value: String, at call: UInt64) -> RegisterOperation {
      RegisterOperation(
        client: 2, call: call, return: call + 5, input: .get,
        output: .value(Self.bytes(value), version: nil))
    }
    var history: [RegisterOperation] = []
    for time in UInt64(0)..<100 {
      history.append(put("v\(time)", at: 100 * time))
      history.append(read("v\(time)", at: 100 * time + 50))
    }
    history[121] = read("v7", at: 6_050)
    guard case .violation(let found) = Self.checker.check(history) else {
      Issue.record("a read of an old value was accepted")
      return
    }
    // The write, one that came after it, and the read after that.
    #expect(found.operations.count == 3)
    #expect(found.operations.first == history[14])
    #expect(found.operations.last == history[121])
    #expect(found.prefixCount == 122)
    #expect(found.longestOrder == [0])
    #expect(found.held.value == Self.bytes("v7"))
    #expect(found.refusals.map(\.position) == [1, 2])
    #expect(found.description.contains("#3 began after #2 had returned"))
  }

  @Test func readOfWhatNobodyWroteStandsAlone() {
    let write = RegisterOperation(
      client: 1, call: 0, return: 1, input: .put(Self.bytes("a")), output: .written(version: 1))
    let read = RegisterOperation(
      client: 1, call: 2, return: 3, input: .get,
      output: .value(Self.bytes("never written"), version: nil))
    guard case .violation(let found) = Self.checker.check([write, read]) else {
      Issue.record("a read of what nobody wrote was accepted")
      return
    }
    #expect(found.operations == [read])
    #expect(found.description.contains("must find the key at \"never written\""))
  }

  @Test func whatAKeyHeldBeforeTheHistoryCounts() {
    let start = RegisterValue(value: Self.bytes("a"), version: 6)
    let append = RegisterOperation(
      client: 1, call: 0, return: 1, input: .append(Self.bytes("b")), output: .written(version: 7))
    let read = RegisterOperation(
      client: 1, call: 2, return: 3, input: .get,
      output: .value(Self.bytes("ab"), version: 7))
    var history = History()
    history.add(append, key: [1])
    history.add(read, key: [1])
    #expect(history.check()?.counterexample != nil)
    history.setStart(start, key: [1])
    #expect(history.check() == nil)
  }

  /// What is read often and written once costs few steps; so does what has an unknown outcome.
  @Test(arguments: [false, true]) func realisticHistoriesAreDecidedInFewSteps(hasVersions: Bool) {
    #if DEBUG
    let count = 1_000
    #else
    let count = 4_000
    #endif
    for unknown in [0, 0.02, 0.3] {
      var generator = SeededGenerator(seed: 5)
      var held = RegisterValue.absent
      var history: [RegisterOperation] = []
      for number in 0..<count {
        let moment = 1_000 * (number + 10)
        let value = Self.bytes("\(number),")
        let input: RegisterOperation.Input =
          switch generator.next(in: 0..<10) {
          case 0..<5: .get
          case 5..<7: .put(value)
          case 7..<9: .append(value)
          default: .compareAndSet(expected: held.value, value: value)
          }
        var operation = RegisterOperation(
          client: number % 8, call: UInt64(moment - generator.next(in: 0...4_000)), input: input)
        if operation.isRead || !generator.chance(unknown) {
          let before = held.value
          held.apply(input)
          let version = hasVersions && held.value != nil ? held.version : nil
          operation.output =
            input == .get ? .value(before, version: version) : .written(version: version)
          operation.return = UInt64(moment + generator.next(in: 0...4_000))
        } else if generator.chance(0.5) {
          held.apply(input)
        }
        history.append(operation)
      }
      let checker = LinearizabilityChecker(stepsMax: 20 * count)
      guard case .linearizable = checker.check(history) else {
        Issue.record("not decided in 20 steps an operation with \(unknown) unknown")
        continue
      }
    }
  }

  /// Where the value grows with each append, no step may look through all of it.
  @Test func growingValuesAreDecidedInFewSteps() {
    var generator = SeededGenerator(seed: 6)
    var history: [RegisterOperation] = []
    var value: [UInt8] = []
    for number in 0..<600 {
      let moment = 1_000 * (number + 20)
      let piece = Self.bytes("\(number) of what is appended;")
      let isRead = number % 4 == 3
      history.append(
        RegisterOperation(
          client: number % 16, call: UInt64(moment - generator.next(in: 0...8_000)),
          return: UInt64(moment + generator.next(in: 0...8_000)),
          input: isRead ? .get : .append(piece),
          output: isRead ? .value(value, version: nil) : .written(version: nil)))
      if !isRead { value += piece }
    }
    let checker = LinearizabilityChecker(stepsMax: 20 * history.count)
    guard case .linearizable = checker.check(history) else {
      Issue.record("not decided in 20 steps an operation")
      return
    }
    history[599].output = .value(Array(value.dropFirst()), version: nil)
    guard case .violation = checker.check(history) else {
      Issue.record("a read without the first byte was not flagged")
      return
    }
  }
}
