import Simulation
import Testing

struct HistoryReaderTests {
  static func read(_ text: String) throws -> HistoryReader {
    var reader = HistoryReader()
    for line in text.split(separator: "\n", omittingEmptySubsequences: false) {
      try Array(line.utf8).withUnsafeBytes { try reader.read($0) }
    }
    return reader
  }

  static func problem(_ text: String) -> String? {
    do {
      _ = try read(text)
      return nil
    } catch {
      return "\(error)"
    }
  }

  @Test func linesBecomeOperations() throws {
    let reader = try Self.read(
      #"""
      {"client":3,"op":"put","key":"k","value":"a\n","call":10,"return":20,"result":"ok","version":1}
      {"client":4,"op":"get","key":"k","value":null,"call":11,"return":21,"result":"ok","output":"a\n","version":1}

      {"client":4,"op":"get","key":{"b64":"/w=="},"call":1,"return":2,"result":"ok","output":null}
      {"client":5,"op":"cas","key":"k","value":"b","expected":null,"call":12,"return":13,"result":"ok","applied":false}
      {"client":5,"op":"cas","key":"k","value":"b","expected":"a","call":14,"return":13,"result":"unknown"}
      {"client":6,"op":"delete","key":"k","call":15,"return":16,"result":"ok","applied":true}
      {"client":6,"op":"append","key":"k","value":"c","call":17,"return":18,"result":"fail"}
      """#)
    #expect(reader.history.count == 6)
    #expect(reader.unknown == 1)
    #expect(reader.failed == 1)
    #expect(reader.lines == 8)
    #expect(reader.history.keys == [[0x6B], [0xFF]])
    let operations = reader.history[[0x6B]]
    #expect(operations.map(\.client) == [3, 4, 5, 5, 6])
    #expect(operations[0].input == .put([0x61, 0x0A]))
    #expect(operations[0].output == .written(version: 1))
    #expect(operations[1].output == .value([0x61, 0x0A], version: 1))
    #expect(operations[2].input == .compareAndSet(expected: nil, value: [0x62]))
    #expect(operations[2].output == .compareFailed)
    #expect(operations[3].output == nil && operations[3].return == RegisterOperation.never)
    #expect(operations[4].output == .written(version: nil))
    #expect(reader.history[[0xFF]][0].output == .value(nil, version: nil))
  }

  @Test func startsAreTakenOver() throws {
    let text = #"""
      {"op":"start","key":"k","value":"a"}
      {"client":1,"op":"append","key":"k","value":"b","call":1,"return":2,"result":"ok","version":8}
      {"client":1,"op":"get","key":"k","call":3,"return":4,"result":"ok","output":"ab","version":8}
      """#
    #expect(try Self.read(text).history.check() == nil)
    let absent = text.replacing(#""value":"a""#, with: #""value":null"#)
    #expect(try Self.read(absent).history.check()?.counterexample != nil)
    let versioned = text.replacing(#""value":"a""#, with: #""value":"a","version":7"#)
    #expect(try Self.read(versioned).history.check() == nil)
    let wrong = text.replacing(#""value":"a""#, with: #""value":"a","version":3"#)
    #expect(try Self.read(wrong).history.check()?.counterexample != nil)
  }

  @Test func startsComeFirst() throws {
    let text = #"""
      {"client":1,"op":"put","key":"k","value":"b","call":1,"return":2,"result":"ok","version":8}
      {"op":"start","key":"other","value":"a"}
      {"op":"start","key":"k","value":"a"}
      """#
    #expect(try #require(Self.problem(text)) == "line 3: a start after an operation on its key")
  }

  /// The limit is one of the whole history, whatever its lines hold.
  @Test func longHistoriesAreRefused() throws {
    var reader = HistoryReader(bytesMax: 24)
    let line = Array(repeating: UInt8(ascii: " "), count: 11)
    try line.withUnsafeBytes { try reader.read($0) }
    try line.withUnsafeBytes { try reader.read($0) }
    #expect(throws: HistoryReader.Problem.self) {
      try line.withUnsafeBytes { try reader.read($0) }
    }
  }

  @Test(arguments: [
    ("client", "\"client\""),
    (#"{"client":1}"#, "\"key\""),
    (
      #"{"client":1,"op":"get","key":"k","call":5,"return":4,"result":"ok","output":null}"#,
      "before"
    ),
    (#"{"client":1,"op":"get","key":"k","call":5,"return":6,"result":"ok"}"#, "\"output\""),
    (#"{"client":1,"op":"walk","key":"k","call":5,"return":6,"result":"ok"}"#, "none of get"),
    (#"{"client":1,"op":"get","key":"k","call":-5,"return":6,"result":"ok"}"#, "\"call\""),
    (#"{"client":1,"op":"put","key":"k","call":5,"return":6,"result":"ok"}"#, "\"value\""),
    (
      #"{"client":1,"op":"cas","key":"k","value":"v","call":5,"return":6,"result":"ok"}"#,
      "\"expected\""
    ),
    (#"{"client":1,"op":"delete","key":"k","call":5,"return":6,"result":"ok"}"#, "\"applied\""),
    (#"{"client":1,"op":"get","key":"k","call":5,"return":6,"result":"maybe"}"#, "none of ok"),
    (#"{"client":1,"op":"get","key":{"b64":"="},"call":5,"return":6,"result":"ok"}"#, "base64"),
    (#"{"client":1,"op":"get","key":"k"}{"#, "more after"),
    ("[1]", "no object"),
  ]) func badLinesAreNamed(line: String, expected: String) throws {
    let good = #"{"client":1,"op":"get","key":"k","call":5,"return":6,"result":"fail"}"#
    let problem = try #require(Self.problem(good + "\n" + line))
    #expect(problem.hasPrefix("line 2: "))
    if line != "client" { #expect(problem.contains(expected), "\(problem)") }
  }
}
