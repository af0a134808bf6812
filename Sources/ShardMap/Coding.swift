import Basics

/// The binary form of the vocabulary, as it stands in logs and snapshots. Numbers are varints. Maps
/// are written in ascending order and read back only in it, so that equal values have equal bytes.
extension ByteWriter {
  package mutating func groupID(_ group: GroupID) { varint(UInt64(group.rawValue)) }

  package mutating func shardID(_ shard: ShardID) { varint(UInt64(shard.rawValue)) }

  package mutating func configNumber(_ number: ConfigNumber) { varint(number.rawValue) }

  package mutating func shardLayout(_ layout: ShardLayout) {
    u8(layout.mapping.rawValue)
    varint(layout.shardCount)
  }

  package mutating func replicaAddress(_ address: ReplicaAddress) {
    u64(address.id.rawValue)
    text(address.peer)
    text(address.redis)
    text(address.http)
  }

  package mutating func groupRecord(_ record: GroupRecord) {
    u64(record.identity.rawValue)
    varint(record.membershipIndex)
    varint(record.replicas.count)
    for replica in record.replicas { replicaAddress(replica) }
  }

  /// Group records by number, in ascending order.
  package mutating func groupRecords(_ records: [GroupID: GroupRecord]) {
    varint(records.count)
    for (group, record) in records.sorted(by: { $0.key < $1.key }) {
      groupID(group)
      groupRecord(record)
    }
  }

  package mutating func shardAssignment(_ assignment: ShardAssignment) {
    groupID(assignment.owner)
    configNumber(assignment.since)
    groupID(assignment.source)
    configNumber(assignment.left)
  }

  package mutating func configuration(_ configuration: Configuration) {
    configNumber(configuration.number)
    shardLayout(configuration.layout)
    invariant(
      configuration.shards.count == configuration.layout.shardCount,
      "\(configuration.shards.count) shards in a layout of \(configuration.layout.shardCount)")
    for assignment in configuration.shards { shardAssignment(assignment) }
    members(of: configuration)
  }
}

/// Reads what the writer's functions of the same names wrote. The bytes are not trusted: these
/// throw on what no writer makes, and believe no count beyond the bytes that are left. `field`
/// names the value in the error.
extension ByteReader {
  package mutating func groupID(_ field: String) throws(ByteError) -> GroupID {
    guard let number = UInt32(exactly: try varint(field)) else {
      throw .malformed(field: field, offset: offset)
    }
    return GroupID(number)
  }

  package mutating func shardID(_ field: String) throws(ByteError) -> ShardID {
    guard let number = UInt16(exactly: try varint(field)) else {
      throw .malformed(field: field, offset: offset)
    }
    return ShardID(rawValue: number)
  }

  /// Refuses the upper half of the numbers, which are never reached, so that ``ConfigNumber/next``
  /// of a number that was read cannot overflow.
  package mutating func configNumber(_ field: String) throws(ByteError) -> ConfigNumber {
    let number = try varint(field)
    guard number <= UInt64(Int64.max) else { throw .malformed(field: field, offset: offset) }
    return ConfigNumber(number)
  }

  package mutating func shardLayout(_ field: String) throws(ByteError) -> ShardLayout {
    let mapping = ShardLayout.Mapping(rawValue: try u8(field))
    let shardCount = try count(field, limit: ShardLayout.shardCountMax)
    guard let mapping, let layout = ShardLayout(mapping: mapping, shardCount: shardCount) else {
      throw .malformed(field: field, offset: offset)
    }
    return layout
  }

  package mutating func replicaAddress() throws(ByteError) -> ReplicaAddress {
    ReplicaAddress(
      id: ReplicaID(rawValue: try u64("replica id")),
      peer: try text("peer address"),
      redis: try text("Redis address"),
      http: try text("HTTP address"))
  }

  package mutating func groupRecord() throws(ByteError) -> GroupRecord {
    let identity = GroupIdentity(rawValue: try u64("group identity"))
    let membershipIndex = try varint("membership index")
    let count = try count("number of replicas", limit: remaining)
    var replicas: [ReplicaAddress] = []
    for _ in 0..<count { replicas.append(try replicaAddress()) }
    return GroupRecord(identity: identity, membershipIndex: membershipIndex, replicas: replicas)
  }

  /// Refuses numbers that do not ascend.
  package mutating func groupRecords(_ field: String) throws(ByteError) -> [GroupID: GroupRecord] {
    let count = try count("number of \(field)", limit: remaining)
    var records: [GroupID: GroupRecord] = [:]
    var last: GroupID?
    for _ in 0..<count {
      let group = try groupID(field)
      if let last, group <= last { throw .malformed(field: field, offset: offset) }
      records[group] = try groupRecord()
      last = group
    }
    return records
  }

  package mutating func shardAssignment() throws(ByteError) -> ShardAssignment {
    ShardAssignment(
      owner: try groupID("owner of a shard"),
      since: try configNumber("first configuration of an owner"),
      source: try groupID("source of a shard"),
      left: try configNumber("last configuration of a source"))
  }

  package mutating func configuration(_ field: String = "configuration") throws(ByteError)
    -> Configuration
  {
    let number = try configNumber(field)
    let layout = try shardLayout("layout of \(field)")
    var shards: [ShardAssignment] = []
    for _ in 0..<layout.shardCount { shards.append(try shardAssignment()) }
    return try members(number, layout, shards)
  }
}
