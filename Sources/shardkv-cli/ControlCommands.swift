import Clerk
import Basics
import ShardMap
import Wire

extension App {
  func join() throws -> ExitCode {
    var requests: [JoinRequest] = []
    for operand in parsed.operands {
      let parts = operand.split(separator: "=", maxSplits: 1).map(String.init)
      let seeds = parts.count == 2 ? parts[1].split(separator: ",").map(String.init) : []
      guard !seeds.isEmpty else {
        throw Failure(.usage, "'\(operand)' is not GID=HOST:PORT,HOST:PORT,…")
      }
      for seed in seeds where !Self.isAddress(seed) {
        throw Failure(.usage, "'\(seed)' is not HOST:PORT")
      }
      requests.append(JoinRequest(group: try group(parts[0]), seeds: seeds))
    }
    let clients = makeClients()
    let number = try control(.join(requests), clients)
    if parsed.isOn("wait") { try wait(clients, left: []) }
    return done(number, "joined: \(requests.map { "\($0.group)" }.joined(separator: " "))")
  }

  func leave() throws -> ExitCode {
    let groups = try parsed.operands.map { try group($0) }
    let clients = makeClients()
    let isForced = parsed.isOn("force")
    var leaving = groups
    if parsed.isOn("wait") {
      // A group that left before, in an attempt that was cut short, is only waited for.
      let known = try configuration(nil, clients)
      leaving = groups.filter { known.groups[$0] != nil || known.departed[$0] == nil }
    }
    var number = try leaving.isEmpty ? configuration(nil, clients).number : .zero
    if !leaving.isEmpty { number = try control(.leave(leaving, force: isForced), clients) }
    if parsed.isOn("wait") {
      if try configuration(nil, clients).groups.isEmpty {
        Output.message("No group is left; the data stays where it is until one joins.")
      } else {
        try wait(clients, left: groups)
      }
    }
    return done(number, "left: \(groups.map { "\($0)" }.joined(separator: " "))")
  }

  func move() throws -> ExitCode {
    let shard = ShardID(
      rawValue: UInt16(
        try self.number(parsed.operands[0], "a shard", max: UInt64(ShardLayout.shardCountMax - 1))))
    let to = try group(parsed.operands[1])
    let number = try control(.move(shard, to: to), makeClients())
    return done(number, "shard \(shard) belongs to group \(to)")
  }

  func query() throws -> ExitCode {
    var wanted: ConfigNumber?
    if let operand = parsed.operands.first {
      wanted = ConfigNumber(
        try self.number(operand, "the number of a configuration", max: UInt64(Int64.max)))
    }
    let found = try configuration(wanted, makeClients())
    if isJSON {
      Output.line(found.json.text)
      return .done
    }
    Output.line("Configuration \(found.number)   \(found.layout.shardCount) shards")
    var rows: [[String]] = []
    for (group, record, word) in found.allGroups {
      let shards = found.shards.indices.filter { found.shards[$0].owner == group }
      rows.append([
        "\(group)", word, String(shards.count), ranges(shards),
        record.replicas.map(\.peer).joined(separator: " "),
      ])
    }
    let unowned = found.shards.indices.filter { found.shards[$0].owner == .none }
    if !unowned.isEmpty {
      rows.append(["none", "", String(unowned.count), ranges(unowned), ""])
    }
    for line in table(["GROUP", "", "COUNT", "SHARDS", "REPLICAS"], rows, right: [2]) {
      Output.line(line)
    }
    return .done
  }

  func configuration(
    _ number: ConfigNumber?, _ clients: Clients
  ) throws(Failure) -> Configuration {
    switch try reply(.query(number), clients) {
    case .configuration(let configuration): return configuration
    case let body: throw unexpected(body)
    }
  }

  private func control(
    _ command: ControlCommand, _ clients: Clients
  ) throws(Failure) -> ConfigNumber {
    switch try reply(.control(command), clients, refusedCode: .no) {
    case .done(let number): return number
    case let body: throw unexpected(body)
    }
  }

  private func group(_ text: String) throws(Failure) -> GroupID {
    let number = try self.number(text, "a group's number", max: UInt64(UInt32.max))
    guard number > 0 else { throw Failure(.usage, "groups are numbered from 1") }
    return GroupID(rawValue: UInt32(number))
  }

  private func done(_ number: ConfigNumber, _ text: String) -> ExitCode {
    if isJSON {
      Output.line(JSON.fields(["configuration": .count(number.rawValue)]).text)
    } else {
      Output.line("\(text) (configuration \(number))")
    }
    return .done
  }

  /// Waits until every move is over and the groups that left hold nothing.
  private func wait(_ clients: Clients, left: [GroupID]) throws(Failure) {
    let deadline = clients.now.monotonic + timeout
    var last = ""
    while true {
      let view = try ClusterView.gather(self, clients, needsConfiguration: true)
      guard let reason = view.unsettled(left: left) else { break }
      if Output.messagesAreOnTerminal, reason != last { Output.progress("Waiting: \(reason)") }
      last = reason
      let next = clients.now.monotonic + 100 * nanosecondsPerMillisecond
      if next >= deadline {
        if Output.messagesAreOnTerminal { Output.progress("") }
        throw Failure(
          .unavailable,
          "the change is made, but moves are still under way: \(reason)\n"
            + "They go on by themselves; 'shardkv-cli status' shows them.")
      }
      while clients.now.monotonic < next { _ = clients.turn(until: next) }
    }
    if Output.messagesAreOnTerminal, !last.isEmpty { Output.progress("") }
  }
}

extension Configuration {
  /// Members, then those that left and still hold data.
  var allGroups: [(GroupID, GroupRecord, String)] {
    groups.sorted { $0.key < $1.key }.map { ($0.key, $0.value, "member") }
      + departed.sorted { $0.key < $1.key }.map { ($0.key, $0.value, "left") }
  }

  var json: JSON {
    JSON.fields([
      "number": .count(number.rawValue),
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
