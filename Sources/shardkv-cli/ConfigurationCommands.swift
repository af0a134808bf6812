import Basics
import Clerk
import ShardMap
import Wire

extension App {
  func query() throws -> ExitCode {
    var wanted: ConfigNumber?
    if let operand = parsed.operands.first {
      wanted = ConfigNumber(
        try Self.number(operand, "the number of a configuration", max: UInt64(Int64.max)))
    }
    let found = try configuration(wanted, makeClients())
    if isJSON {
      Output.line(found.json.text)
      return .done
    }
    Output.line(
      "Configuration \(found.number)   \(found.layout.shardCount) shards   "
        + "policy \(found.policy.name)   made by \(found.cause.sentence)")
    var rows: [[String]] = []
    for (group, record, word) in found.allGroups {
      let shards = found.shards.indices.filter { found.shards[$0].owner == group }
      rows.append([
        "\(group)", word, word == "member" ? found.share(of: group).text : "",
        String(shards.count), ranges(shards), record.replicas.map(\.peer).joined(separator: " "),
      ])
    }
    let unowned = found.shards.indices.filter { found.shards[$0].owner == .none }
    if !unowned.isEmpty {
      rows.append(["none", "", "", String(unowned.count), ranges(unowned), ""])
    }
    let header = ["GROUP", "", "WEIGHT", "COUNT", "SHARDS", "REPLICAS"]
    for line in table(header, rows, right: [2, 3]) { Output.line(line) }
    return .done
  }

  /// The latest configurations, the newest first: when and why each was made and what it moved.
  func history() throws -> ExitCode {
    let clients = makeClients()
    let newest = try configuration(nil, clients)
    let wanted = UInt64(try parsed.integer("last", in: 1...1_000) ?? 10)
    let last = newest.number.rawValue
    // The one before the oldest shown is needed to say what that one moved.
    let first = last >= wanted ? last - wanted : 0
    var all: [Configuration] = []
    let outcomes = clients.runAll(
      (first..<last).map { .query(ConfigNumber($0)) }, timeout: timeout)
    for outcome in outcomes {
      switch outcome {
      case .reply(.configuration(let configuration, _)): all.append(configuration)
      case .reply(let body): throw unexpected(body)
      case .failed(let error): throw Self.failure(error, .usage)
      }
    }
    all.append(newest)
    var rows: [[String]] = []
    var documents: [JSON] = []
    for (before, after) in zip(all, all.dropFirst()).reversed() {
      // What is no longer kept is answered with the oldest that is.
      guard after.number == before.number.next else { continue }
      let plan = PlacementPlan(from: before, to: after)
      rows.append([
        "\(after.number)", UniversalTime(milliseconds: after.madeAt).text, after.cause.sentence,
        String(plan.movedCount),
        plan.counts.map { "\($0.group):\($0.after)" }.joined(separator: " "),
      ])
      documents.append(
        JSON.fields([
          "configuration": .count(after.number.rawValue), "madeAt": .count(after.madeAt),
          "cause": .string(after.cause.sentence), "policy": .string(after.policy.name),
          "moved": .integer(plan.movedCount),
          "shards": .object(
            plan.counts.map { JSON.Field(name: "\($0.group)", value: .integer($0.after)) }),
        ]))
    }
    if isJSON {
      Output.line(JSON.array(documents).text)
    } else if rows.isEmpty {
      Output.line("Configuration 0: no group has joined yet.")
    } else {
      let header = ["NUMBER", "MADE (UTC)", "WHY", "MOVED", "SHARDS OF GROUPS"]
      for line in table(header, rows, right: [0, 3]) { Output.line(line) }
    }
    return .done
  }
}

extension ConfigurationCause {
  /// For people.
  var sentence: String {
    func names(_ groups: [GroupID]) -> String {
      (groups.count == 1 ? "group " : "groups ")
        + groups.map { "\($0)" }.joined(separator: ", ")
    }
    return switch self {
    case .created: "creation"
    case .join(let groups): "join of \(names(groups))"
    case .leave(let groups, let forced): "\(forced ? "forced " : "")leave of \(names(groups))"
    case .move(let shard, let group): "move of shard \(shard) to group \(group)"
    case .weight(let group, let weight): "weight \(weight) for group \(group)"
    case .policy(let policy): "policy \(policy.name)"
    case .drain(let groups): "drain of \(names(groups))"
    case .undrain(let groups): "undrain of \(names(groups))"
    case .rebalance: "rebalance"
    }
  }
}

extension GroupShare {
  /// For people: the weight, and whether it is drained.
  var text: String { isDrained ? "\(weight) drained" : "\(weight)" }
}

extension Configuration {
  /// Members, then those that left and still hold data.
  var allGroups: [(GroupID, GroupRecord, String)] {
    groups.sorted { $0.key < $1.key }.map { ($0.key, $0.value, "member") }
      + departed.sorted { $0.key < $1.key }.map { ($0.key, $0.value, "left") }
  }

  var json: JSON {
    JSON.fields([
      "number": .count(number.rawValue), "policy": .string(policy.name),
      "cause": .string(cause.sentence), "madeAt": .count(madeAt),
      "mapping": .string(layout.mapping == .slots ? "slots" : "first-byte"),
      "shards": .array(
        shards.enumerated().map { index, shard in
          JSON.fields([
            "shard": .integer(index), "group": .integer(Int(shard.owner.rawValue)),
            "since": .count(shard.since.rawValue),
            "source": .integer(Int(shard.source.rawValue)), "left": .count(shard.left.rawValue),
          ])
        }),
      "groups": .array(
        allGroups.map { group, record, word in
          JSON.fields([
            "group": .integer(Int(group.rawValue)), "member": .bool(word == "member"),
            "weight": .integer(Int(share(of: group).weight)),
            "drained": .bool(share(of: group).isDrained),
            "identity": .string("\(record.identity)"),
            "replicas": .array(
              record.replicas.map {
                JSON.fields(["id": .string("\($0.id)"), "address": .string($0.peer)])
              }),
          ])
        }),
    ])
  }
}
