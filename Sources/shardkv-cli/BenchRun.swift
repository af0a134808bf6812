import Basics
import Clerk
import Glibc
import ShardMap
import Wire

/// One run of `bench`: hands requests to clients and records what becomes of them.
struct BenchRun: ~Copyable {
  let options: BenchOptions
  let clients: Clients
  let timeout: UInt64
  /// One for each request that may be in flight: `pipeline` for each client.
  private var flights: [Flight?]
  /// Numbers of `flights` that are free, oldest first.
  private var free: Ring
  private var generator: SeededGenerator
  private let mixTotal: Int
  private(set) var keys: BenchKeys
  private(set) var check = AppendCheck()
  private var history: HistoryWriter?
  private let filler: [UInt8]

  private(set) var latencies = Histogram()
  private(set) var gaps: GapTracker
  private(set) var completed = 0
  private(set) var errors = 0
  private(set) var unknown = 0
  private(set) var firstProblem: String?
  private(set) var start: UInt64 = 0
  private(set) var end: UInt64 = 0
  private(set) var wasInterrupted = false
  private var issued = 0
  private var values = 0
  /// Requests that can never be carried out: going on would only repeat them.
  private var invalid = 0

  private struct Flight {
    var operation: OperationID
    var kind: BenchOperation
    var key: Int
    var token: Int?
    var value: [UInt8]?
    /// When it was sent, and when it should have been.
    var call: UInt64
    var intended: UInt64
  }

  init(_ options: BenchOptions, clients: Clients, layout: ShardLayout, timeout: UInt64)
    throws(Failure)
  {
    self.options = options
    self.clients = clients
    self.timeout = timeout
    flights = Array(repeating: nil, count: options.clients * options.pipeline)
    free = Ring(flights.count)
    generator = SeededGenerator(seed: options.seed)
    mixTotal = options.mix.reduce(0) { $0 + $1.parts }
    // What is verified has to start empty, and so has what a history tells from its beginning.
    let run =
      options.isVerifying || options.history != nil ? String(App.randomSeed(), radix: 36) + ":" : ""
    keys = BenchKeys(count: options.keys, prefix: "bench:\(run)", layout: layout)
    history = try options.history.map { path throws(Failure) in try HistoryWriter(path: path) }
    filler = Array(repeating: UInt8(ascii: "x"), count: options.dataSize)
    gaps = GapTracker(start: 0)
  }

  /// Runs until time or count is reached, then waits for what is still in flight.
  mutating func run(progress: (borrowing BenchRun, UInt64) -> Void) throws(Failure) {
    clients.loop.catchSignals([SIGINT, SIGTERM])
    let begin = clients.now.monotonic
    start = begin + options.warmup
    gaps = GapTracker(start: start)
    let stop = options.duration.map { start + $0 } ?? .max
    var nextLook = begin
    var isStopping = false
    while true {
      let now = clients.now.monotonic
      if now >= nextLook {
        if let configuration = clients.configuration { gaps.adopt(configuration, at: now) }
        progress(self, now)
        nextLook = now + 50 * nanosecondsPerMillisecond
      }
      if !isStopping {
        isStopping = now >= stop || isDone || !clients.loop.takeSignals().isEmpty
        if isStopping {
          end = now
          gaps.finish(at: now)
          wasInterrupted = now < stop && !isDone
        }
      }
      if isStopping, free.count == flights.count { break }
      var wake = nextLook
      if !isStopping { wake = min(wake, min(stop, issue(begin))) }
      for finished in clients.turn(until: wake) { try finish(finished, isStopping) }
    }
    try history?.flush()
  }

  private var isDone: Bool {
    if invalid > 100 { return true }
    guard let requests = options.requests else { return false }
    return completed + errors + unknown >= requests
  }

  /// Sends what is due; when the next one is.
  private mutating func issue(_ begin: UInt64) -> UInt64 {
    while free.count > 0 {
      let now = clients.now.monotonic
      if let requests = options.requests, now >= start {
        let inFlight = flights.count - free.count
        if completed + errors + unknown + inFlight >= requests { return .max }
      }
      var intended = now
      if let rate = options.rate {
        intended = begin + UInt64(Double(issued) * 1e9 / Double(rate))
        if intended > now { return intended }
      }
      if let place = free.take() { send(place, intended) }
    }
    return .max
  }

  private mutating func send(_ place: Int, _ intended: UInt64) {
    let kind = choose()
    let number = generator.next(in: 0..<options.keys)
    let call = clients.now.monotonic
    var key = keys.index(of: number)
    var token: Int?
    var value: [UInt8]?
    if kind == .put || kind == .append {
      if options.isVerifying {
        let size = max(options.dataSize, 12)
        key = keys.indexForAppend(number, bytes: size)
        let mine = check.begin(key: key, call: call)
        token = mine
        value = AppendCheck.token(mine, size: options.dataSize)
      } else {
        if kind == .append { key = keys.indexForAppend(number, bytes: max(options.dataSize, 1)) }
        value = plainValue()
      }
    }
    let operation: ClerkOperation =
      switch kind {
      case .get: .get(key: keys.names[key], options.consistency)
      case .put: .write(key: keys.names[key], .put(value: value ?? []))
      case .append: .write(key: keys.names[key], .append(value: value ?? []))
      case .delete: .write(key: keys.names[key], .delete)
      }
    let id = clients.submit(operation, client: place / options.pipeline, timeout: timeout)
    issued += 1
    flights[place] = Flight(
      operation: id, kind: kind, key: key, token: token, value: value, call: call,
      intended: intended)
  }

  /// Values differ where a history is written, so that a reader can tell them apart.
  private mutating func plainValue() -> [UInt8] {
    if history == nil { return filler }
    values += 1
    return AppendCheck.token(values, size: options.dataSize)
  }

  private mutating func choose() -> BenchOperation {
    if options.mix.count == 1 { return options.mix[0].operation }
    var rest = generator.next(in: 0..<mixTotal)
    for part in options.mix {
      if rest < part.parts { return part.operation }
      rest -= part.parts
    }
    return options.mix[0].operation
  }

  private mutating func finish(_ finished: Clients.Finished, _ isStopping: Bool) throws(Failure) {
    let first = finished.client * options.pipeline
    let places = first..<first + options.pipeline
    guard let place = places.first(where: { flights[$0]?.operation == finished.operation }),
      let flight = flights[place]
    else { return }
    flights[place] = nil
    free.put(place)
    let now = clients.now.monotonic
    let outcome = judge(finished.outcome)
    if let token = flight.token { check.end(token, outcome, at: now) }
    if options.isVerifying, flight.kind == .get, outcome == .acknowledged {
      check.read(key: flight.key, call: flight.call, value: Self.output(finished.outcome) ?? [])
    }
    if history != nil {
      try history?.write(
        client: finished.client, operation: flight.kind, key: keys.names[flight.key],
        value: flight.value, call: flight.call, end: now,
        result: outcome == .acknowledged ? "ok" : outcome == .failed ? "fail" : "unknown",
        answer: finished.outcome)
    }
    if flight.intended < start { return }
    switch outcome {
    case .acknowledged:
      latencies.record(now > flight.intended ? now - flight.intended : 0)
      if isStopping { return }
      completed += 1
      gaps.complete(keys.shards[flight.key], at: now)
    case .failed: errors += 1
    case .unknown, .pending: unknown += 1
    }
  }

  private mutating func judge(_ outcome: ClerkOutcome) -> AppendCheck.Outcome {
    switch outcome {
    case .reply(.value), .reply(.noKey), .reply(.stale), .reply(.written): return .acknowledged
    case .reply(let body):
      firstProblem = firstProblem ?? "unexpected reply: \(body)"
      invalid += 1
      return .unknown
    case .failed(let error):
      firstProblem = firstProblem ?? error.description
      if error.code == .invalid { invalid += 1 }
      return error.mayHaveBeenApplied ? .unknown : .failed
    }
  }

  private static func output(_ outcome: ClerkOutcome) -> [UInt8]? {
    if case .reply(.value(let value, version: _)) = outcome { value } else { nil }
  }
}

/// Numbers taken in the order in which they were put back.
struct Ring: Sendable {
  private var places: [Int]
  private var head = 0
  private(set) var count: Int

  init(_ size: Int) {
    places = Array(0..<size)
    count = size
  }

  mutating func take() -> Int? {
    guard count > 0 else { return nil }
    let place = places[head]
    head = (head + 1) % places.count
    count -= 1
    return place
  }

  mutating func put(_ place: Int) {
    places[(head + count) % places.count] = place
    count += 1
  }
}
