import Basics
import Raft
import Sessions
import ShardMap

extension JSONObject {
  func group(_ name: StaticString) throws(WireError) -> GroupID {
    GroupID(UInt32(truncatingIfNeeded: try whole(name, max: UInt64(UInt32.max))))
  }

  func shard(_ name: StaticString) throws(WireError) -> ShardID {
    ShardID(rawValue: UInt16(truncatingIfNeeded: try whole(name, max: UInt64(UInt16.max))))
  }

  func configNumber(_ name: StaticString) throws(WireError) -> ConfigNumber {
    ConfigNumber(try counter(name))
  }

  func term(_ name: StaticString) throws(WireError) -> Term { Term(try counter(name)) }

  func logIndex(_ name: StaticString) throws(WireError) -> LogIndex {
    LogIndex(try counter(name))
  }

  func entryID(_ index: StaticString, _ term: StaticString) throws(WireError) -> EntryID {
    EntryID(index: try logIndex(index), term: try self.term(term))
  }

  func session(_ name: StaticString) throws(WireError) -> SessionID {
    let (issued, nonce) = try pair(name)
    return SessionID(issued: issued, nonce: nonce)
  }

  /// The three fields of a ``WriteID``.
  func writeID() throws(WireError) -> WriteID {
    WriteID(
      session: try session("session"), sequence: try counter("seq"),
      firstUnanswered: try counter("first"))
  }
}

extension FrameWriter {
  mutating func session(_ session: SessionID) {
    pair("session", session.issued, hexadecimal: session.nonce)
  }

  mutating func writeID(_ id: WriteID) {
    session(id.session)
    wide("seq", id.sequence)
    wide("first", id.firstUnanswered)
  }

  mutating func groupRecord(_ record: GroupRecord) {
    identity("identity", record.identity)
    wide("membershipIndex", record.membershipIndex)
    replicas(record.replicas)
  }

  mutating func replicas(_ replicas: [ReplicaAddress]) {
    array("replicas", replicas) { writer, replica in
      writer.object { writer in
        writer.identity("id", replica.id)
        writer.text("peer", replica.peer)
        if !replica.redis.isEmpty { writer.text("redis", replica.redis) }
        if !replica.http.isEmpty { writer.text("http", replica.http) }
      }
    }
  }

  /// In ascending order, so that equal configurations have equal frames.
  mutating func groups(
    _ name: StaticString, _ groups: [GroupID: GroupRecord], _ shares: [GroupID: GroupShare] = [:]
  ) {
    array(name, groups.sorted { $0.key < $1.key }) { writer, entry in
      writer.object { writer in
        writer.number("group", entry.key.rawValue)
        if let share = shares[entry.key] { writer.share(share) }
        writer.groupRecord(entry.value)
      }
    }
  }

  mutating func configuration(_ configuration: Configuration) {
    wide("number", configuration.number.rawValue)
    constant("mapping", configuration.layout.mapping == .slots ? "slots" : "firstByte")
    array("shards", configuration.shards) { writer, shard in
      writer.object { writer in
        writer.number("owner", shard.owner.rawValue)
        writer.wide("since", shard.since.rawValue)
        if shard.source != .none { writer.number("source", shard.source.rawValue) }
        if shard.left != .zero { writer.wide("left", shard.left.rawValue) }
      }
    }
    text("policy", configuration.policy.name)
    cause(configuration.cause)
    wide("madeAt", configuration.madeAt)
    groups("groups", configuration.groups, configuration.shares)
    groups("departed", configuration.departed)
  }
}

extension GroupRecord {
  init(_ object: JSONObject) throws(WireError) {
    self.init(
      identity: try object.identity("identity"),
      membershipIndex: try object.counter("membershipIndex"),
      replicas: try [ReplicaAddress](object.list("replicas")))
  }

  /// Groups by number; `seen` may read more of each.
  static func table(
    _ list: consuming JSONList,
    _ seen: (GroupID, JSONObject) throws(WireError) -> Void = { _, _ throws(WireError) in }
  ) throws(WireError) -> [GroupID: GroupRecord] {
    var records: [GroupID: GroupRecord] = [:]
    while let object = try list.object() {
      let group = try object.group("group")
      guard group != .none, records[group] == nil else {
        throw .badField("group", problem: "is 0 or there twice")
      }
      records[group] = try GroupRecord(object)
      try seen(group, object)
    }
    return records
  }
}

extension [ReplicaAddress] {
  init(_ list: consuming JSONList) throws(WireError) {
    self.init()
    while let object = try list.object() {
      append(
        ReplicaAddress(
          id: try object.identity("id"), peer: try object.text("peer"),
          redis: try object.optionalText("redis") ?? "",
          http: try object.optionalText("http") ?? ""))
    }
  }
}

extension Configuration {
  init(_ object: JSONObject) throws(WireError) {
    let mapping: ShardLayout.Mapping
    switch try object.word("mapping") {
    case "slots": mapping = .slots
    case "firstByte": mapping = .firstByte
    case let word: throw .badField("mapping", problem: "is unknown: \"\(word)\"")
    }
    var list = try object.list("shards")
    var shards: [ShardAssignment] = []
    while let shard = try list.object() {
      guard shards.count < ShardLayout.shardCountMax else {
        throw .badField("shards", problem: "has more than \(ShardLayout.shardCountMax) shards")
      }
      shards.append(
        ShardAssignment(
          owner: try shard.group("owner"), since: try shard.configNumber("since"),
          source: shard.has("source") ? try shard.group("source") : .none,
          left: shard.has("left") ? try shard.configNumber("left") : .zero))
    }
    guard let layout = ShardLayout(mapping: mapping, shardCount: shards.count) else {
      throw .badField("shards", problem: "is empty")
    }
    var given: [(GroupID, GroupShare)] = []
    let groups = try GroupRecord.table(object.list("groups")) { (group, object) throws(WireError) in
      given.append((group, try object.share()))
    }
    self.init(
      number: try object.configNumber("number"), layout: layout, shards: shards, groups: groups,
      departed: try GroupRecord.table(object.list("departed")), policy: try object.policy(),
      cause: try ConfigurationCause(object.object("cause")), madeAt: try object.counter("madeAt"))
    for (group, share) in given { setShare(share, of: group) }
  }
}
