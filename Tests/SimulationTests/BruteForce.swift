import Basics
import Simulation

/// Linearizability by trying every order, with a specification of its own.
enum BruteForce {
  private struct Held {
    var value: [UInt8]?
    var version: UInt64
  }

  /// Whether some order exists; of operations without an outcome any may be left out.
  static func isLinearizable(
    _ history: [RegisterOperation], start: RegisterValue = .absent
  ) -> Bool {
    place(history, after: Held(value: start.value, version: start.version))
  }

  private static func place(_ left: [RegisterOperation], after held: Held) -> Bool {
    if left.allSatisfy({ $0.output == nil }) { return true }
    for index in left.indices {
      let next = left[index]
      // What ended before this began must come before it.
      if left.contains(where: { $0.output != nil && $0.return < next.call }) { continue }
      guard let after = answer(next, held) else { continue }
      var rest = left
      rest.remove(at: index)
      if place(rest, after: after) { return true }
    }
    return false
  }

  /// What the key holds afterwards, `nil` if the answer cannot have been given.
  private static func answer(_ operation: RegisterOperation, _ held: Held) -> Held? {
    var after = held
    var answer = RegisterOperation.Output.written(version: held.version + 1)
    switch operation.input {
    case .get:
      answer = .value(held.value, version: held.version)
    case .put(let value):
      after = Held(value: value, version: held.version + 1)
    case .append(let more):
      after = Held(value: (held.value ?? []) + more, version: held.version + 1)
    case .delete:
      answer = held.value == nil ? .missing : .written(version: 0)
      after = Held(value: nil, version: 0)
    case .compareAndSet(let expected, let value):
      if held.value == expected {
        after = Held(value: value, version: held.version + 1)
      } else {
        answer = .compareFailed
      }
    }
    guard let told = operation.output else { return after }
    let isTrue =
      switch (told, answer) {
      case (.value(let one, nil), .value(let other, _)): one == other
      case (.written(nil), .written): true
      default: told == answer
      }
    return isTrue ? after : nil
  }
}

/// Small random histories that have an order, and ones that were damaged.
struct SmallHistories {
  private var generator: SeededGenerator
  private var tokens = 0

  init(seed: UInt64) { generator = SeededGenerator(seed: seed) }

  struct Sample {
    var start: RegisterValue
    var operations: [RegisterOperation]
  }

  /// Up to `max` operations around moments at which they take effect. Times often coincide.
  mutating func next(max: Int) -> Sample {
    let hasVersions = generator.chance(0.3)
    let isUnique = generator.chance(0.5)
    let kinds = generator.next(in: 1...5)
    let spread = generator.next(in: 0...6)
    var held: RegisterValue =
      generator.chance(0.8) ? .absent : RegisterValue(value: value(isUnique), version: 3)
    let start = held
    var operations: [RegisterOperation] = []
    for index in 0..<generator.next(in: 1...max) {
      let moment = 3 * index + 10
      let input = input(kinds: kinds, isUnique: isUnique, held: held.value)
      let before = held
      let isUnknown = generator.chance(0.2)
      if !isUnknown || generator.chance(0.5) { held.apply(input) }
      operations.append(
        RegisterOperation(
          client: index, call: UInt64(moment - generator.next(in: 0...spread)),
          return: UInt64(moment + generator.next(in: 0...spread)), input: input,
          output: isUnknown ? nil : output(input, before, hasVersions: hasVersions)))
    }
    return Sample(start: start, operations: operations)
  }

  /// Changes one thing: an answer, an interval, a write that is dropped, or a version.
  mutating func damage(_ operations: inout [RegisterOperation]) {
    guard !operations.isEmpty else { return }
    let one = generator.next(in: 0..<operations.count)
    let other = generator.next(in: 0..<operations.count)
    switch generator.next(in: 0..<4) {
    case 0:
      let sameKind = operations.indices.filter {
        operations[$0].isRead && operations[$0].output != nil
      }
      guard let first = sameKind.first, let last = sameKind.last else { fallthrough }
      let output = operations[first].output
      operations[first].output = operations[last].output
      operations[last].output = output
    case 1:
      let length = operations[one].output == nil ? 0 : operations[one].return - operations[one].call
      operations[one].call = operations[other].call
      if operations[one].output != nil {
        operations[one].return = operations[one].call + length / 2
      }
    case 2:
      if !operations[one].isRead { operations.remove(at: one) }
    default:
      if case .written(let version?) = operations[one].output {
        operations[one].output = .written(version: version + 1)
      } else if operations[one].output != nil {
        operations[one].return = operations[one].call
      }
    }
  }

  private mutating func value(_ isUnique: Bool) -> [UInt8] {
    tokens += 1
    if isUnique { return Array("\(tokens % 97),".utf8) }
    // Short ones, so that different appends make the same value; an empty one is a value too.
    let letters: [[UInt8]] = [[], [97], [98], [97, 97], [97, 98]]
    return letters[generator.next(in: 0..<letters.count)]
  }

  private mutating func input(
    kinds: Int, isUnique: Bool, held: [UInt8]?
  ) -> RegisterOperation.Input {
    switch generator.next(in: 0...kinds) {
    case 0: .get
    case 1: .put(value(isUnique))
    case 2: generator.chance(0.5) ? .get : .put(value(isUnique))
    case 3: .append(value(isUnique))
    case 4:
      .compareAndSet(
        expected: generator.chance(0.6) ? held : generator.chance(0.5) ? nil : value(isUnique),
        value: value(isUnique))
    default: .delete
    }
  }

  private func output(
    _ input: RegisterOperation.Input, _ before: RegisterValue, hasVersions: Bool
  ) -> RegisterOperation.Output {
    var after = before
    after.apply(input)
    let version = hasVersions ? after.version : nil
    switch input {
    case .get: return .value(before.value, version: before.value == nil ? nil : version)
    case .put, .append: return .written(version: version)
    case .delete: return before.value == nil ? .missing : .written(version: version)
    case .compareAndSet(let expected, _):
      return before.value == expected ? .written(version: version) : .compareFailed
    }
  }
}

/// Small histories whose answers, times and versions are drawn without looking at what happened.
struct BlindHistories {
  private var generator: SeededGenerator

  init(seed: UInt64) { generator = SeededGenerator(seed: seed) }

  mutating func next(max: Int) -> SmallHistories.Sample {
    // Few values, of which some are others behind each other, so that answers often fit.
    let letters: [[UInt8]] = [[], [97], [98], [97, 97], [97, 98], [98, 97]]
    let first = generator.next(in: 0..<letters.count)
    let values = Array(letters[first..<generator.next(in: first + 1...letters.count)])
    let versionMax = generator.next(in: 0...4)
    let unknown = [0, 0.1, 0.3, 0.6][generator.next(in: 0..<4)]
    let span = generator.next(in: 1...30)
    let kinds = generator.next(in: 1...4)
    let operations = (0..<generator.next(in: 1...max)).map { client in
      let call = generator.next(in: 0...span)
      let end = call + generator.next(in: 0...span)
      let (input, output) = operation(kinds: kinds, values: values, versionMax: versionMax)
      return RegisterOperation(
        client: client, call: UInt64(call), return: UInt64(end), input: input,
        output: generator.chance(unknown) ? nil : output)
    }
    let isAbsent = generator.chance(0.7)
    return SmallHistories.Sample(
      start: isAbsent ? .absent : RegisterValue(value: one(of: values), version: 1),
      operations: operations)
  }

  private mutating func one(of values: [[UInt8]]) -> [UInt8] {
    values[generator.next(in: 0..<values.count)]
  }

  private mutating func operation(
    kinds: Int, values: [[UInt8]], versionMax: Int
  ) -> (RegisterOperation.Input, RegisterOperation.Output) {
    let isTold = versionMax > 0 && generator.chance(0.8)
    let version = isTold ? UInt64(generator.next(in: 1...max(1, versionMax))) : nil
    let value = one(of: values)
    switch generator.next(in: 0...kinds) {
    case 0:
      let isAbsent = generator.chance(0.3)
      return (.get, isAbsent ? .value(nil, version: nil) : .value(value, version: version))
    case 1: return (.put(value), .written(version: version))
    case 2: return (.append(value), .written(version: version))
    case 3:
      let expected = generator.chance(0.3) ? nil : one(of: values)
      return (
        .compareAndSet(expected: expected, value: value),
        generator.chance(0.3) ? .compareFailed : .written(version: version)
      )
    default:
      let version: UInt64? = versionMax == 0 ? nil : 0
      return (.delete, generator.chance(0.4) ? .missing : .written(version: version))
    }
  }
}
