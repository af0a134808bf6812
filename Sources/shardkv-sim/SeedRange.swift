import Arguments
import Basics
import Glibc
import Simulation

/// `shardkv-sim run`: gives seeds to worker processes and sums up what they report.
struct SeedRange {
  private let first: UInt64
  /// `nil`: as many as the minutes allow.
  private let count: Int?
  private let minutes: Double?
  private let jobs: Int
  private let seconds: Int
  /// Wall-clock seconds that one seed may take.
  private let seedTimeout: Double
  /// One in so many seeds is run twice; 0: none.
  private let verifiedShare: Int
  private let bug: (name: String, bug: PlantedBugs)?
  private let isJSON: Bool

  private var totals = SwarmTotals()
  private var started = 0
  private var finished = 0
  private var replayed = 0
  private var toRepeat: [(seed: UInt64, hash: String)] = []
  private var failures: [(seed: UInt64, code: Int32)] = []

  init(_ command: ParsedCommand) throws(UsageError) {
    minutes = try Self.minutes(command)
    count = try command.integer("seeds", in: 1...1_000_000_000) ?? (minutes == nil ? 100 : nil)
    first = UInt64(try command.integer("first") ?? 1)
    let cores = max(1, sysconf(Int32(_SC_NPROCESSORS_ONLN)))
    jobs = try command.integer("jobs", in: 1...1_024) ?? cores
    seconds = try command.integer("seconds", in: 8...100_000) ?? 60
    seedTimeout = Double(try command.milliseconds("seed-timeout") ?? 300_000) / 1_000
    verifiedShare = try command.integer("verify-replays", in: 0...1_000_000_000) ?? 50
    bug = try SimulatorProgram.bug(command)
    isJSON = command.isOn("json")
  }

  private static func minutes(_ command: ParsedCommand) throws(UsageError) -> Double? {
    guard let text = command["minutes"] else { return nil }
    guard let minutes = Double(text), minutes > 0, minutes <= 1_000_000 else {
      throw UsageError(
        "'\(text)' of --minutes is not understood; expected minutes above 0, such as 10 or 0.5")
    }
    return minutes
  }

  mutating func run() -> Int32 {
    let seeds = count.map { "seeds \(first)...\(first + UInt64($0) - 1)" } ?? "seeds from \(first)"
    let limit = minutes.map { " for \($0) minutes" } ?? ""
    say(
      "shardkv-sim \(SimulatorProgram.version): \(seeds)\(limit), \(seconds) virtual "
        + "seconds each, \(jobs) jobs, bug: \(bug?.name ?? "none")")
    let begin = Self.now()
    let stop = begin + (minutes ?? .infinity) * 60
    var workers: [WorkerProcess] = []
    while bug == nil || failures.isEmpty {
      while workers.count < jobs, let worker = nextWorker(stop: stop) { workers.append(worker) }
      if workers.isEmpty { break }
      WorkerProcess.wait(for: &workers, now: Self.now)
      for worker in workers { if let end = worker.end { note(end, of: worker) } }
      workers.removeAll { $0.end != nil }
    }
    for worker in workers { worker.kill() }
    summarise(seconds: Self.now() - begin)
    // A trap says most, then a wrong result.
    let codes = failures.map(\.code)
    return [SimulatorProgram.ExitCode.trap, SimulatorProgram.ExitCode.wrongResult].first {
      codes.contains($0)
    } ?? codes.first ?? SimulatorProgram.ExitCode.fine
  }

  /// A seed that is to be run again comes first, then the next one; `nil` if nothing is left.
  private mutating func nextWorker(stop: Double) -> WorkerProcess? {
    let now = Self.now()
    let settings = [String(seconds), String(bug?.bug.rawValue ?? 0)]
    if let (seed, hash) = toRepeat.popLast() {
      return WorkerProcess(
        seed: seed, settings: settings, repeating: hash, deadline: now + seedTimeout)
    }
    if let count, started >= count { return nil }
    guard now < stop else { return nil }
    let seed = first + UInt64(started)
    started += 1
    return WorkerProcess(
      seed: seed, settings: settings, repeating: nil, deadline: now + seedTimeout)
  }

  private mutating func note(_ end: WorkerProcess.End, of worker: WorkerProcess) {
    let seed = worker.seed
    if let expected = worker.expectedHash {
      replayed += 1
      if case .reported(let report) = end, report.hash == expected { return }
      failures.append((seed, SimulatorProgram.ExitCode.wrongResult))
      let other =
        switch end {
        case .reported(let report): "trace \(report.hash)"
        case .trapped(let how): "the process \(how)"
        case .overdue: "not done after \(seedTimeout) s"
        }
      say("seed \(seed): run again in a fresh process it differs: trace \(expected), then \(other)")
      return
    }
    finished += 1
    switch end {
    case .reported(let report):
      totals.add(SwarmTotals(values: report.values))
      if verifiedShare > 0, Int(seed - first) % verifiedShare == 0 {
        toRepeat.append((seed, report.hash))
      }
      if report.code == SimulatorProgram.ExitCode.fine {
        say("seed \(seed): fine, trace \(report.hash)")
      } else {
        failures.append((seed, report.code))
        say("seed \(seed): \(report.message)")
        say("seed \(seed): trace \(report.hash); again: \(replayCommand(seed))")
      }
    case .trapped(let how):
      failures.append((seed, SimulatorProgram.ExitCode.trap))
      say("seed \(seed): the process \(how); again: \(replayCommand(seed))")
    case .overdue:
      failures.append((seed, SimulatorProgram.ExitCode.noProgress))
      say(
        "seed \(seed): not done after \(seedTimeout) s of real time (--seed-timeout), killed; "
          + "again: \(replayCommand(seed))")
    }
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
          + "\"replayed\":\(replayed),"
          + "\"seedsPerMinute\":\(seedsPerMinute),\"eventsPerMinute\":\(eventsPerMinute),"
          + "\(counts.joined(separator: ","))}")
    } else {
      Output.write(
        "seeds=\(finished) failures=\(failures.count) replayed=\(replayed) \(totals) "
          + "seedsPerMinute=\(seedsPerMinute) eventsPerMinute=\(eventsPerMinute)")
    }
  }

  /// With `--json` only the totals go to stdout.
  private func say(_ line: String) { Output.write(line, toError: isJSON) }

  /// Monotonic seconds.
  private static func now() -> Double {
    var time = timespec()
    clock_gettime(CLOCK_MONOTONIC, &time)
    return Double(time.tv_sec) + Double(time.tv_nsec) / 1e9
  }
}
