import Basics
import ShardMap

/// What a group's leader can be told to do about its replicas.
package enum MembershipCommand: Hashable, Sendable {
  /// A new replica at this address listens first, and is not counted.
  case add(ReplicaAddress)
  /// A replica that listens and has caught up is counted from now on.
  case promote(ReplicaID)
  case remove(ReplicaID)
  /// A replica that listens and has caught up takes the place of another, in one change.
  case replace(ReplicaID, with: ReplicaID)
  /// Leadership goes to this voter, or for `nil` to the one that has most.
  case transfer(to: ReplicaID?)
}

extension MembershipCommand {
  var type: StaticString {
    switch self {
    case .add: "addReplica"
    case .promote: "promoteReplica"
    case .remove: "removeReplica"
    case .replace: "replaceReplica"
    case .transfer: "transfer"
    }
  }

  init(_ object: JSONObject) throws(WireError) {
    switch try object.word("type") {
    case "addReplica":
      self = .add(
        ReplicaAddress(
          id: try object.identity("replica"), peer: try object.text("peer"),
          redis: try object.optionalText("redis") ?? "",
          http: try object.optionalText("http") ?? ""))
    case "promoteReplica": self = .promote(try object.identity("replica"))
    case "removeReplica": self = .remove(try object.identity("replica"))
    case "replaceReplica":
      self = .replace(try object.identity("old"), with: try object.identity("new"))
    case "transfer":
      self = .transfer(to: object.has("to") ? try object.identity("to") : nil)
    case let word: throw .unknownType(word.description)
    }
  }
}

extension FrameWriter {
  /// The fields of a command but its type.
  mutating func membership(_ command: MembershipCommand) {
    switch command {
    case .add(let address):
      identity("replica", address.id)
      text("peer", address.peer)
      if !address.redis.isEmpty { text("redis", address.redis) }
      if !address.http.isEmpty { text("http", address.http) }
    case .promote(let replica), .remove(let replica): identity("replica", replica)
    case .replace(let old, let new):
      identity("old", old)
      identity("new", new)
    case .transfer(let target): if let target { identity("to", target) }
    }
  }
}
