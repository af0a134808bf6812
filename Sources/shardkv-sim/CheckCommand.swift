import Arguments
import Glibc
import Simulation

/// `shardkv-sim check`: whether a recorded history is linearizable.
struct CheckCommand {
  private let path: String
  private let checker: LinearizabilityChecker
  private let isJSON: Bool

  init(_ command: ParsedCommand) throws(UsageError) {
    path = command.operands[0]
    checker = LinearizabilityChecker(
      stepsMax: try command.integer("steps", in: 1...1_000_000_000_000) ?? 20_000_000)
    isJSON = command.isOn("json")
  }

  /// The file's name, for people.
  private var name: String { path == "-" ? "standard input" : path }

  func run() throws(UsageError) -> Int32 {
    let reader = try read()
    let history = reader.history
    // A recorder that died before it wrote anything must not look like a cluster that is right.
    guard history.count > 0 else {
      throw UsageError("\(name) has no operation that happened: there is nothing to check")
    }
    let failure = history.check(checker)
    let (verdict, code) =
      switch failure {
      case nil: ("linearizable", SimulatorProgram.ExitCode.fine)
      case let failure? where failure.counterexample != nil:
        ("not linearizable", SimulatorProgram.ExitCode.wrongResult)
      default: ("undecided", SimulatorProgram.ExitCode.noProgress)
      }
    guard !isJSON else {
      Output.write(document(reader, failure, verdict))
      return code
    }
    Output.write(
      "\(history.count) operations on \(history.keys.count) keys, \(reader.unknown) of them with "
        + "unknown outcome; \(reader.failed) more did not happen")
    Output.write(verdict)
    if let failure { Output.write(failure.description) }
    if code == SimulatorProgram.ExitCode.noProgress {
      Output.write("more --steps than \(checker.stepsMax) may decide it")
    }
    return code
  }

  private func document(
    _ reader: HistoryReader, _ failure: History.Failure?, _ verdict: String
  ) -> String {
    var fields = [
      "\"operations\":\(reader.history.count)", "\"keys\":\(reader.history.keys.count)",
      "\"unknown\":\(reader.unknown)", "\"failed\":\(reader.failed)",
      "\"verdict\":\"\(verdict)\"",
    ]
    if let failure { fields.append("\"key\":\(Self.quoted(failure.key))") }
    if let found = failure?.counterexample {
      let operations = found.operations.map { operation in
        let end = operation.output == nil ? "null" : String(operation.return)
        return "{\"client\":\(operation.client),\"call\":\(operation.call),\"return\":\(end),"
          + "\"operation\":\(Self.quoted(Array(operation.inputText.utf8))),"
          + "\"answer\":\(Self.quoted(Array(operation.outputText.utf8)))}"
      }
      let refusals = found.refusals.map {
        "{\"operation\":\($0.position),\"reason\":\(Self.quoted(Array($0.reason.utf8)))}"
      }
      fields += [
        "\"prefix\":\(found.prefixCount)",
        "\"counterexample\":[\(operations.joined(separator: ","))]",
        "\"longestOrder\":[\(found.longestOrder.map(String.init).joined(separator: ","))]",
        "\"refusals\":[\(refusals.joined(separator: ","))]",
      ]
    }
    return "{\(fields.joined(separator: ","))}"
  }

  /// A JSON string; bytes that are no text are shown as replacement characters.
  private static func quoted(_ bytes: [UInt8]) -> String {
    var out = "\""
    for scalar in String(decoding: bytes, as: UTF8.self).unicodeScalars {
      switch scalar {
      case "\"": out += "\\\""
      case "\\": out += "\\\\"
      case _ where scalar.value < 0x20 || scalar.value == 0x7F:
        let digits = String(scalar.value, radix: 16)
        out += "\\u" + String(repeating: "0", count: 4 - digits.count) + digits
      default: out.unicodeScalars.append(scalar)
      }
    }
    return out + "\""
  }

  /// Reads the file in pieces, line by line.
  private func read() throws(UsageError) -> HistoryReader {
    let descriptor = path == "-" ? 0 : open(path, O_RDONLY | O_CLOEXEC)
    guard descriptor >= 0 else { throw unreadable() }
    defer { close(descriptor) }
    var reader = HistoryReader()
    var rest: [UInt8] = []
    var chunk = [UInt8](repeating: 0, count: 4 << 20)
    while true {
      let count = Glibc.read(descriptor, &chunk, chunk.count)
      if count < 0, errno == EINTR { continue }
      guard count >= 0 else { throw unreadable() }
      if count == 0 { break }
      let searched = rest.count
      rest += chunk[..<count]
      try takeLines(&rest, searched: searched, &reader)
      guard rest.count <= HistoryReader.lineBytesMax else {
        throw UsageError(
          "\(name), line \(reader.lines + 1): longer than \(HistoryReader.lineBytesMax) bytes; "
            + "expected one JSON object a line")
      }
    }
    if !rest.isEmpty {
      rest.append(UInt8(ascii: "\n"))
      try takeLines(&rest, searched: 0, &reader)
    }
    return reader
  }

  /// Reads the complete lines of `bytes` and removes them; none ends before `searched`.
  private func takeLines(
    _ bytes: inout [UInt8], searched: Int, _ reader: inout HistoryReader
  ) throws(UsageError) {
    var first = 0
    var problem: HistoryReader.Problem?
    bytes.withUnsafeBytes { all in
      var from = searched
      while from < all.count,
        let newline = all[from...].firstIndex(of: UInt8(ascii: "\n"))
      {
        do throws(HistoryReader.Problem) {
          try reader.read(UnsafeRawBufferPointer(rebasing: all[first..<newline]))
        } catch {
          problem = error
          return
        }
        first = newline + 1
        from = first
      }
    }
    if let problem {
      throw UsageError("\(name), \(problem); docs/TESTING.md says what is expected")
    }
    bytes.removeFirst(first)
  }

  private func unreadable() -> UsageError {
    UsageError("cannot read \(name): \(String(cString: strerror(errno)))")
  }
}
