import Basics
import ShardMap

/// The file `identity`: the ``ReplicaIdentity`` in an ``Envelope``.
enum IdentityFile {
  /// More replicas than any group will have.
  private static let membersMax = 1_000

  static func encode(_ identity: ReplicaIdentity) -> [UInt8] {
    var writer = ByteWriter()
    writer.u64(identity.cluster.rawValue)
    writer.u32(identity.group.rawValue)
    writer.u64(identity.groupIdentity.rawValue)
    writer.u64(identity.replica.rawValue)
    writer.u64(identity.incarnation.rawValue)
    writer.u8(identity.isJoiner ? 1 : 0)
    writer.u8(identity.layout.mapping.rawValue)
    writer.varint(identity.layout.shardCount)
    writer.varint(identity.members.count)
    for member in identity.members {
      writer.u64(member.id.rawValue)
      writer.text(member.peer)
      writer.text(member.redis)
      writer.text(member.http)
    }
    return Envelope.encode(.identity, writer.bytes)
  }

  static func decode(_ bytes: [UInt8]) throws(Envelope.Problem) -> ReplicaIdentity {
    let (body, _) = try Envelope.decode(bytes, .identity)
    guard bytes.count == Envelope.prefixBytes + body.count else {
      throw .damaged("bytes after the end")
    }
    do {
      return try decodeBody(body)
    } catch {
      throw .damaged("\(error)")
    }
  }

  private static func decodeBody(_ body: [UInt8]) throws(ByteError) -> ReplicaIdentity {
    var reader = ByteReader(body)
    let cluster = ClusterID(rawValue: try reader.u64("cluster"))
    let group = GroupID(try reader.u32("group"))
    let groupIdentity = GroupIdentity(rawValue: try reader.u64("group identity"))
    let replica = ReplicaID(rawValue: try reader.u64("replica"))
    let incarnation = Incarnation(rawValue: try reader.u64("incarnation"))
    let joins = try reader.u8("joiner")
    guard joins <= 1 else { throw .malformed(field: "joiner", offset: reader.offset) }
    guard let mapping = ShardLayout.Mapping(rawValue: try reader.u8("mapping")),
      let layout = ShardLayout(
        mapping: mapping, shardCount: try reader.count("shard count", limit: 1 << 16))
    else { throw .malformed(field: "layout", offset: reader.offset) }
    var members: [ReplicaAddress] = []
    for _ in 0..<(try reader.count("member count", limit: membersMax)) {
      members.append(
        ReplicaAddress(
          id: ReplicaID(rawValue: try reader.u64("member")), peer: try reader.text("peer address"),
          redis: try reader.text("redis address"), http: try reader.text("http address")))
    }
    try reader.finish("identity")
    return ReplicaIdentity(
      cluster: cluster, group: group, groupIdentity: groupIdentity, replica: replica,
      members: members, layout: layout, incarnation: incarnation, isJoiner: joins == 1)
  }
}
