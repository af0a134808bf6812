import Basics
import Raft
import ShardMap

/// What a group's membership carries of each replica: where it is reached, and which folder it is.
struct Member: Hashable, Sendable {
  var address: ReplicaAddress
  /// ``Incarnation/unknown`` until the replica has said hello to a leader.
  var incarnation = Incarnation.unknown

  private static let version: UInt8 = 1

  init(address: ReplicaAddress, incarnation: Incarnation = .unknown) {
    self.address = address
    self.incarnation = incarnation
  }

  /// The context of ``Membership/contexts``.
  func encoded() -> [UInt8] {
    var writer = ByteWriter()
    writer.u8(Self.version)
    writer.u64(incarnation.rawValue)
    writer.text(address.peer)
    writer.text(address.redis)
    writer.text(address.http)
    return writer.bytes
  }

  /// Reads what ``encoded()`` wrote; `nil` for anything else.
  init?(_ replica: ReplicaID, encoded bytes: [UInt8]) {
    var reader = ByteReader(bytes)
    guard (try? reader.u8("version")) == Self.version,
      let incarnation = try? reader.u64("incarnation"), let peer = try? reader.text("peer"),
      let redis = try? reader.text("redis"), let http = try? reader.text("http")
    else { return nil }
    address = ReplicaAddress(id: replica, peer: peer, redis: redis, http: http)
    self.incarnation = Incarnation(rawValue: incarnation)
  }
}

extension Membership {
  /// The folder that the group knows a replica by.
  package func incarnation(of replica: ReplicaID) -> Incarnation {
    contexts[replica].flatMap { Member(replica, encoded: $0)?.incarnation } ?? .unknown
  }

  /// The first membership of a group, by the folder of one of its first replicas; that of a joiner
  /// is empty, so that it never campaigns before a leader has told it whom it joins.
  package init(first identity: [ReplicaAddress], isJoiner: Bool) {
    if isJoiner {
      self.init(voters: [])
    } else {
      self.init(
        voters: identity.map(\.id),
        contexts: Dictionary(
          identity.map { ($0.id, Member(address: $0).encoded()) }, uniquingKeysWith: { $1 }))
    }
  }
}
