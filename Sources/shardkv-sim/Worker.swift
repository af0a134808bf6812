import Basics
import Glibc
import Simulation

/// The side of a worker process: runs every `step`-th seed of a range and writes, for each, a line
/// before and a line after it, so that a trap is known to belong to its seed.
enum Worker {
  static let command = "work-on-seeds"

  /// A line of a worker.
  enum Line: Equatable {
    case begins(seed: UInt64)
    case ended(seed: UInt64, code: Int32, hash: String, values: [Int], message: String)

    init?(_ text: some StringProtocol) {
      let fields = text.split(separator: "\t", omittingEmptySubsequences: false)
      guard fields.count > 1, let seed = UInt64(fields[1]) else { return nil }
      switch fields[0] {
      case "begins": self = .begins(seed: seed)
      case "ended":
        guard fields.count == 6, let code = Int32(fields[2]) else { return nil }
        self = .ended(
          seed: seed, code: code, hash: String(fields[3]),
          values: fields[4].split(separator: ",").compactMap { Int($0) },
          message: fields[5].split(separator: "\u{1}").joined(separator: "\n"))
      default: return nil
      }
    }

    var text: String {
      switch self {
      case .begins(let seed): "begins\t\(seed)\n"
      case .ended(let seed, let code, let hash, let values, let message):
        "ended\t\(seed)\t\(code)\t\(hash)\t\(values.map(String.init).joined(separator: ","))\t"
          + message.map { $0 == "\n" ? "\u{1}" : $0 == "\t" ? " " : String($0) }.joined() + "\n"
      }
    }
  }

  /// `arguments`: first seed, last seed, step, and `seconds/bugs`.
  static func run(_ arguments: [String]) {
    let settings = arguments[3].split(separator: "/").compactMap { Int($0) }
    guard let first = UInt64(arguments[0]), let last = UInt64(arguments[1]),
      let step = UInt64(arguments[2]), step > 0, settings.count == 2
    else { exit(SimulatorProgram.ExitCode.usage) }
    var seed = first
    while seed <= last {
      write(.begins(seed: seed))
      let options = SwarmOptions(
        seed: seed, seconds: settings[0],
        bugs: PlantedBugs(rawValue: UInt32(clamping: settings[1])))
      let result = SwarmRun(options).run()
      write(
        .ended(
          seed: seed, code: SimulatorProgram.code(of: result.failure),
          hash: SimulatorProgram.hexadecimal(result.traceHash), values: result.totals.values,
          message: result.failure?.description ?? ""))
      seed += step
    }
  }

  private static func write(_ line: Line) {
    var bytes = Array(line.text.utf8)[...]
    while !bytes.isEmpty {
      let count = bytes.withUnsafeBytes { Glibc.write(1, $0.baseAddress, $0.count) }
      guard count > 0 else { exit(1) }
      bytes = bytes.dropFirst(count)
    }
  }
}
