import Arguments
import Basics
import Glibc
import Simulation

/// The command line of `shardkv-sim`.
enum SimulatorProgram {
  static let version = "0.1.0"

  /// What the program's exit code says.
  enum ExitCode {
    static let fine: Int32 = 0
    static let wrongResult: Int32 = 3
    static let noProgress: Int32 = 4
    static let trap: Int32 = 5
    static let usage: Int32 = 64
  }

  static let table = CommandTable(
    program: "shardkv-sim",
    summary: "Runs whole clusters in virtual time under faults, and checks what clients saw.",
    examples: [
      "shardkv-sim run --seeds 100", "shardkv-sim run --seeds 200 --bug stale-read",
      "shardkv-sim replay 42 --trace", "shardkv-sim check history.jsonl",
    ],
    commands: [
      Command(
        "run", summary: "Run many seeds, each in a process of its own",
        flags: [
          Flag("seeds", value: "N", help: "How many seeds (default: 100, no limit with --minutes)"),
          Flag("minutes", value: "M", help: "Start no further seed after M minutes"),
          Flag("first", value: "SEED", default: "1", help: "The first seed"),
          Flag("jobs", value: "J", help: "Processes at once (default: one per core)"),
          Flag("seconds", value: "S", default: "60", help: "Virtual seconds of each seed"),
          Flag(
            "seed-timeout", value: "TIME", default: "5m",
            help: "Real time for one seed; beyond it the seed is killed and has made no progress"),
          Flag(
            "verify-replays", value: "N", default: "50",
            help: "Run 1 in N seeds again in a fresh process; the traces must be equal; 0: none"),
          Flag("bug", value: "NAME", help: "Plant a bug and stop at the first seed that finds it"),
          Flag("json", help: "Print the totals as JSON"),
        ],
        details: "Exit codes: 0 fine, 3 a wrong result, 4 no progress, 5 a trap."),
      Command(
        "replay", operands: "SEED", count: 1...1, summary: "Run one seed in this process",
        flags: [
          Flag("seconds", value: "S", default: "60", help: "Virtual seconds"),
          Flag("bug", value: "NAME", help: "Plant a bug"),
          Flag("trace", help: "Print everything that happens"),
        ]),
      Command(
        "check", operands: "FILE", count: 1...1,
        summary: "Say whether a history of bench --history is linearizable; - is standard input",
        flags: [
          Flag(
            "steps", value: "N", default: "20000000",
            help: "Attempts for each key after which it is undecided"),
          Flag("json", help: "Print the verdict as JSON"),
        ],
        details: "Exit codes: 0 linearizable, 3 not linearizable, 4 undecided."),
      Command("bugs", summary: "List the bugs that can be planted, one a line"),
    ])

  /// Says what is wrong with the command line, and ends the program.
  static func complain(_ error: UsageError) -> Never {
    Output.write(error.description, toError: true)
    exit(ExitCode.usage)
  }

  static func run(_ command: ParsedCommand) throws(UsageError) -> Int32 {
    switch command.command {
    case "bugs":
      for (name, _) in PlantedBugs.named { Output.write(name) }
      return ExitCode.fine
    case "check":
      return try CheckCommand(command).run()
    case "replay":
      return try replay(command)
    default:
      var range = try SeedRange(command)
      return range.run()
    }
  }

  /// The planted bug that `--bug` names, if any.
  static func bug(_ command: ParsedCommand) throws(UsageError) -> (name: String, bug: PlantedBugs)?
  {
    guard let name = try command.choice("bug", of: PlantedBugs.named.map(\.name)) else {
      return nil
    }
    return PlantedBugs.named.first { $0.name == name }
  }

  static func code(of failure: SimulationFailure?) -> Int32 {
    switch failure?.kind {
    case nil: ExitCode.fine
    case .wrongResult: ExitCode.wrongResult
    case .noProgress: ExitCode.noProgress
    }
  }

  private static func replay(_ command: ParsedCommand) throws(UsageError) -> Int32 {
    guard let seed = UInt64(command.operands[0]) else {
      throw UsageError("'\(command.operands[0])' is not a seed; expected a whole number")
    }
    let options = SwarmOptions(
      seed: seed, seconds: try command.integer("seconds", in: 8...100_000) ?? 60,
      bugs: try bug(command)?.bug ?? [])
    Output.write("seed \(seed): \(options)")
    let run = SwarmRun(options, tracer: command.isOn("trace") ? { Output.write($0) } : nil)
    let result = run.run()
    Output.write("totals: \(result.totals)")
    Output.write("seed \(seed): \(result.failure?.description ?? "fine")")
    Output.write("seed \(seed): trace \(hexadecimal(result.traceHash))")
    return code(of: result.failure)
  }

  static func hexadecimal(_ hash: UInt64) -> String {
    let digits = String(hash, radix: 16)
    return String(repeating: "0", count: 16 - digits.count) + digits
  }
}
