import Basics
import Clerk

/// A client that goes on reading and writing a few keys and notes what it saw.
final class SwarmClient {
  /// What clients share: the history, and counts of what became of operations.
  final class Notes {
    var history = History()
    var completed = 0
    var unknown = 0
    var unavailable = 0
  }

  private let number: Int
  private let cluster: SimulatedCluster
  private let client: SimulatedCluster.Client
  private let options: SwarmOptions
  private let notes: Notes
  private var generator: SeededGenerator
  private var written = 0
  /// The last value it saw of a key: a good guess for compare-and-set.
  private var seen: [[UInt8]: [UInt8]] = [:]
  /// The operation under way.
  private var open: (operation: RegisterOperation, key: [UInt8])?
  var isBusy: Bool { open != nil }
  var isStopping = false

  /// Nanoseconds that a client waits for an operation while anything may fail.
  static let patience: UInt64 = 5_000_000_000

  init(
    number: Int, cluster: SimulatedCluster, options: SwarmOptions, notes: Notes,
    generator: SeededGenerator
  ) {
    self.number = number
    self.cluster = cluster
    self.options = options
    self.notes = notes
    self.generator = generator
    var settings = ClerkSettings()
    if number <= options.patientClients {
      settings.attemptTimeout = UInt64(options.patience) * nanosecondsPerMillisecond
    }
    if number > options.clients - options.impatientClients {
      settings.attemptTimeout = UInt64(options.impatience) * nanosecondsPerMillisecond
    }
    client = cluster.addClient(settings)
  }

  static func key(_ number: Int) -> [UInt8] { Array("\(number)".utf8) }

  func begin() { pause() }

  private func pause() {
    let delay = UInt64(generator.next(in: options.thinkTime)) * nanosecondsPerMillisecond
    cluster.simulator.after(delay) { [unowned self] in
      if !isStopping { next() }
    }
  }

  private func next() {
    let key = Self.key(generator.next(in: 0..<options.keys))
    run(input(for: key), key: key, timeout: Self.patience) { [unowned self] _ in pause() }
  }

  /// Appends to some key.
  func write(timeout: UInt64, then: @escaping (ClerkOutcome) -> Void) {
    let key = Self.key(generator.next(in: 0..<options.keys))
    run(.append(value()), key: key, timeout: timeout, then: then)
  }

  /// Runs one operation and notes it.
  func run(
    _ input: RegisterOperation.Input, key: [UInt8], timeout: UInt64,
    then: @escaping (ClerkOutcome) -> Void
  ) {
    let call = cluster.simulator.now
    open = (RegisterOperation(client: number, call: call, input: input), key)
    let operation = input.clerkOperation(key: key, anywhere: number <= options.anywhereClients)
    cluster.submit(operation, by: client, timeout: timeout) {
      [unowned self] outcome in
      open = nil
      note(outcome, of: input, key: key, since: call)
      then(outcome)
    }
  }

  /// Nobody waits for the operation under way any more: whether it happened stays unknown.
  func giveUp() {
    guard let open else { return }
    notes.unknown += 1
    notes.history.add(open.operation, key: open.key)
  }

  private func note(
    _ outcome: ClerkOutcome, of input: RegisterOperation.Input, key: [UInt8], since call: UInt64
  ) {
    var operation = RegisterOperation(client: number, call: call, input: input)
    switch Observed(outcome) {
    case .happened(var output):
      if options.bugs.contains(.canary), number == 1, case .value(.some, let version) = output {
        output = .value(nil, version: version)
      }
      operation.return = cluster.simulator.now
      operation.output = output
      if case .value(let value, _) = output { seen[key] = value }
      notes.completed += 1
    case .unknown: notes.unknown += 1
    case .didNotHappen:
      notes.unavailable += 1
      return
    case .nonsense(let text):
      cluster.simulator.fail(.wrongResult, "client \(number) was told \(text) for \(input)")
      return
    }
    cluster.simulator.trace("key \(RegisterOperation.text(key)) \(operation)")
    notes.history.add(operation, key: key)
  }

  private func input(for key: [UInt8]) -> RegisterOperation.Input {
    switch generator.next(in: 0..<10) {
    case 0...3: .get
    case 4, 5: .put(value())
    case 6, 7: .append(value())
    case 8: .compareAndSet(expected: generator.chance(0.8) ? seen[key] : nil, value: value())
    default: .delete
    }
  }

  /// No other client, and not this one again, writes the same.
  private func value() -> [UInt8] {
    written += 1
    let mark = Array("\(number).\(written) ".utf8)
    let padding = max(0, generator.next(in: options.valueBytes) - mark.count)
    return mark + repeatElement(UInt8(ascii: "x"), count: padding)
  }
}
