import Basics
import Glibc
import Simulation

/// The side of a worker process: runs one seed and reports on stdout, so that a trap or an endless
/// loop is the failure of that seed alone.
enum Worker {
  static let command = "work-on-seed"

  /// What a worker found, as one line.
  struct Report: Equatable {
    var code: Int32
    var hash: String
    /// As ``SwarmTotals/values``.
    var values: [Int]
    /// Empty if all is well.
    var message: String

    init(code: Int32, hash: String, values: [Int], message: String) {
      self.code = code
      self.hash = hash
      self.values = values
      self.message = message
    }

    init?(_ line: some StringProtocol) {
      let fields = line.split(separator: "\t", omittingEmptySubsequences: false)
      guard fields.count == 4, let code = Int32(fields[0]) else { return nil }
      self.init(
        code: code, hash: String(fields[1]),
        values: fields[2].split(separator: ",").compactMap { Int($0) },
        message: fields[3].split(separator: "\u{1}").joined(separator: "\n"))
    }

    var line: String {
      "\(code)\t\(hash)\t\(values.map(String.init).joined(separator: ","))\t"
        + message.map { $0 == "\n" ? "\u{1}" : $0 == "\t" ? " " : String($0) }.joined()
    }
  }

  /// `arguments`: seed, virtual seconds, planted bugs.
  static func run(_ arguments: [String]) -> Int32 {
    guard arguments.count == 3, let seed = UInt64(arguments[0]), let seconds = Int(arguments[1]),
      let bugs = UInt64(arguments[2])
    else { return SimulatorProgram.ExitCode.usage }
    let options = SwarmOptions(seed: seed, seconds: seconds, bugs: PlantedBugs(rawValue: bugs))
    let result = SwarmRun(options).run()
    let report = Report(
      code: SimulatorProgram.code(of: result.failure),
      hash: SimulatorProgram.hexadecimal(result.traceHash), values: result.totals.values,
      message: result.failure?.description ?? "")
    Output.write(report.line)
    return SimulatorProgram.ExitCode.fine
  }
}
