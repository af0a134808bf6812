import Arguments
import Basics
import Glibc
import Simulation

/// `shardkv-sim run`: gives seeds to worker processes and sums up what they report.
struct SeedRange {
  private let first: UInt64
  private let count: Int
  private let jobs: Int
  private let seconds: Int
  private let bug: (name: String, bug: PlantedBugs)?
  private let isJSON: Bool

  private var totals = SwarmTotals()
  private var finished = 0
  private var failures: [(seed: UInt64, code: Int32)] = []
  private var workers: [WorkerProcess] = []

  init(_ command: ParsedCommand) throws(UsageError) {
    count = try command.integer("seeds", in: 1...1_000_000_000) ?? 100
    first = UInt64(try command.integer("first") ?? 1)
    let cores = max(1, sysconf(Int32(_SC_NPROCESSORS_ONLN)))
    jobs = min(count, try command.integer("jobs", in: 1...1_024) ?? cores)
    seconds = try command.integer("seconds", in: 8...100_000) ?? 60
    bug = try SimulatorProgram.bug(command)
    isJSON = command.isOn("json")
  }

  private var last: UInt64 { first + UInt64(count) - 1 }

  mutating func run() throws(UsageError) -> Int32 {
    say(
      "shardkv-sim \(SimulatorProgram.version): seeds \(first)...\(last), \(seconds) virtual "
        + "seconds each, \(jobs) jobs, bug: \(bug?.name ?? "none")")
    let begin = Self.monotonicSeconds()
    for job in 0..<jobs { workers.append(start(from: first + UInt64(job))) }
    while workers.contains(where: { !$0.isDone }) {
      for index in WorkerProcess.waitForOutput(of: workers) { read(index) }
      if bug != nil, !failures.isEmpty { break }
    }
    for worker in workers where !worker.isDone { worker.kill() }
    summarise(seconds: Self.monotonicSeconds() - begin)
    // A trap says most, then a wrong result.
    let codes = failures.map(\.code)
    return [SimulatorProgram.ExitCode.trap, SimulatorProgram.ExitCode.wrongResult].first {
      codes.contains($0)
    } ?? codes.first ?? SimulatorProgram.ExitCode.fine
  }

  private func start(from seed: UInt64) -> WorkerProcess {
    WorkerProcess(
      arguments: [
        Worker.command, String(seed), String(last), String(jobs),
        "\(seconds)/\(bug?.bug.rawValue ?? 0)",
      ], firstSeed: seed)
  }

  private mutating func read(_ index: Int) {
    for line in workers[index].readLines() {
      guard case .ended(let seed, let code, let hash, let values, let message) = line else {
        continue
      }
      totals.add(SwarmTotals(values: values))
      finished += 1
      if code == SimulatorProgram.ExitCode.fine {
        say("seed \(seed): fine, trace \(hash)")
      } else {
        failures.append((seed, code))
        say("seed \(seed): \(message)")
        say("seed \(seed): trace \(hash); again: \(replayCommand(seed))")
      }
    }
    guard workers[index].isDone, let seed = workers[index].openSeed else { return }
    finished += 1
    failures.append((seed, SimulatorProgram.ExitCode.trap))
    say("seed \(seed): the process \(workers[index].end); again: \(replayCommand(seed))")
    let next = seed + UInt64(jobs)
    if next <= last { workers[index] = start(from: next) }
  }

  private func replayCommand(_ seed: UInt64) -> String {
    let planted = bug.map { " --bug \($0.name)" } ?? ""
    return "shardkv-sim replay \(seed) --seconds \(seconds)\(planted)"
  }

  private func summarise(seconds: Double) {
    let minutes = seconds / 60
    let seedsPerMinute = Int((Double(finished) / minutes).rounded())
    let eventsPerMinute = Int((Double(totals.events) / minutes).rounded())
    if let bug {
      if let failure = failures.first {
        say("bug \(bug.name): found by seed \(failure.seed), after \(finished) seeds")
      } else {
        say("bug \(bug.name): not found by \(finished) seeds")
      }
    }
    if isJSON {
      let counts = zip(SwarmTotals.names, totals.values).map { "\"\($0)\":\($1)" }
      let failed = failures.map { "{\"seed\":\($0.seed),\"exitCode\":\($0.code)}" }
        .joined(separator: ",")
      Output.write(
        "{\"seeds\":\(finished),\"firstSeed\":\(first),\"failures\":[\(failed)],"
          + "\"seedsPerMinute\":\(seedsPerMinute),\"eventsPerMinute\":\(eventsPerMinute),"
          + "\(counts.joined(separator: ","))}")
    } else {
      Output.write(
        "seeds=\(finished) failures=\(failures.count) \(totals) seedsPerMinute=\(seedsPerMinute) "
          + "eventsPerMinute=\(eventsPerMinute)")
    }
  }

  /// With `--json` only the totals go to stdout.
  private func say(_ line: String) { Output.write(line, toError: isJSON) }

  private static func monotonicSeconds() -> Double {
    var time = timespec()
    clock_gettime(CLOCK_MONOTONIC, &time)
    return Double(time.tv_sec) + Double(time.tv_nsec) / 1e9
  }
}
