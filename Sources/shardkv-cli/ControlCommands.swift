import Clerk
import Basics
import ShardMap
import Wire

extension App {
  func join() throws -> ExitCode {
    let requests = try parsed.operands.map { try Self.joinRequest($0) }
    let names = requests.map { "\($0.group)" }.joined(separator: " ")
    return try change(.join(requests), "joined: \(names)") { clients, _ in
      if parsed.isOn("wait") { try wait(clients, empty: []) }
    }
  }

  /// Reads `GID=HOST:PORT,HOST:PORT,…`, with `@WEIGHT` at the end if it shall have one.
  static func joinRequest(_ operand: String) throws(Failure) -> JoinRequest {
    let shape = "GID=HOST:PORT,HOST:PORT,…[@WEIGHT]"
    let parts = operand.split(separator: "=", maxSplits: 1).map(String.init)
    guard parts.count == 2 else { throw Failure(.usage, "'\(operand)' is not \(shape)") }
    let sides = parts[1].split(separator: "@", omittingEmptySubsequences: false).map(String.init)
    let seeds = sides[0].split(separator: ",").map(String.init)
    guard !seeds.isEmpty, sides.count <= 2 else {
      throw Failure(.usage, "'\(operand)' is not \(shape)")
    }
    for seed in seeds where !isAddress(seed) {
      throw Failure(.usage, "'\(seed)' is not HOST:PORT")
    }
    return JoinRequest(
      group: try group(parts[0]), seeds: seeds,
      weight: sides.count == 2 ? try weight(sides[1]) : nil)
  }

  func leave() throws -> ExitCode {
    let groups = try parsed.operands.map { try Self.group($0) }
    var leaving = groups
    if parsed.isOn("wait") {
      // A group that left before, in an attempt that was cut short, is only waited for.
      let known = try configuration(nil, makeClients())
      leaving = groups.filter { known.groups[$0] != nil || known.departed[$0] == nil }
    }
    let command = leaving.isEmpty ? nil : ControlCommand.leave(leaving, force: parsed.isOn("force"))
    return try change(command, "left: \(Self.names(groups))") { clients, _ in
      guard parsed.isOn("wait") else { return }
      if try configuration(nil, clients).groups.isEmpty {
        Output.message("No group is left; the data stays where it is until one joins.")
      } else {
        try wait(clients, empty: groups)
      }
    }
  }

  func move() throws -> ExitCode {
    let number = try Self.number(
      parsed.operands[0], "a shard", max: UInt64(ShardLayout.shardCountMax - 1))
    let shard = ShardID(rawValue: UInt16(number))
    let to = try Self.group(parsed.operands[1])
    return try change(.move(shard, to: to), "shard \(shard) belongs to group \(to)") {
      _, isChanged in
      guard isChanged else { return }
      Output.message(
        "It stays there until groups join, leave, drain or change their weight, the policy changes,"
          + " or 'rebalance' is run.")
    }
  }

  func weigh() throws -> ExitCode {
    let group = try Self.group(parsed.operands[0])
    let weight = try Self.weight(parsed.operands[1])
    return try change(.weight(group, weight), "group \(group) has weight \(weight)") { clients, _ in
      if parsed.isOn("wait") { try wait(clients, empty: weight == 0 ? [group] : []) }
      if weight > 0, try configuration(nil, clients).policy == .balanced {
        Output.message(
          "The policy is balanced, which gives every group the same: 'policy weighted' heeds it.")
      }
    }
  }

  func policy() throws -> ExitCode {
    let name = parsed.operands[0]
    guard let policy = PlacementPolicy(name: name) else {
      let names = PlacementPolicy.allCases.map(\.name).joined(separator: ", ")
      throw Failure(.usage, "there is no policy '\(name)': choose one of \(names)")
    }
    return try change(.policy(policy), "the policy is \(policy.name)") { clients, _ in
      if parsed.isOn("wait") { try wait(clients, empty: []) }
    }
  }

  func drain() throws -> ExitCode {
    let groups = try parsed.operands.map { try Self.group($0) }
    return try change(.drain(groups), "draining: \(Self.names(groups))") { clients, _ in
      if parsed.isOn("no-wait") { return }
      try wait(clients, empty: groups)
      Output.message(
        "Nothing is left there: 'undrain' gives shards back, 'leave' removes for good.")
    }
  }

  func undrain() throws -> ExitCode {
    let groups = try parsed.operands.map { try Self.group($0) }
    return try change(.undrain(groups), "undrained: \(Self.names(groups))") { clients, _ in
      if parsed.isOn("wait") { try wait(clients, empty: []) }
    }
  }

  func rebalance() throws -> ExitCode {
    try change(.rebalance, "rebalanced") { clients, _ in
      if parsed.isOn("wait") { try wait(clients, empty: []) }
    }
  }

  /// Has the controller make a change (`nil`: it is made already), or only say what it would be.
  private func change(
    _ command: ControlCommand?, _ text: String, then: (Clients, _ isChanged: Bool) throws -> Void
  ) throws -> ExitCode {
    let clients = makeClients()
    if parsed.isOn("dry-run"), let command { return try preview(command, clients) }
    let expected = try parsed.integer("expect").map { ConfigNumber(UInt64($0)) }
    let before = try configuration(nil, clients).number
    var number = before
    if let command {
      switch try reply(.control(command, expected: expected), clients, refusedCode: .no) {
      case .done(let made): number = made
      case let body: throw unexpected(body)
      }
    }
    if isJSON {
      Output.line(JSON.fields(["configuration": .count(number.rawValue)]).text)
    } else {
      let note = number == before && command != nil ? "nothing to change: " : ""
      Output.line("\(note)\(text) (configuration \(number))")
    }
    try then(clients, number != before)
    return .done
  }

  private func preview(_ command: ControlCommand, _ clients: Clients) throws(Failure) -> ExitCode {
    let plan: PlacementPlan
    switch try reply(.plan(command), clients, refusedCode: .no) {
    case .planned(let next):
      let current = try configuration(ConfigNumber(next.number.rawValue - 1), clients)
      plan = PlacementPlan(from: current, to: next)
    case .done(let number): plan = PlacementPlan(unchanged: number)
    case let body: throw unexpected(body)
    }
    if isJSON {
      Output.line(plan.json.text)
    } else {
      for line in plan.lines() { Output.line(line) }
    }
    return .done
  }

  func configuration(
    _ number: ConfigNumber?, _ clients: Clients
  ) throws(Failure) -> Configuration {
    switch try reply(.query(number), clients) {
    case .configuration(let configuration, _): return configuration
    case let body: throw unexpected(body)
    }
  }

  static func group(_ text: String) throws(Failure) -> GroupID {
    let number = try number(text, "a group's number", max: UInt64(UInt32.max))
    guard number > 0 else { throw Failure(.usage, "groups are numbered from 1") }
    return GroupID(rawValue: UInt32(number))
  }

  private static func weight(_ text: String) throws(Failure) -> UInt32 {
    UInt32(try number(text, "a weight", max: UInt64(Limits.groupWeightMax)))
  }

  private static func names(_ groups: [GroupID]) -> String {
    groups.map { "\($0)" }.joined(separator: " ")
  }

  /// Waits until every move is over and the groups that shall be empty hold nothing; gives up when
  /// nothing has moved for as long as a request may take.
  private func wait(_ clients: Clients, empty: [GroupID]) throws(Failure) {
    var deadline = clients.now.monotonic + timeout
    var last = ""
    while true {
      let view = try ClusterView.gather(self, clients, needsConfiguration: true)
      guard let reason = view.unsettled(empty: empty) else { break }
      if reason != last {
        deadline = clients.now.monotonic + timeout
        if Output.messagesAreOnTerminal { Output.progress("Waiting: \(reason)") }
      }
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
