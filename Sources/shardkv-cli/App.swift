import Arguments
import Basics
import Clerk
import Glibc
import ShardMap
import Wire

/// Why a command ends early: text for standard error, and the exit code.
struct Failure: Error {
  var code: ExitCode
  var message: String

  init(_ code: ExitCode, _ message: String) {
    self.code = code
    self.message = message
  }
}

/// One run of the program: what it was told, and how it reaches the cluster.
struct App {
  let parsed: ParsedCommand
  let endpoints: [String]
  let isJSON: Bool
  /// Nanoseconds.
  let timeout: UInt64
  let style: Style

  init(_ parsed: ParsedCommand, environment: [String: String]) throws(UsageError) {
    self.parsed = parsed
    endpoints = parsed.list("endpoints")
    for endpoint in endpoints where !Self.isAddress(endpoint) {
      throw UsageError("'\(endpoint)' of --endpoints is not HOST:PORT")
    }
    if endpoints.isEmpty { throw UsageError("--endpoints names no address") }
    isJSON = parsed.isOn("json")
    let milliseconds = min(try parsed.milliseconds("timeout") ?? 5_000, 86_400_000)
    timeout = milliseconds * nanosecondsPerMillisecond
    style = Style(environment: environment, isTerminal: Output.isTerminal)
  }

  static func isAddress(_ text: String) -> Bool {
    Endpoint(text).map { $0.port > 0 } ?? false
  }

  func makeClients(count: Int = 1) -> Clients {
    Clients(count: count, controllers: endpoints, seed: Self.randomSeed())
  }

  /// The sessions' nonces come from it, so that it must differ between runs.
  static func randomSeed() -> UInt64 { UInt64.random(in: 1...UInt64.max) }

  func run() throws -> ExitCode {
    switch parsed.command {
    case "get": return try get()
    case "put": return try write(.put(value: try value(1)))
    case "append": return try write(.append(value: try value(1)))
    case "delete": return try write(.delete)
    case "cas": return try compareAndSet()
    case "where": return try locate()
    case "status": return try status()
    case "health": return try health()
    case "join": return try join()
    case "leave": return try leave()
    case "move": return try move()
    case "weight": return try weigh()
    case "policy": return try policy()
    case "drain": return try drain()
    case "undrain": return try undrain()
    case "rebalance": return try rebalance()
    case "group": return try groupCommand()
    case "query": return try query()
    case "history": return try history()
    case "bench": return try bench()
    default: throw Failure(.defect, "'\(parsed.command)' has no implementation")
    }
  }

  /// The reply of one operation; throws what became of it otherwise.
  func reply(
    _ operation: ClerkOperation, _ clients: Clients, refusedCode: ExitCode = .usage
  ) throws(Failure) -> Reply.Body {
    switch clients.run(operation, timeout: timeout) {
    case .reply(.refused(let refusal)):
      if case .invalid(let reason) = refusal { throw Failure(refusedCode, reason) }
      throw Failure(.unavailable, "the cluster refused: \(refusal)")
    case .reply(let body): return body
    case .failed(let error): throw Self.failure(error, refusedCode)
    }
  }

  static func failure(_ error: ClerkError, _ refusedCode: ExitCode) -> Failure {
    let place = error.endpoint.map { ", last asked: \($0)" } ?? ""
    let tries = "(attempts: \(error.attempts)\(place))"
    switch error.code {
    case .invalid: return Failure(refusedCode, error.message)
    case .unavailable:
      return Failure(
        .unavailable,
        "\(error.message) \(tries)\nNothing was applied. 'shardkv-cli status' shows what is up.")
    case .noRoom:
      return Failure(
        .noRoom,
        "\(error.message) \(tries)\nNothing was applied. Delete keys, free disk space on these "
          + "servers or move shards to another group, then ask again; 'shardkv-cli status' shows "
          + "the disks.")
    case .outcomeUnknown:
      return Failure(
        .unknown,
        "\(error.message) \(tries)\nThe write may have been applied: read before retrying.")
    }
  }

  func unexpected(_ body: Reply.Body) -> Failure {
    Failure(.defect, "unexpected reply: \(body)")
  }

  func key() throws(Failure) -> [UInt8] {
    let key = Array((parsed.operands.first ?? "").utf8)
    guard key.count <= Limits.keyBytesMax else {
      throw Failure(.usage, "the key has \(key.count) bytes; at most \(Limits.keyBytesMax) fit")
    }
    return key
  }

  /// The operand at that place as a value; `-` is read from standard input.
  func value(_ index: Int) throws(Failure) -> [UInt8] {
    let operand = parsed.operands.indices.contains(index) ? parsed.operands[index] : ""
    let value = operand == "-" ? try Self.readStandardInput() : Array(operand.utf8)
    guard value.count <= Limits.valueBytesMax else {
      throw Failure(.usage, "the value is larger than \(Limits.valueBytesMax) bytes")
    }
    return value
  }

  private static func readStandardInput() throws(Failure) -> [UInt8] {
    if isatty(STDIN_FILENO) == 1 { Output.message("Reading the value; Ctrl-D ends it.") }
    var content: [UInt8] = []
    var block = [UInt8](repeating: 0, count: 65_536)
    while content.count <= Limits.valueBytesMax {
      let count = read(STDIN_FILENO, &block, block.count)
      if count == 0 { break }
      if count < 0 {
        if errno == EINTR { continue }
        throw Failure(.usage, "cannot read standard input: \(String(cString: strerror(errno)))")
      }
      content += block[..<count]
    }
    return content
  }

  static func number(_ text: String, _ what: String, max limit: UInt64) throws(Failure) -> UInt64 {
    guard let number = UInt64(text), number <= limit else {
      throw Failure(.usage, "'\(text)' is not \(what) (a whole number of 0 to \(limit))")
    }
    return number
  }
}
