import ShardMap

extension ControlCommand {
  var type: StaticString {
    switch self {
    case .join: "join"
    case .leave: "leave"
    case .move: "move"
    case .weight: "weight"
    case .policy: "policy"
    case .drain: "drain"
    case .undrain: "undrain"
    case .rebalance: "rebalance"
    }
  }

  init(_ object: JSONObject) throws(WireError) {
    switch try object.word("type") {
    case "join": self = .join(try Self.joinRequests(object.list("groups")))
    case "leave": self = .leave(try object.groups(), force: try object.flag("force"))
    case "move": self = .move(try object.shard("shard"), to: try object.group("to"))
    case "weight": self = .weight(try object.group("group"), try object.weight())
    case "policy": self = .policy(try object.policy())
    case "drain": self = .drain(try object.groups())
    case "undrain": self = .undrain(try object.groups())
    case "rebalance": self = .rebalance
    case let word: throw .unknownType(word.description)
    }
  }

  private static func joinRequests(_ list: consuming JSONList) throws(WireError) -> [JoinRequest] {
    var requests: [JoinRequest] = []
    while let request = try list.object() {
      requests.append(
        JoinRequest(
          group: try request.group("group"), seeds: try request.texts("seeds"),
          weight: request.has("weight") ? try request.weight() : nil))
    }
    return requests
  }
}

extension ConfigurationCause {
  init(_ object: JSONObject) throws(WireError) {
    switch try object.word("type") {
    case "created": self = .created
    case "join": self = .join(try object.groups())
    case "leave": self = .leave(try object.groups(), forced: try object.flag("force"))
    case "move": self = .move(try object.shard("shard"), to: try object.group("to"))
    case "weight": self = .weight(try object.group("group"), try object.weight())
    case "policy": self = .policy(try object.policy())
    case "drain": self = .drain(try object.groups())
    case "undrain": self = .undrain(try object.groups())
    case "rebalance": self = .rebalance
    case let word: throw .badField("cause", problem: "is unknown: \"\(word)\"")
    }
  }
}

extension JSONObject {
  func policy() throws(WireError) -> PlacementPolicy {
    guard let policy = PlacementPolicy(name: try text("policy")) else {
      throw .badField("policy", problem: "is unknown")
    }
    return policy
  }

  /// Up to what its type holds: the controller knows the limit and words the refusal.
  fileprivate func weight() throws(WireError) -> UInt32 {
    UInt32(truncatingIfNeeded: try whole("weight", max: UInt64(UInt32.max)))
  }

  fileprivate func groups() throws(WireError) -> [GroupID] {
    var list = try list("groups")
    var groups: [GroupID] = []
    while let number = try list.integer() {
      guard let group = UInt32(exactly: number) else {
        throw .badField("groups", problem: "has a number that names no group")
      }
      groups.append(GroupID(group))
    }
    return groups
  }

  /// What stands beside a member's record where it is not usual.
  func share() throws(WireError) -> GroupShare {
    GroupShare(
      weight: has("weight")
        ? UInt32(truncatingIfNeeded: try whole("weight", max: UInt64(Limits.groupWeightMax))) : 1,
      isDrained: has("drained") ? try flag("drained") : false)
  }
}

extension FrameWriter {
  /// The fields of a command but its type.
  mutating func control(_ command: ControlCommand) {
    switch command {
    case .join(let requests):
      array("groups", requests) { writer, request in
        writer.object { writer in
          writer.number("group", request.group.rawValue)
          writer.array("seeds", request.seeds) { $0.text($1) }
          if let weight = request.weight { writer.number("weight", weight) }
        }
      }
    case .leave(let groups, let force):
      array("groups", groups) { $0.number($1.rawValue) }
      flag("force", force)
    case .move(let shard, let group): move(shard, group)
    case .weight(let group, let weight): self.weight(group, weight)
    case .policy(let policy): text("policy", policy.name)
    case .drain(let groups), .undrain(let groups):
      array("groups", groups) { $0.number($1.rawValue) }
    case .rebalance: break
    }
  }

  mutating func cause(_ cause: ConfigurationCause) {
    object("cause") { writer in
      writer.constant("type", cause.type)
      switch cause {
      case .created, .rebalance: break
      case .join(let groups), .drain(let groups), .undrain(let groups):
        writer.array("groups", groups) { $0.number($1.rawValue) }
      case .leave(let groups, let forced):
        writer.array("groups", groups) { $0.number($1.rawValue) }
        writer.flag("force", forced)
      case .move(let shard, let group): writer.move(shard, group)
      case .weight(let group, let weight): writer.weight(group, weight)
      case .policy(let policy): writer.text("policy", policy.name)
      }
    }
  }

  mutating func share(_ share: GroupShare) {
    if share.weight != 1 { number("weight", share.weight) }
    if share.isDrained { flag("drained", true) }
  }

  private mutating func move(_ shard: ShardID, _ group: GroupID) {
    number("shard", shard.rawValue)
    number("to", group.rawValue)
  }

  private mutating func weight(_ group: GroupID, _ weight: UInt32) {
    number("group", group.rawValue)
    number("weight", weight)
  }
}

extension ConfigurationCause {
  fileprivate var type: StaticString {
    switch self {
    case .created: "created"
    case .join: "join"
    case .leave: "leave"
    case .move: "move"
    case .weight: "weight"
    case .policy: "policy"
    case .drain: "drain"
    case .undrain: "undrain"
    case .rebalance: "rebalance"
    }
  }
}
