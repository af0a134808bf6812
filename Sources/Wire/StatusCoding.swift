import Basics
import Raft
import ShardMap

extension FrameWriter {
  mutating func status(_ status: NodeStatus) {
    identity("cluster", status.cluster)
    number("group", status.group.rawValue)
    identity("replica", status.replica)
    text("role", status.role.rawValue)
    wide("term", status.term.rawValue)
    if let leader = status.leader { identity("leader", leader) }
    wide("firstIndex", status.firstIndex.rawValue)
    wide("lastIndex", status.lastIndex.rawValue)
    wide("commitIndex", status.commitIndex.rawValue)
    wide("appliedIndex", status.appliedIndex.rawValue)
    wide("snapshotIndex", status.snapshotIndex.rawValue)
    wide("journalBytes", status.journalBytes)
    wide("snapshotBytes", status.snapshotBytes)
    wide("configuration", status.configuration.rawValue)
    replicas(status.replicas)
    array("voters", status.voters.sorted()) { $0.identity($1) }
    array("outgoing", status.outgoing.sorted()) { $0.identity($1) }
    array("learners", status.learners.sorted()) { $0.identity($1) }
    wide("membershipIndex", status.membershipIndex.rawValue)
    flag("settled", status.isMembershipSettled)
    array("followers", status.followers) { writer, follower in
      writer.object { writer in
        writer.identity("replica", follower.replica)
        writer.wide("match", follower.match.rawValue)
        writer.wide("silentMilliseconds", follower.silentMilliseconds)
      }
    }
    array("shards", status.shards) { writer, shard in
      writer.object { writer in
        writer.number("shard", shard.shard.rawValue)
        writer.text("status", shard.status.name)
        writer.flag("owned", shard.isOwned)
        writer.number("keys", shard.keys)
        writer.number("bytes", shard.bytes)
      }
    }
    array("counters", status.counters) { writer, counter in
      writer.object { writer in
        writer.text("name", counter.name)
        writer.wide("value", counter.value)
      }
    }
    if let disk = status.disk {
      object("disk") { writer in
        writer.wide("free", disk.free)
        writer.wide("total", disk.total)
        writer.text("room", disk.room.rawValue)
      }
    }
    if let agreement = status.agreement {
      object("agreement") { writer in
        writer.wide("index", agreement.index.rawValue)
        writer.number("agreeing", agreement.agreeing)
        writer.wide("differed", agreement.differed)
        writer.flag("split", agreement.isSplit)
      }
    }
    if let doubt = status.doubt { text("doubt", doubt.name) }
  }
}

extension NodeStatus {
  init(_ object: JSONObject) throws(WireError) {
    guard let role = Role(rawValue: try object.text("role")) else {
      throw .badField("role", problem: "is unknown")
    }
    self.init(
      cluster: try object.identity("cluster"), group: try object.group("group"),
      replica: try object.identity("replica"), role: role, term: try object.term("term"),
      leader: object.has("leader") ? try object.identity("leader") : nil,
      firstIndex: try object.logIndex("firstIndex"), lastIndex: try object.logIndex("lastIndex"),
      commitIndex: try object.logIndex("commitIndex"),
      appliedIndex: try object.logIndex("appliedIndex"),
      snapshotIndex: try object.logIndex("snapshotIndex"),
      journalBytes: try object.counter("journalBytes"),
      snapshotBytes: try object.counter("snapshotBytes"),
      configuration: try object.configNumber("configuration"),
      replicas: try [ReplicaAddress](object.list("replicas")),
      voters: try object.identities("voters"), outgoing: try object.identities("outgoing"),
      learners: try object.identities("learners"),
      membershipIndex: try object.logIndex("membershipIndex"),
      isMembershipSettled: try object.flag("settled"),
      followers: try Self.followers(object.list("followers")),
      shards: try Self.reports(object.list("shards")),
      counters: try Self.counters(object.list("counters")),
      disk: object.has("disk") ? try Disk(object.object("disk")) : nil,
      agreement: object.has("agreement") ? try Agreement(object.object("agreement")) : nil,
      doubt: object.has("doubt") ? try Self.doubt(object.text("doubt")) : nil)
  }

  private static func doubt(_ name: String) throws(WireError) -> Trust.Cause {
    guard let cause = Trust.Cause.allCases.first(where: { $0.name == name }) else {
      throw .badField("doubt", problem: "is unknown")
    }
    return cause
  }

  private static func reports(_ list: consuming JSONList) throws(WireError) -> [ShardReport] {
    var reports: [ShardReport] = []
    while let shard = try list.object() {
      let name = try shard.text("status")
      guard let status = ShardStatus.allCases.first(where: { $0.name == name }) else {
        throw .badField("status", problem: "is unknown")
      }
      reports.append(
        ShardReport(
          shard: try shard.shard("shard"), status: status, isOwned: try shard.flag("owned"),
          keys: try shard.int("keys"), bytes: try shard.int("bytes")))
    }
    return reports
  }

  private static func followers(_ list: consuming JSONList) throws(WireError) -> [Follower] {
    var followers: [Follower] = []
    while let follower = try list.object() {
      followers.append(
        Follower(
          replica: try follower.identity("replica"), match: try follower.logIndex("match"),
          silentMilliseconds: try follower.wide("silentMilliseconds")))
    }
    return followers
  }

  private static func counters(_ list: consuming JSONList) throws(WireError) -> [Counter] {
    var counters: [Counter] = []
    while let counter = try list.object() {
      counters.append(Counter(name: try counter.text("name"), value: try counter.wide("value")))
    }
    return counters
  }
}

extension NodeStatus.Agreement {
  fileprivate init(_ object: JSONObject) throws(WireError) {
    self.init(
      index: try object.logIndex("index"), agreeing: try object.int("agreeing"),
      differed: try object.counter("differed"), isSplit: try object.flag("split"))
  }
}

extension NodeStatus.Disk {
  fileprivate init(_ object: JSONObject) throws(WireError) {
    guard let room = NodeStatus.Room(rawValue: try object.text("room")) else {
      throw .badField("room", problem: "is unknown")
    }
    self.init(free: try object.wide("free"), total: try object.wide("total"), room: room)
  }
}
