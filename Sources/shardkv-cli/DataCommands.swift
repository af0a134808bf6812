import Arguments
import Basics
import Clerk
import ShardMap
import Wire

extension ReadConsistency {
  /// Reads `--from-any` and `--stale`.
  init(_ parsed: ParsedCommand) throws(UsageError) {
    switch (parsed.isOn("from-any"), parsed.isOn("stale")) {
    case (false, false): self = .linearizable
    case (true, false): self = .linearizableAnywhere
    case (false, true): self = .stale
    case (true, true):
      throw UsageError("--from-any asks for the newest value and --stale for any: choose one")
    }
  }
}

extension App {
  /// A key in messages: quoted, with what cannot be printed escaped, not too long.
  private func shown(_ key: [UInt8]) -> String {
    JSON.bytes(Array(key.prefix(80))).text + (key.count > 80 ? "…" : "")
  }

  func get() throws -> ExitCode {
    let key = try key()
    switch try reply(.get(key: key, try ReadConsistency(parsed)), makeClients()) {
    case .stale(let answer): return show(key, answer)
    case .value(let value, let version):
      if isJSON {
        Output.line(
          JSON.fields(["key": .bytes(key), "value": .bytes(value), "version": .count(version)])
            .text)
      } else {
        Output.data(value)
        if Output.isTerminal { Output.data([UInt8(ascii: "\n")]) }
      }
      return .done
    case .noKey:
      if isJSON { Output.line(JSON.fields(["key": .bytes(key), "value": .null]).text) }
      Output.message("shardkv-cli: key \(shown(key)) not found")
      return .no
    case let body: throw unexpected(body)
    }
  }

  private func show(_ key: [UInt8], _ answer: StaleValue) -> ExitCode {
    if isJSON {
      let value = answer.value.map { JSON.bytes($0) } ?? .null
      Output.line(
        JSON.fields([
          "key": .bytes(key), "value": value, "version": .count(answer.version),
          "ageMs": .count(answer.age),
        ]).text)
    }
    guard let value = answer.value else {
      Output.message("shardkv-cli: key \(shown(key)) not found \(answer.age) ms ago")
      return .no
    }
    if isJSON { return .done }
    Output.data(value)
    if Output.isTerminal { Output.data([UInt8(ascii: "\n")]) }
    Output.message("age: \(answer.age) ms")
    return .done
  }

  func write(_ operation: WriteOperation) throws -> ExitCode {
    let key = try key()
    switch try reply(.write(key: key, operation), makeClients()) {
    case .written(.written(let version)):
      if isJSON {
        Output.line(
          JSON.fields(["key": .bytes(key), "applied": .bool(true), "version": .count(version)])
            .text)
      } else {
        Output.line("OK")
      }
      return .done
    case .written(let answer):
      if isJSON { Output.line(JSON.fields(["key": .bytes(key), "applied": .bool(false)]).text) }
      let reason =
        answer == .compareFailed ? "does not hold the expected value, nothing changed" : "not found"
      Output.message("shardkv-cli: key \(shown(key)) \(reason)")
      return .no
    case let body: throw unexpected(body)
    }
  }

  func compareAndSet() throws -> ExitCode {
    let isAbsent = parsed.isOn("absent")
    guard parsed.operands.count == (isAbsent ? 2 : 3) else {
      throw Failure(.usage, "cas takes KEY OLD NEW, or KEY NEW with --absent")
    }
    if !isAbsent, parsed.operands[1] == "-", parsed.operands[2] == "-" {
      throw Failure(.usage, "only one of OLD and NEW can come from standard input")
    }
    let expected = isAbsent ? nil : try value(1)
    return try write(.compareAndSet(expected: expected, value: try value(isAbsent ? 1 : 2)))
  }

  func locate() throws -> ExitCode {
    let key = try key()
    let clients = makeClients()
    let view = try ClusterView.gather(self, clients, needsConfiguration: true)
    guard let configuration = view.configuration else {
      throw Failure(.unavailable, "the controllers gave no configuration")
    }
    let shard = configuration.layout.shard(of: key)
    let assignment = configuration.shards[shard.index]
    let owner = configuration.owner(of: shard)
    let group = view.groups.first { $0.group == owner && $0.group != .none }
    let state = group?.report(of: shard)?.status.name
    let slot = configuration.layout.mapping == .slots ? ShardLayout.slot(of: key) : nil
    let addresses = configuration.groups[owner]?.replicas.map(\.peer) ?? []
    if isJSON {
      Output.line(
        JSON.fields([
          "key": .bytes(key), "slot": slot.map { .integer($0) } ?? .null,
          "shard": .integer(shard.index), "group": .integer(Int(owner.rawValue)),
          "status": state.map { .string($0) } ?? .null,
          "leader": group?.leaderAddress.map { .string($0) } ?? .null,
          "replicas": .array(addresses.map { .string($0) }),
          "configuration": .count(configuration.number.rawValue),
          "since": .count(assignment.since.rawValue),
        ]).text)
    } else {
      var lines = [["key", shown(key)]]
      if let slot { lines.append(["slot", String(slot)]) }
      lines.append(["shard", "\(shard)" + (state.map { "  (\($0))" } ?? "")])
      lines.append(["group", owner == .none ? "none: no group has joined" : "\(owner)"])
      lines.append(["leader", group?.leaderAddress ?? "none right now"])
      lines.append(["replicas", addresses.joined(separator: " ")])
      lines.append([
        "since", "configuration \(assignment.since) (newest: \(configuration.number))",
      ])
      for line in lines {
        Output.line(line[0] + String(repeating: " ", count: 10 - line[0].count) + line[1])
      }
    }
    return owner == .none ? .no : .done
  }
}
