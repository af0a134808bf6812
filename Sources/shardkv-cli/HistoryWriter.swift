import Basics
import Clerk
import Glibc
import Wire

/// Writes one line of JSON for each operation of a bench, for a checker.
struct HistoryWriter: ~Copyable {
  private let descriptor: Int32
  private let path: String
  private var buffer: [UInt8] = []

  init(path: String) throws(Failure) {
    self.path = path
    descriptor = open(path, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0o644)
    guard descriptor >= 0 else {
      throw Failure(.usage, "cannot write \(path): \(String(cString: strerror(errno)))")
    }
  }

  deinit { close(descriptor) }

  /// Times in nanoseconds of one clock; `value`: what was written; `answer`: what it came to.
  mutating func write(
    client: Int, operation: BenchOperation, key: [UInt8], value: [UInt8]?, call: UInt64,
    end: UInt64, result: String, answer: ClerkOutcome
  ) throws(Failure) {
    let (output, version, applied) = Self.fields(answer)
    let line = JSON.fields([
      "client": .integer(client), "op": .string(operation.rawValue), "key": .bytes(key),
      "value": value.map { .bytes($0) } ?? .null, "call": .count(call), "return": .count(end),
      "result": .string(result), "output": output, "version": version, "applied": applied,
    ])
    buffer += Array(line.text.utf8)
    buffer.append(UInt8(ascii: "\n"))
    if buffer.count > 1 << 20 { try flush() }
  }

  /// What was read, the key's version, and whether a write found what it needs.
  static func fields(_ answer: ClerkOutcome) -> (output: JSON, version: JSON, applied: JSON) {
    switch answer {
    case .reply(.value(let value, let version)): (.bytes(value), .count(version), .null)
    case .reply(.written(.written(let version))): (.null, .count(version), .bool(true))
    case .reply(.written): (.null, .null, .bool(false))
    default: (.null, .null, .null)
    }
  }

  mutating func flush() throws(Failure) {
    var rest = buffer[...]
    while !rest.isEmpty {
      let count = rest.withUnsafeBytes { Glibc.write(descriptor, $0.baseAddress, $0.count) }
      if count < 0, errno == EINTR { continue }
      guard count > 0 else {
        throw Failure(.defect, "cannot write \(path): \(String(cString: strerror(errno)))")
      }
      rest = rest.dropFirst(count)
    }
    buffer.removeAll(keepingCapacity: true)
  }
}
