import Basics
import Sessions
import ShardMap

extension Request {
  func write(to bytes: inout [UInt8]) {
    var writer = FrameWriter(.request, takingOver: &bytes, reserving: body.sizeHint)
    switch body {
    case .get(let key):
      writer.open("get")
      writer.wide("id", id)
      writer.content("key", key)
    case .write(let write, let key, let operation):
      writer.open(operation.type)
      writer.wide("id", id)
      writer.content("key", key)
      switch operation {
      case .put(let value), .append(let value): writer.content("value", value)
      case .delete: break
      case .compareAndSet(let expected, let value):
        if let expected { writer.content("expected", expected) }
        writer.content("value", value)
      }
      writer.writeID(write)
    case .openSession(let shard):
      writer.open("openSession")
      writer.wide("id", id)
      if let shard { writer.number("shard", shard.rawValue) }
    case .query(let number):
      writer.open("query")
      writer.wide("id", id)
      if let number { writer.wide("number", number.rawValue) }
    case .control(let write, let command):
      writer.control(id, write, command)
    case .register(let group, let record):
      writer.open("register")
      writer.wide("id", id)
      writer.number("group", group.rawValue)
      writer.groupRecord(record)
    case .shardData(let shard, let left, let cursor):
      writer.open("shardData")
      writer.wide("id", id)
      writer.number("shard", shard.rawValue)
      writer.wide("left", left.rawValue)
      writer.content("cursor", cursor)
    case .deleteShard(let shard, let left):
      writer.open("deleteShard")
      writer.wide("id", id)
      writer.number("shard", shard.rawValue)
      writer.wide("left", left.rawValue)
    case .status:
      writer.open("status")
      writer.wide("id", id)
    }
    writer.finish(into: &bytes)
  }

  init(_ object: JSONObject) throws(WireError) {
    let body: Body
    switch try object.word("type") {
    case "get": body = .get(key: try object.content("key"))
    case "put": body = try .write(object, .put(value: object.content("value")))
    case "append": body = try .write(object, .append(value: object.content("value")))
    case "delete": body = try .write(object, .delete)
    case "compareAndSet":
      let expected = object.has("expected") ? try object.content("expected") : nil
      let value = try object.content("value")
      body = try .write(object, .compareAndSet(expected: expected, value: value))
    case "openSession":
      body = .openSession(object.has("shard") ? try object.shard("shard") : nil)
    case "query":
      body = .query(object.has("number") ? try object.configNumber("number") : nil)
    case "join", "leave", "move":
      body = .control(try object.writeID(), try ControlCommand(object))
    case "register": body = .register(try object.group("group"), try GroupRecord(object))
    case "shardData":
      body = .shardData(
        try object.shard("shard"), left: try object.configNumber("left"),
        cursor: try object.content("cursor"))
    case "deleteShard":
      body = .deleteShard(try object.shard("shard"), left: try object.configNumber("left"))
    case "status": body = .status
    case let word: throw .unknownType(word.description)
    }
    self.init(id: try object.wide("id"), body: body)
  }
}

extension Request.Body {
  fileprivate static func write(_ object: JSONObject, _ operation: WriteOperation)
    throws(WireError) -> Request.Body
  {
    .write(try object.writeID(), key: try object.content("key"), operation)
  }

  /// About the size of the frame, so that it is built in one piece.
  fileprivate var sizeHint: Int {
    switch self {
    case .get(let key): key.count + 80
    case .write(_, let key, .put(let value)), .write(_, let key, .append(let value)):
      key.count + value.count + 200
    case .write(_, let key, .compareAndSet(let expected, let value)):
      key.count + (expected?.count ?? 0) + value.count + 220
    default: 256
    }
  }
}

extension WriteOperation {
  fileprivate var type: StaticString {
    switch self {
    case .put: "put"
    case .append: "append"
    case .delete: "delete"
    case .compareAndSet: "compareAndSet"
    }
  }
}

extension FrameWriter {
  fileprivate mutating func control(_ id: UInt64, _ write: WriteID, _ command: ControlCommand) {
    switch command {
    case .join(let requests):
      open("join")
      wide("id", id)
      array("groups", requests) { writer, request in
        writer.object { writer in
          writer.number("group", request.group.rawValue)
          writer.array("seeds", request.seeds) { $0.text($1) }
        }
      }
    case .leave(let groups, let force):
      open("leave")
      wide("id", id)
      array("groups", groups) { $0.number($1.rawValue) }
      flag("force", force)
    case .move(let shard, let group):
      open("move")
      wide("id", id)
      number("shard", shard.rawValue)
      number("to", group.rawValue)
    }
    writeID(write)
  }
}

extension ControlCommand {
  fileprivate init(_ object: JSONObject) throws(WireError) {
    switch try object.word("type") {
    case "join":
      var list = try object.list("groups")
      var requests: [JoinRequest] = []
      while let request = try list.object() {
        var seeds = try request.list("seeds")
        var addresses: [String] = []
        while let address = try seeds.text() { addresses.append(address) }
        requests.append(JoinRequest(group: try request.group("group"), seeds: addresses))
      }
      self = .join(requests)
    case "leave":
      var list = try object.list("groups")
      var groups: [GroupID] = []
      while let number = try list.integer() {
        guard let group = UInt32(exactly: number) else {
          throw .badField("groups", problem: "has a number that names no group")
        }
        groups.append(GroupID(group))
      }
      self = .leave(groups, force: try object.flag("force"))
    default: self = .move(try object.shard("shard"), to: try object.group("to"))
    }
  }
}
