import Basics
import Clerk
import ShardMap
import Wire

/// The replicas of one group: `group members`, `add`, `remove`, `replace` and `transfer`.
extension App {
  func groupCommand() throws -> ExitCode {
    guard let verb = parsed.operands.first, parsed.operands.count >= 2 else {
      throw Failure(.usage, "'group' needs what to do and the number of a group")
    }
    let group = GroupID(
      rawValue: UInt32(try Self.number(parsed.operands[1], "a group", max: UInt64(UInt32.max))))
    let rest = Array(parsed.operands.dropFirst(2))
    func need(_ count: ClosedRange<Int>, _ usage: String) throws(Failure) {
      if !count.contains(rest.count) { throw Failure(.usage, "usage: group \(verb) \(usage)") }
    }
    let clients = makeClients()
    let party = try GroupParty(self, group, clients)
    switch verb {
    case "members":
      try need(0...0, "GID")
      return try show(party.roster(self, clients), of: group)
    case "transfer":
      try need(0...1, "GID [REPLICA]")
      return try transfer(party, clients, to: rest.first)
    case "add":
      try need(1...1, "GID ID=HOST:PORT[+REDISPORT]")
      return try reach(.add(try Self.replica(rest[0])), party, clients)
    case "remove":
      try need(1...1, "GID REPLICA")
      guard let replica = try named(rest[0], try party.roster(self, clients)) else {
        throw Failure(.no, "\(rest[0]) is not a member of group \(group)")
      }
      return try reach(.remove(replica), party, clients)
    case "replace":
      try need(2...2, "GID OLD NEW=HOST:PORT[+REDISPORT]")
      let old = try named(rest[0], try party.roster(self, clients))
      return try reach(.replace(old, with: try Self.replica(rest[1])), party, clients)
    default:
      throw Failure(
        .usage, "'\(verb)' is none of: members, add, remove, replace, transfer")
    }
  }

  /// A replica by its id, member or not, or by the address of a member.
  private func named(_ text: String, _ roster: Roster) throws(Failure) -> ReplicaID? {
    if let id = ReplicaID(hexadecimal: text) { return id }
    guard Self.isAddress(text) else {
      throw Failure(.usage, "'\(text)' is neither a replica's id (16 hex digits) nor HOST:PORT")
    }
    return roster.replica(named: text)
  }

  static func replica(_ text: String) throws(Failure) -> ReplicaAddress {
    let parts = text.split(separator: "=", maxSplits: 1).map(String.init)
    guard parts.count == 2, let id = ReplicaID(hexadecimal: parts[0]),
      let address = ReplicaAddress(id, text: parts[1]), isAddress(address.peer)
    else {
      throw Failure(
        .usage,
        "'\(text)' is not ID=HOST:PORT or ID=HOST:PORT+REDISPORT (the id has 16 hex digits)")
    }
    return address
  }

  private func show(_ roster: Roster, of group: GroupID) -> ExitCode {
    let leader = roster.leader
    if isJSON {
      Output.line(json(roster, of: group).text)
      return .done
    }
    let rows = leader.replicas.map { replica in
      let silent = leader.followers.first { $0.replica == replica.id }?.silentMilliseconds ?? 0
      return [
        "\(replica.id)", replica.peer, roster.word(for: replica.id) ?? "",
        roster.lag(of: replica.id).map { grouped(Int(clamping: $0)) } ?? "?",
        silent < 1_000 ? "" : "silent for \(silent / 1_000) s",
      ]
    }
    for line in table(["REPLICA", "ADDRESS", "ROLE", "LAG", ""], rows, right: [3]) {
      Output.line(line)
    }
    if !leader.isMembershipSettled { Output.line("A change is under way.") }
    return .done
  }

  private func json(_ roster: Roster, of group: GroupID) -> JSON {
    JSON.fields([
      "group": .integer(Int(group.rawValue)),
      "membershipIndex": .count(roster.leader.membershipIndex.rawValue),
      "settled": .bool(roster.leader.isMembershipSettled),
      "replicas": .array(
        roster.leader.replicas.map { replica in
          JSON.fields([
            "id": .string("\(replica.id)"), "address": .string(replica.peer),
            "role": .string(roster.word(for: replica.id) ?? ""),
            "lag": roster.lag(of: replica.id).map { .count($0) } ?? .null,
          ])
        }),
    ])
  }

  // Changes.

  /// How long a change of replicas may take: catching up takes longer than a request.
  private var changeTimeout: UInt64 {
    parsed.isGiven("timeout") ? timeout : 120_000 * nanosecondsPerMillisecond
  }

  /// Goes on step by step until the goal is reached. Whatever was reached stays, so that the same
  /// command goes on later.
  private func reach(
    _ goal: RosterGoal, _ party: GroupParty, _ clients: Clients
  ) throws(Failure) -> ExitCode {
    let deadline = clients.now.monotonic + changeTimeout
    var party = party
    var reason = "its leader does not answer"
    defer { if Output.messagesAreOnTerminal { Output.progress("") } }
    while true {
      if let roster = try? party.look(self, clients) {
        party.learn(roster)
        switch goal.next(roster) {
        case .done: return try finished(goal, roster, party.group)
        case .impossible(let text): throw Failure(.no, text)
        case .wait(let text): reason = text
        case .ask(let command):
          if let refused = try ask(command, party, clients, isOnly: goal.isRemoval) {
            reason = goal.progress(roster) ?? refused
          } else {
            continue
          }
        }
      }
      if Output.messagesAreOnTerminal { Output.progress("Waiting: \(reason)") }
      let next = clients.now.monotonic + 200 * nanosecondsPerMillisecond
      guard next < deadline else {
        throw Failure(
          .unavailable,
          "not done yet: \(reason)\nThe same command goes on from here."
            + (goal.undo(party.group).map { " To undo it: \($0)" } ?? ""))
      }
      while clients.now.monotonic < next { _ = clients.turn(until: next) }
    }
  }

  /// Asks the leader for one step. `nil`: it has begun; otherwise why it has not.
  private func ask(
    _ command: MembershipCommand, _ party: GroupParty, _ clients: Clients, isOnly: Bool
  ) throws(Failure) -> String? {
    let outcome = clients.run(
      .membership(party.group, party.record, command), timeout: 2_000 * nanosecondsPerMillisecond)
    switch outcome {
    case .reply(.done): return nil
    case .reply(let body): throw unexpected(body)
    case .failed(let error):
      // A removal that is refused stays refused until somebody does something else first.
      if error.code == .invalid, isOnly { throw Failure(.no, error.message) }
      return error.message
    }
  }

  private func finished(
    _ goal: RosterGoal, _ roster: Roster, _ group: GroupID
  ) throws(Failure) -> ExitCode {
    if isJSON { Output.line(json(roster, of: group).text) } else { Output.line(goal.text(group)) }
    return .done
  }

  private func transfer(
    _ party: GroupParty, _ clients: Clients, to name: String?
  ) throws(Failure) -> ExitCode {
    let before = try party.roster(self, clients)
    var target: ReplicaID?
    if let name {
      guard let found = try named(name, before), before.includes(found) else {
        throw Failure(.no, "\(name) is not a member of group \(party.group)")
      }
      target = found
    }
    if target != before.leader.replica {
      _ = try reply(
        .membership(party.group, party.record, .transfer(to: target)), clients,
        refusedCode: .no)
    }
    let after = try party.roster(self, clients)
    if isJSON {
      Output.line(json(after, of: party.group).text)
    } else {
      Output.line(
        "\(after.leader.replica) at \(after.address(of: after.leader.replica)) leads group "
          + "\(party.group)")
    }
    return .done
  }
}

extension RosterGoal {
  /// How far a new replica has come; `nil` where that is not what is waited for.
  func progress(_ roster: Roster) -> String? {
    switch self {
    case .remove: return nil
    case .add(let new), .replace(_, let new):
      guard roster.isLearner(new.id) else { return nil }
      let silent =
        roster.leader.followers.first { $0.replica == new.id }?.silentMilliseconds ?? .max
      if silent > 1_000 {
        return "\(new.peer) does not answer as replica \(new.id); is it running there?"
      }
      return "\(new.peer) lacks \(roster.lag(of: new.id) ?? 0) entries"
    }
  }

  /// The command that takes an unfinished change back.
  func undo(_ group: GroupID) -> String? {
    switch self {
    case .remove: nil
    case .add(let new), .replace(_, let new): "shardkv-cli group remove \(group) \(new.id)"
    }
  }

  func text(_ group: GroupID) -> String {
    switch self {
    case .add(let new): "replica \(new.id) at \(new.peer) votes in group \(group)"
    case .remove(let old): "replica \(old) is not in group \(group) any more; stop it"
    case .replace(_, let new):
      "replica \(new.id) at \(new.peer) votes in group \(group); the replaced one can be stopped"
    }
  }
}

/// A group as a command reaches it.
struct GroupParty {
  var group: GroupID
  /// `nil`: the controllers, who are reached by the endpoints.
  var record: GroupRecord?

  init(_ app: App, _ group: GroupID, _ clients: Clients) throws(Failure) {
    self.group = group
    guard group != .none else { return }
    let known = try app.configuration(nil, clients)
    guard let found = known.record(of: group) else {
      throw Failure(
        .no, "group \(group) is not in configuration \(known.number), so its replicas are not known"
      )
    }
    record = found
  }

  /// Takes over the addresses that the leader told.
  mutating func learn(_ roster: Roster) {
    guard roster.leader.membershipIndex.rawValue >= record?.membershipIndex ?? .max else { return }
    record?.membershipIndex = roster.leader.membershipIndex.rawValue
    record?.replicas = roster.leader.replicas
  }

  /// Who leads, and what it says; an election is waited for, up to --timeout.
  func roster(_ app: App, _ clients: Clients) throws(Failure) -> Roster {
    let deadline = clients.now.monotonic + app.timeout
    while true {
      do {
        return try look(app, clients)
      } catch {
        let next = clients.now.monotonic + 100 * nanosecondsPerMillisecond
        guard next < deadline else { throw error }
        while clients.now.monotonic < next { _ = clients.turn(until: next) }
      }
    }
  }

  /// Asks all replicas that are known, and those that they name, for the one that leads.
  func look(_ app: App, _ clients: Clients) throws(Failure) -> Roster {
    var search = LeaderSearch(of: group, among: record?.replicas.map(\.peer) ?? app.endpoints)
    while true {
      let addresses = search.next()
      if addresses.isEmpty { break }
      let outcomes = clients.runAll(
        addresses.map { .status(address: $0) }, timeout: min(app.timeout, 1_500_000_000))
      for case .reply(.status(let status)) in outcomes { search.hear(status) }
    }
    guard let roster = search.roster else {
      throw Failure(
        .unavailable,
        "no leader of group \(group) answers at \(search.asked.sorted().joined(separator: ", "))")
    }
    return roster
  }
}
