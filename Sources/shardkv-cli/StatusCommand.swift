import Basics
import Clerk
import ShardMap
import Wire

extension App {
  func status() throws -> ExitCode {
    let view = try ClusterView.gather(self, makeClients(), needsConfiguration: false)
    if isJSON {
      Output.line(view.json.text)
    } else {
      print(view)
    }
    return .done
  }

  private func print(_ view: ClusterView) {
    let cluster = view.groups.lazy.compactMap(\.freshest).first.map { "\($0.cluster)" } ?? "?"
    let number = view.configuration.map { "\($0.number)" } ?? "unknown"
    let count = view.configuration.map { "   \($0.layout.shardCount) shards" } ?? ""
    let policy = view.configuration.map { "   policy \($0.policy.name)" } ?? ""
    Output.line(style.bold("Cluster \(cluster)   configuration \(number)\(count)\(policy)"))
    for sentence in view.sentences() {
      Output.line(sentence.isGood ? style.good(sentence.text) : style.bad(sentence.text))
    }
    section(
      table(
        ["GROUP", "LEADER", "TERM", "SURVIVES", "WEIGHT", "SHARDS", "KEYS", "DATA"],
        view.groupRows(), right: [2, 4, 5, 6, 7]))
    section(
      table(
        ["GROUP", "REPLICA", "ROLE", "TERM", "APPLIED", "COMMIT", "LAG", "DISK", "FREE"],
        view.replicaRows(), right: [3, 4, 5, 6, 7, 8]))
    let shards = view.shardRows(isDetailed: parsed.isOn("details"))
    if !shards.isEmpty {
      section(table(["GROUP", "STATUS", "SHARDS", "KEYS", "DATA"], shards, right: [3, 4]))
    }
    if !view.moves.isEmpty {
      let rows = view.moves.map { ["\($0.shard)", "\($0.from)", "\($0.to)", $0.state] }
      section(table(["MOVING SHARD", "FROM", "TO", "STATUS"], rows))
    }
  }

  private func section(_ lines: [String]) {
    Output.line("")
    for (index, line) in lines.enumerated() { Output.line(index == 0 ? style.faint(line) : line) }
  }

  func health() throws -> ExitCode {
    let clients = makeClients()
    let start = clients.now.monotonic
    let configuration = try configuration(nil, clients)
    var lines = [("controllers", "answered in \(since(start, clients))")]
    let owners = Set(configuration.shards.map(\.owner)).subtracting([.none]).sorted()
    guard !owners.isEmpty else {
      throw Failure(.unavailable, "no group has joined: nothing can be written")
    }
    var probes: [GroupID: [UInt8]] = [:]
    var number = 0
    while probes.count < owners.count, number < 10_000_000 {
      let key = Array("shardkv:probe:\(number)".utf8)
      let owner = configuration.owner(of: configuration.layout.shard(of: key))
      if owner != .none, probes[owner] == nil { probes[owner] = key }
      number += 1
    }
    var waiting: [OperationID: GroupID] = [:]
    let begin = clients.now.monotonic
    for group in owners {
      guard let key = probes[group] else { continue }
      waiting[clients.submit(.write(key: key, .delete), timeout: timeout)] = group
    }
    var failed: [String] = []
    while !waiting.isEmpty {
      for end in clients.turn(until: .max) {
        guard let group = waiting.removeValue(forKey: end.operation) else { continue }
        if case .failed(let error) = end.outcome {
          failed.append("group \(group): \(error.message)")
        } else {
          lines.append(
            ("group \(group)", "committed a probe write in \(since(begin, clients))"))
        }
      }
    }
    if isJSON {
      Output.line(
        JSON.fields([
          "healthy": .bool(failed.isEmpty), "problems": .array(failed.map { .string($0) }),
        ]).text)
    } else {
      for line in lines.sorted(by: { $0.0 < $1.0 }) { Output.line("\(line.0)  \(line.1)") }
    }
    if failed.isEmpty { return .done }
    throw Failure(.unavailable, failed.joined(separator: "\n"))
  }

  private func since(_ start: UInt64, _ clients: Clients) -> String {
    "\(fixed(Double(clients.now.monotonic - start) / 1e6, 1)) ms"
  }
}

extension ClusterView {
  fileprivate func groupRows() -> [[String]] {
    present.map { view in
      let status = view.freshest
      let owned = status?.shards.filter(\.isOwned) ?? []
      let isController = view.group == .none
      return [
        isController ? "controllers" : "\(view.group)" + (view.isMember ? "" : " (left)"),
        view.leaderAddress ?? "none",
        status.map { "\($0.term)" } ?? "?",
        view.survives < 0
          ? "lost" : view.survives == 1 ? "1 failure" : "\(view.survives) failures",
        isController || !view.isMember
          ? "" : configuration?.share(of: view.group).text ?? "",
        isController ? "" : String(owned.count),
        isController ? "" : grouped(owned.reduce(0) { $0 + $1.keys }),
        isController ? "" : sized(UInt64(clamping: owned.reduce(0) { $0 + $1.bytes })),
      ]
    }
  }

  fileprivate func replicaRows() -> [[String]] {
    present.flatMap { view in
      view.replicas.map { replica in
        let name = view.group == .none ? "controllers" : "\(view.group)"
        guard let status = replica.status else {
          return [name, replica.address, "does not answer", "", "", "", "", "", ""]
        }
        return [
          name, replica.address, "\(status.role)", "\(status.term)",
          grouped(Int(clamping: status.appliedIndex.rawValue)),
          grouped(Int(clamping: status.commitIndex.rawValue)),
          grouped(Int(clamping: lag(of: status, in: view))),
          sized(status.journalBytes + status.snapshotBytes),
          status.disk.map { sized($0.free) } ?? "",
        ]
      }
    }
  }

  /// Entries that the leader has committed and this replica has not applied.
  private func lag(of status: NodeStatus, in view: GroupView) -> UInt64 {
    let committed = view.freshest?.commitIndex.rawValue ?? 0
    return committed > status.appliedIndex.rawValue ? committed - status.appliedIndex.rawValue : 0
  }

  fileprivate func shardRows(isDetailed: Bool) -> [[String]] {
    var rows: [[String]] = []
    for view in present where view.group != .none {
      let reports = view.freshest?.shards ?? []
      if isDetailed {
        rows += reports.map { row(view, $0.status, [$0]) }
        continue
      }
      for status in ShardStatus.allCases {
        let matching = reports.filter { $0.status == status }
        if !matching.isEmpty { rows.append(row(view, status, matching)) }
      }
    }
    return rows
  }

  private func row(
    _ view: GroupView, _ status: ShardStatus, _ reports: [NodeStatus.ShardReport]
  ) -> [String] {
    [
      "\(view.group)", status.name, ranges(reports.map(\.shard.index)),
      grouped(reports.reduce(0) { $0 + $1.keys }),
      sized(UInt64(clamping: reports.reduce(0) { $0 + $1.bytes })),
    ]
  }

  var json: JSON {
    JSON.fields([
      "cluster": groups.lazy.compactMap(\.freshest).first.map { .string("\($0.cluster)") } ?? .null,
      "configuration": configuration.map { .count($0.number.rawValue) } ?? .null,
      "policy": configuration.map { .string($0.policy.name) } ?? .null,
      "healthy": .bool(isHealthy),
      "summary": .array(sentences().map { .string($0.text) }),
      "groups": .array(present.map { json(of: $0) }),
      "moves": .array(
        moves.map {
          JSON.fields([
            "shard": .integer($0.shard.index), "from": .integer(Int($0.from.rawValue)),
            "to": .integer(Int($0.to.rawValue)), "status": .string($0.state),
          ])
        }),
    ])
  }

  private func json(of view: GroupView) -> JSON {
    JSON.fields([
      "group": .integer(Int(view.group.rawValue)), "member": .bool(view.isMember),
      "weight": configuration.map { .integer(Int($0.share(of: view.group).weight)) } ?? .null,
      "drained": configuration.map { .bool($0.share(of: view.group).isDrained) } ?? .null,
      "leader": view.leaderAddress.map { .string($0) } ?? .null,
      "term": view.freshest.map { .count($0.term.rawValue) } ?? .null,
      "survives": .integer(max(0, view.survives)), "hasMajority": .bool(view.survives >= 0),
      "configuration": view.freshest.map { .count($0.configuration.rawValue) } ?? .null,
      "replicas": .array(view.replicas.map { json(of: $0, in: view) }),
      "shards": .array(
        (view.freshest?.shards ?? []).map { report in
          JSON.fields([
            "shard": .integer(report.shard.index), "status": .string(report.status.name),
            "owned": .bool(report.isOwned), "keys": .integer(report.keys),
            "bytes": .integer(report.bytes),
          ])
        }),
    ])
  }

  private func json(of replica: GroupView.Replica, in view: GroupView) -> JSON {
    guard let status = replica.status else {
      return JSON.fields([
        "address": .string(replica.address),
        "id": replica.id.map { .string("\($0)") } ?? .null, "answers": .bool(false),
      ])
    }
    return JSON.fields([
      "address": .string(replica.address), "id": .string("\(status.replica)"),
      "answers": .bool(true), "role": .string("\(status.role)"),
      "term": .count(status.term.rawValue),
      "appliedIndex": .count(status.appliedIndex.rawValue),
      "commitIndex": .count(status.commitIndex.rawValue),
      "firstIndex": .count(status.firstIndex.rawValue),
      "lastIndex": .count(status.lastIndex.rawValue),
      "snapshotIndex": .count(status.snapshotIndex.rawValue),
      "lag": .count(lag(of: status, in: view)),
      "journalBytes": .count(status.journalBytes), "snapshotBytes": .count(status.snapshotBytes),
      "diskFree": status.disk.map { .count($0.free) } ?? .null,
      "diskTotal": status.disk.map { .count($0.total) } ?? .null,
      "diskRoom": status.disk.map { .string($0.room.rawValue) } ?? .null,
      "configuration": .count(status.configuration.rawValue),
      "comparedIndex": status.agreement.map { .count($0.index.rawValue) } ?? .null,
      "agreeing": status.agreement.map { .integer($0.agreeing) } ?? .null,
      "differed": status.agreement.map { .count($0.differed) } ?? .null,
      "split": status.agreement.map { .bool($0.isSplit) } ?? .null,
      "doubt": status.doubt.map { .string($0.name) } ?? .null,
      "counters": .object(
        status.counters.map { JSON.Field(name: $0.name, value: .count($0.value)) }),
    ])
  }
}
