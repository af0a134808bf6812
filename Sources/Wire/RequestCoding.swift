import Basics
import Sessions
import ShardMap

extension Request {
  func write(to bytes: inout [UInt8]) {
    var writer = FrameWriter(.request, takingOver: &bytes, reserving: body.sizeHint)
    switch body {
    case .get(let key): writer.read("get", id, key)
    case .getAnywhere(let key): writer.read("getAnywhere", id, key)
    case .staleGet(let key): writer.read("staleGet", id, key)
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
    case .control(let write, let command, let expected):
      writer.open(command.type)
      writer.wide("id", id)
      writer.control(command)
      if let expected { writer.wide("expected", expected.rawValue) }
      writer.writeID(write)
    case .plan(let command):
      writer.open("plan")
      writer.wide("id", id)
      writer.object("command") { writer in
        writer.constant("type", command.type)
        writer.control(command)
      }
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
    case .redis(let shard, let work):
      writer.open("redis")
      writer.wide("id", id)
      writer.number("shard", shard.rawValue)
      writer.tail("work", work)
    case .membership(let command):
      writer.open(command.type)
      writer.wide("id", id)
      writer.membership(command)
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
    case "getAnywhere": body = .getAnywhere(key: try object.content("key"))
    case "staleGet": body = .staleGet(key: try object.content("key"))
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
    case "plan": body = .plan(try ControlCommand(object.object("command")))
    case "register": body = .register(try object.group("group"), try GroupRecord(object))
    case "shardData":
      body = .shardData(
        try object.shard("shard"), left: try object.configNumber("left"),
        cursor: try object.content("cursor"))
    case "deleteShard":
      body = .deleteShard(try object.shard("shard"), left: try object.configNumber("left"))
    case "redis":
      body = .redis(try object.shard("shard"), work: try object.content("work"))
    case "addReplica", "promoteReplica", "removeReplica", "replaceReplica", "transfer":
      body = .membership(try MembershipCommand(object))
    case "status": body = .status
    default:
      body = .control(
        try object.writeID(), try ControlCommand(object),
        expected: object.has("expected") ? try object.configNumber("expected") : nil)
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
    case .get(let key), .getAnywhere(let key), .staleGet(let key): key.count + 88
    case .write(_, let key, .put(let value)), .write(_, let key, .append(let value)):
      key.count + value.count + 200
    case .write(_, let key, .compareAndSet(let expected, let value)):
      key.count + (expected?.count ?? 0) + value.count + 220
    case .redis(_, let work): work.count + 96
    default: 256
    }
  }
}

extension FrameWriter {
  fileprivate mutating func read(_ type: StaticString, _ id: UInt64, _ key: [UInt8]) {
    open(type)
    wide("id", id)
    content("key", key)
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
