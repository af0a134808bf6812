import Basics
import Clerk
import ShardMap
import Wire

extension App {
  func bench() throws -> ExitCode {
    let options = try BenchOptions(parsed)
    let clients = makeClients(count: options.clients)
    let configuration = try configuration(nil, clients)
    guard configuration.shards.contains(where: { $0.owner != .none }) else {
      throw Failure(.unavailable, "no group has joined: nothing can be read or written")
    }
    var run = try BenchRun(
      options, clients: clients, layout: configuration.layout, timeout: timeout)
    var shown: UInt64 = 0
    let isAnimated = Output.messagesAreOnTerminal
    try run.run { run, now in
      guard isAnimated, now >= shown + 500_000_000 else { return }
      shown = now
      Output.progress(Self.progress(run, now))
    }
    if isAnimated { Output.progress("") }
    let verdict = options.isVerifying ? verify(run, clients) : nil
    if isJSON {
      Output.line(Self.document(run, verdict).text)
    } else {
      for line in Self.report(run, verdict) { Output.line(line) }
    }
    if let problem = run.firstProblem { Output.message("first problem: \(problem)") }
    if let verdict, !verdict.isGood { return .no }
    if run.wasInterrupted { return .interrupted }
    return run.completed == 0 && run.errors + run.unknown > 0 ? .unavailable : .done
  }

  /// Reads every key back and compares; deletes the keys if all is well.
  private func verify(_ run: borrowing BenchRun, _ clients: Clients) -> AppendCheck.Verdict {
    var values: [[UInt8]?] = []
    let names = run.keys.names
    for first in stride(from: 0, to: names.count, by: 128) {
      let batch = names[first..<min(first + 128, names.count)]
      let outcomes = clients.runAll(
        batch.map { .get(key: $0) }, timeout: max(timeout, 30_000_000_000))
      for outcome in outcomes {
        switch outcome {
        case .reply(.value(let value, version: _)): values.append(value)
        case .reply(.noKey): values.append([])
        default: values.append(nil)
        }
      }
    }
    let verdict = run.check.verdict(values: values)
    if verdict.isGood {
      for first in stride(from: 0, to: names.count, by: 128) {
        let batch = names[first..<min(first + 128, names.count)]
        _ = clients.runAll(batch.map { .write(key: $0, .delete) }, timeout: timeout)
      }
    }
    return verdict
  }

  private static func progress(_ run: borrowing BenchRun, _ now: UInt64) -> String {
    guard now > run.start else { return "warming up" }
    let seconds = Double(now - run.start) / 1e9
    return "\(fixed(seconds, 1)) s  \(grouped(Int(Double(run.completed) / seconds))) requests/s  "
      + "p99 \(milliseconds(run.latencies.value(at: 0.99))) ms  "
      + "\(run.errors) errors  \(run.unknown) unknown"
  }

  private static func milliseconds(_ nanoseconds: UInt64) -> String {
    fixed(Double(nanoseconds) / 1e6, nanoseconds < 1_000_000 ? 3 : 2)
  }

  private static let quantiles = [("p50", 0.5), ("p90", 0.9), ("p99", 0.99), ("p99.9", 0.999)]

  private static func report(
    _ run: borrowing BenchRun, _ verdict: AppendCheck.Verdict?
  ) -> [String] {
    let seconds = max(1e-9, Double(run.end - run.start) / 1e9)
    let latencies =
      quantiles.map { "\($0.0) \(milliseconds(run.latencies.value(at: $0.1)))" }
      .joined(separator: "   ")
    var lines = [
      "Load        \(run.options.summary)",
      "Completed   \(grouped(run.completed)) requests in \(fixed(seconds, 2)) s",
      "Throughput  \(grouped(Int(Double(run.completed) / seconds))) requests/s",
      "Latency ms  \(latencies)   max \(milliseconds(run.latencies.max))",
      "Failed      \(run.errors) errors, \(run.unknown) with unknown outcome",
    ]
    let groups = run.gaps.groups.sorted { $0.key < $1.key }
      .map { "group \($0.key): \(milliseconds($0.value.longest)) ms" }
    lines.append(
      "Longest time without a completed request: \(milliseconds(run.gaps.overall.longest)) ms"
        + (groups.isEmpty ? "" : " (\(groups.joined(separator: ", ")))"))
    if let verdict {
      lines.append(
        "Verified    \(grouped(verdict.acknowledged)) acknowledged appends of "
          + "\(grouped(verdict.appends)): \(verdict.lost) lost, \(verdict.doubled) doubled, "
          + "\(verdict.reordered) reordered")
      if verdict.phantom + verdict.stale + verdict.unread > 0 {
        lines.append(
          "            \(verdict.phantom) that should not be there, \(verdict.stale) stale reads, "
            + "\(verdict.unread) keys that could not be read back")
      }
      lines.append(verdict.isGood ? "PASS" : "FAIL")
    }
    return lines
  }

  private static func document(
    _ run: borrowing BenchRun, _ verdict: AppendCheck.Verdict?
  ) -> JSON {
    let seconds = max(1e-9, Double(run.end - run.start) / 1e9)
    func at(_ quantile: Double) -> JSON {
      .number(Double(run.latencies.value(at: quantile)) / 1e6)
    }
    let groups: [JSON] = run.gaps.groups.sorted { $0.key < $1.key }.map { group, gap in
      JSON.fields([
        "group": .integer(Int(group.rawValue)), "operations": .integer(gap.operations),
        "longestGapMs": .number(Double(gap.longest) / 1e6),
      ])
    }
    var verified = JSON.null
    if let verdict {
      verified = JSON.fields([
        "appends": .integer(verdict.appends), "acknowledged": .integer(verdict.acknowledged),
        "lost": .integer(verdict.lost), "doubled": .integer(verdict.doubled),
        "reordered": .integer(verdict.reordered), "phantom": .integer(verdict.phantom),
        "stale": .integer(verdict.stale), "unread": .integer(verdict.unread),
      ])
    }
    return JSON.fields([
      "operationsPerSecond": .number(Double(run.completed) / seconds),
      "latencyMs": JSON.fields([
        "p50": at(0.5), "p90": at(0.9), "p99": at(0.99), "p999": at(0.999),
        "max": .number(Double(run.latencies.max) / 1e6),
      ]),
      "errors": .integer(run.errors), "unknown": .integer(run.unknown),
      "operations": .integer(run.completed), "seconds": .number(seconds),
      "longestGapMs": .number(Double(run.gaps.overall.longest) / 1e6),
      "groups": .array(groups), "verify": verified, "options": run.options.json,
    ])
  }
}
