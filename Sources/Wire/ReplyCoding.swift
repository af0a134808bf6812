import Basics
import Sessions
import ShardMap

extension Reply {
  func write(to bytes: inout [UInt8]) {
    var writer = FrameWriter(.reply, takingOver: &bytes, reserving: body.sizeHint)
    switch body {
    case .value(let value, let version):
      writer.open("value")
      writer.wide("id", id)
      writer.content("value", value)
      writer.wide("version", version)
    case .noKey: writer.plain("noKey", id)
    case .stale(let answer):
      writer.open("stale")
      writer.wide("id", id)
      if let value = answer.value { writer.content("value", value) }
      writer.wide("version", answer.version)
      writer.wide("age", answer.age)
    case .written(.written(let version)):
      writer.plain("written", id)
      writer.wide("version", version)
    case .written(.missing): writer.plain("missing", id)
    case .written(.compareFailed): writer.plain("compareFailed", id)
    case .session(let session):
      writer.plain("session", id)
      writer.session(session)
    case .configuration(let configuration, let controllers):
      writer.plain("configuration", id)
      writer.configuration(configuration)
      if !controllers.isEmpty { writer.array("controllers", controllers) { $0.text($1) } }
    case .planned(let configuration):
      writer.plain("planned", id)
      writer.configuration(configuration)
    case .done(let number):
      writer.plain("done", id)
      writer.wide("number", number.rawValue)
    case .shardChunk(let chunk):
      writer.plain("shardChunk", id)
      writer.tail("chunk", chunk)
    case .redis(let result):
      writer.plain("redis", id)
      writer.tail("result", result)
    case .status(let status):
      writer.plain("status", id)
      writer.status(status)
    case .refused(let refusal): writer.refusal(id, refusal)
    }
    writer.finish(into: &bytes)
  }

  init(_ object: JSONObject) throws(WireError) {
    let body: Body
    switch try object.word("type") {
    case "value":
      body = .value(try object.content("value"), version: try object.counter("version"))
    case "written": body = .written(.written(version: try object.counter("version")))
    case "noKey": body = .noKey
    case "stale":
      body = .stale(
        StaleValue(
          value: object.has("value") ? try object.content("value") : nil,
          version: try object.counter("version"), age: try object.counter("age")))
    case "missing": body = .written(.missing)
    case "compareFailed": body = .written(.compareFailed)
    case "session": body = .session(try object.session("session"))
    case "configuration":
      body = .configuration(
        try Configuration(object),
        controllers: object.has("controllers") ? try object.texts("controllers") : [])
    case "planned": body = .planned(try Configuration(object))
    case "done": body = .done(try object.configNumber("number"))
    case "shardChunk": body = .shardChunk(try object.content("chunk"))
    case "redis": body = .redis(try object.content("result"))
    case "status": body = .status(try NodeStatus(object))
    default: body = .refused(try Refusal(object))
    }
    self.init(id: try object.wide("id"), body: body)
  }
}

extension Reply.Body {
  /// About the size of the frame, so that it is built in one piece.
  fileprivate var sizeHint: Int {
    switch self {
    case .value(let value, _): value.count + 96
    case .stale(let answer): (answer.value?.count ?? 0) + 112
    case .shardChunk(let chunk): chunk.count + 96
    case .redis(let result): result.count + 96
    case .configuration(let configuration, _), .planned(let configuration):
      configuration.shards.count * 56 + 1_024
    case .status: 1_024
    default: 96
    }
  }
}

extension FrameWriter {
  fileprivate mutating func plain(_ type: StaticString, _ id: UInt64) {
    open(type)
    wide("id", id)
  }

  fileprivate mutating func refusal(_ id: UInt64, _ refusal: Refusal) {
    switch refusal {
    case .wrongLeader(let hint):
      plain("wrongLeader", id)
      if let hint { text("hint", hint) }
    case .wrongGroup(let configuration, let owner):
      plain("wrongGroup", id)
      wide("number", configuration.rawValue)
      if let owner {
        object("owner") { writer in
          writer.number("group", owner.group.rawValue)
          writer.wide("since", owner.since.rawValue)
          writer.groupRecord(owner.record)
        }
      }
    case .noLeader: plain("noLeader", id)
    case .notReady: plain("notReady", id)
    case .overloaded: plain("overloaded", id)
    case .noRoom: plain("noRoom", id)
    case .sessionExpired: plain("sessionExpired", id)
    case .outcomeUnknown: plain("outcomeUnknown", id)
    case .invalid(let reason):
      plain("invalid", id)
      text("reason", reason)
    }
  }
}

extension Refusal {
  fileprivate init(_ object: JSONObject) throws(WireError) {
    switch try object.word("type") {
    case "wrongLeader": self = .wrongLeader(hint: try object.optionalText("hint"))
    case "wrongGroup":
      self = .wrongGroup(
        try object.configNumber("number"),
        owner: object.has("owner") ? try ShardOwner(object.object("owner")) : nil)
    case "noLeader": self = .noLeader
    case "notReady": self = .notReady
    case "overloaded": self = .overloaded
    case "noRoom": self = .noRoom
    case "sessionExpired": self = .sessionExpired
    case "outcomeUnknown": self = .outcomeUnknown
    case "invalid": self = .invalid(try object.text("reason"))
    case let word: throw .unknownType(word.description)
    }
  }
}

extension ShardOwner {
  fileprivate init(_ object: JSONObject) throws(WireError) {
    self.init(
      group: try object.group("group"), since: try object.configNumber("since"),
      record: try GroupRecord(object))
    if group == .none { throw .badField("group", problem: "is 0, which owns nothing") }
  }
}
