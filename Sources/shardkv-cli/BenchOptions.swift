import Arguments
import Basics
import Clerk
import ShardMap

/// What one request of a bench does.
enum BenchOperation: String, CaseIterable, Sendable {
  case get, put, append, delete
}

/// What `bench` was told.
struct BenchOptions: Sendable {
  var clients: Int
  var pipeline: Int
  var requests: Int?
  /// Nanoseconds; `nil`: until ``requests`` are done.
  var duration: UInt64?
  var dataSize: Int
  var keys: Int
  var mix: [(operation: BenchOperation, parts: Int)]
  /// Requests a second; `nil`: a closed loop.
  var rate: Int?
  /// Of its gets.
  var consistency: ReadConsistency
  var warmup: UInt64
  var isVerifying: Bool
  var history: String?
  var seed: UInt64

  init(_ parsed: ParsedCommand) throws {
    clients = try parsed.integer("clients", in: 1...10_000) ?? 32
    pipeline = try parsed.integer("pipeline", in: 1...256) ?? 1
    requests = try parsed.integer("requests", in: 1...1_000_000_000)
    duration = try Self.seconds(parsed, "seconds")
    if requests == nil, duration == nil { duration = 10_000_000_000 }
    isVerifying = parsed.isOn("verify")
    dataSize =
      try parsed.integer("data-size", in: 0...Limits.valueBytesMax) ?? (isVerifying ? 0 : 256)
    keys = try parsed.integer("keys", in: 1...10_000_000) ?? 1_000
    rate = try parsed.integer("rate", in: 1...10_000_000)
    warmup = try Self.seconds(parsed, "warmup") ?? 0
    history = parsed["history"]
    seed = UInt64(try parsed.integer("seed") ?? 1)
    mix = try Self.mix(parsed["mix"] ?? "")
    consistency = try ReadConsistency(parsed)
    if consistency == .stale, isVerifying || history != nil {
      throw UsageError("--stale reads may be old: --verify and --history would find them wrong")
    }
    if isVerifying {
      if !parsed.isGiven("mix") { mix = [(.append, 100)] }
      guard mix.allSatisfy({ $0.operation == .append || $0.operation == .get }) else {
        throw UsageError("--verify takes a mix of append and get, such as --mix append=50,get=50")
      }
    }
  }

  private static func seconds(_ parsed: ParsedCommand, _ name: String) throws(UsageError)
    -> UInt64?
  {
    guard let text = parsed[name] else { return nil }
    if let plain = Double(text), plain >= 0, plain <= 1e7 { return UInt64(plain * 1e9) }
    return try parsed.milliseconds(name).map { min($0, 10_000_000_000) * 1_000_000 }
  }

  static func mix(_ text: String) throws(UsageError) -> [(operation: BenchOperation, parts: Int)] {
    var mix: [(operation: BenchOperation, parts: Int)] = []
    for part in text.split(separator: ",") {
      let sides = part.split(separator: "=", maxSplits: 1).map(String.init)
      guard let operation = BenchOperation(rawValue: sides[0]),
        let parts = sides.count == 2 ? Int(sides[1]) : 100, 0...1_000_000 ~= parts
      else {
        throw UsageError(
          "'\(part)' of --mix is not understood; expected parts of get, put, append and delete, "
            + "such as get=90,put=10")
      }
      if parts > 0 { mix.append((operation, parts)) }
    }
    guard !mix.isEmpty else { throw UsageError("--mix names no operation") }
    return mix
  }

  var mixText: String { mix.map { "\($0.operation.rawValue)=\($0.parts)" }.joined(separator: ",") }

  /// In words, for the report's first line.
  var summary: String {
    let depth = pipeline == 1 ? "1 request" : "\(pipeline) requests"
    let loop = rate.map { "open loop of \(grouped($0)) requests/s" } ?? "closed loop"
    let reads =
      switch consistency {
      case .linearizable: ""
      case .linearizableAnywhere: " from any replica"
      case .stale: " of stale values"
      }
    let size = isVerifying && dataSize == 0 ? "tokens as values" : "\(dataSize)-byte values"
    return "\(clients) clients with \(depth) in flight each, \(mixText)\(reads), \(size), "
      + "\(grouped(keys)) keys, \(loop)"
  }

  var json: JSON {
    JSON.fields([
      "clients": .integer(clients), "pipeline": .integer(pipeline),
      "requests": requests.map { .integer($0) } ?? .null,
      "seconds": duration.map { .number(Double($0) / 1e9) } ?? .null,
      "dataSize": .integer(dataSize), "keys": .integer(keys), "mix": .string(mixText),
      "rate": rate.map { .integer($0) } ?? .null, "warmup": .number(Double(warmup) / 1e9),
      "fromAny": .bool(consistency == .linearizableAnywhere),
      "stale": .bool(consistency == .stale),
      "verify": .bool(isVerifying), "history": history.map { .string($0) } ?? .null,
      "seed": .count(seed),
    ])
  }
}
