import Foundation
import Simulation
import Testing

private let historiesFolder = ProcessInfo.processInfo.environment["SHARDKV_HISTORIES"].map {
  URL(fileURLWithPath: $0, isDirectory: true)
}

/// Public histories with known verdicts. They are not part of the project: the environment names
/// the folder, and without it these tests are skipped, visibly.
@Suite(
  .enabled(
    if: historiesFolder != nil,
    "SHARDKV_HISTORIES does not name the folder with the histories"))
struct KnownHistoriesTests {
  static func text(_ path: String) throws -> String {
    let folder = try #require(historiesFolder)
    return try String(contentsOf: folder.appendingPathComponent(path), encoding: .utf8)
  }

  @Test func registerHistoriesGetTheirVerdicts() throws {
    let verdicts = try Self.text("verdicts.tsv").split(separator: "\n").map {
      $0.split(separator: "\t").map(String.init)
    }.filter { $0.count == 2 && ($0[1] == "true" || $0[1] == "false") }
    #expect(verdicts.count > 50)
    for verdict in verdicts {
      let history = try Self.registerHistory(Self.text("jepsen/\(verdict[0])"))
      #expect(history.count > 20, "\(verdict[0])")
      Self.expect(history, isLinearizable: verdict[1] == "true", name: verdict[0])
    }
  }

  @Test(arguments: ["c01", "c10", "c50"]) func keyValueHistoriesGetTheirVerdicts(
    _ name: String
  ) throws {
    for (suffix, isLinearizable) in [("ok", true), ("bad", false)] {
      let history = try Self.keyValueHistory(Self.text("kv/\(name)-\(suffix).txt"))
      #expect(history.count > 20)
      let failure = history.check()
      #expect((failure == nil) == isLinearizable, "\(name)-\(suffix): \(failure as Any)")
      if let failure { #expect(!failure.description.contains("undecided")) }
    }
  }

  static func expect(_ history: [RegisterOperation], isLinearizable: Bool, name: String) {
    switch LinearizabilityChecker().check(history) {
    case .linearizable: #expect(isLinearizable, "\(name)")
    case .violation: #expect(!isLinearizable, "\(name)")
    case .undecided(let steps): Issue.record("\(name): undecided after \(steps) steps")
    }
  }

  /// Lines of `INFO jepsen.util - PROCESS  TYPE  OPERATION  VALUE`; the time is the line's number.
  static func registerHistory(_ text: String) throws -> [RegisterOperation] {
    var open: [Int: RegisterOperation] = [:]
    var history: [RegisterOperation] = []
    func number(_ field: Substring) -> [UInt8]? { field == "nil" ? nil : Array(field.utf8) }
    for (line, content) in text.split(separator: "\n").enumerated() {
      let fields = content.split { " \t[]".contains($0) }
      guard fields.count >= 7, fields[0] == "INFO", let process = Int(fields[3]) else { continue }
      let time = UInt64(line)
      switch (fields[4], fields[5]) {
      case (":invoke", ":read"):
        open[process] = RegisterOperation(client: process, call: time, input: .get)
      case (":invoke", ":write"):
        let value = try #require(number(fields[6]))
        open[process] = RegisterOperation(client: process, call: time, input: .put(value))
      case (":invoke", ":cas"):
        let value = try #require(number(fields[7]))
        open[process] = RegisterOperation(
          client: process, call: time,
          input: .compareAndSet(expected: number(fields[6]), value: value))
      case (":fail", ":read"):
        open[process] = nil
      case (":ok", _), (":fail", ":cas"):
        let invoked = open.removeValue(forKey: process)
        var operation = try #require(invoked)
        operation.return = time
        operation.output =
          fields[4] == ":fail"
          ? .compareFailed
          : operation.isRead ? .value(number(fields[6]), version: nil) : .written(version: nil)
        history.append(operation)
      default: continue
      }
    }
    return history + open.keys.sorted().compactMap { open[$0] }
  }

  /// Lines of `{:process 0, :type :invoke, :f :append, :key "0", :value "x"}`.
  static func keyValueHistory(_ text: String) throws -> History {
    var open: [Int: (key: String, operation: RegisterOperation)] = [:]
    var history = History()
    let pattern =
      /\{:process (\d+), :type :(\w+), :f :(\w+), :key "(.*?)", :value (nil|"(.*)")\}/
    for (line, content) in text.split(separator: "\n").enumerated() {
      let match = try #require(try pattern.firstMatch(in: content), "line \(line): \(content)")
      let process = try #require(Int(match.1))
      let value = Array((match.6 ?? "").utf8)
      if match.2 == "invoke" {
        let input: RegisterOperation.Input =
          match.3 == "get" ? .get : match.3 == "put" ? .put(value) : .append(value)
        open[process] = (
          String(match.4), RegisterOperation(client: process, call: UInt64(line), input: input)
        )
      } else {
        let invoked = open.removeValue(forKey: process)
        var (key, operation) = try #require(invoked)
        operation.return = UInt64(line)
        // These histories do not tell an absent key from an empty value.
        operation.output =
          operation.isRead
          ? .value(value.isEmpty ? nil : value, version: nil) : .written(version: nil)
        history.add(operation, key: Array(key.utf8))
      }
    }
    return history
  }
}
