import Basics
import ShardMap
import Testing

@Suite struct CodingTests {
  @Test func configurationsComeBackAsWritten() throws {
    for seed in 0..<200 {
      var random = SeededGenerator(seed: UInt64(seed))
      let configuration = try randomConfiguration(&random)
      var writer = ByteWriter()
      writer.configuration(configuration)
      var reader = ByteReader(writer.bytes)
      #expect(try reader.configuration() == configuration)
      #expect(reader.isAtEnd)
    }
  }

  @Test func equalConfigurationsHaveEqualBytesWhateverTheOrderOfInsertion() throws {
    var random = SeededGenerator(seed: 7)
    var forward = try randomConfiguration(&random)
    var backward = forward
    forward.groups = [:]
    backward.groups = [:]
    for group in 1...50 { forward.groups[GroupID(UInt32(group))] = record(group) }
    for group in (1...50).reversed() { backward.groups[GroupID(UInt32(group))] = record(group) }
    backward.groups.reserveCapacity(1_000)
    var first = ByteWriter()
    var second = ByteWriter()
    first.configuration(forward)
    second.configuration(backward)
    #expect(first.bytes == second.bytes)
  }

  @Test func groupsThatDoNotAscendAreRefused() {
    for groups in [[2, 1], [1, 1]] {
      var writer = ByteWriter()
      writer.varint(2)
      for group in groups {
        writer.groupID(GroupID(UInt32(group)))
        writer.groupRecord(record(group))
      }
      var reader = ByteReader(writer.bytes)
      #expect(throws: ByteError.self) { try reader.groupRecords("groups") }
    }
  }

  @Test func operationsComeBackAsWritten() throws {
    let operations: [WriteOperation] = [
      .put(value: []), .put(value: [1, 2, 3]), .append(value: [0]), .delete,
      .compareAndSet(expected: nil, value: [9]), .compareAndSet(expected: [], value: [9]),
      .compareAndSet(expected: [1], value: []),
    ]
    let answers: [WriteAnswer] = [
      .written(version: 0), .written(version: .max), .missing, .compareFailed,
    ]
    var writer = ByteWriter()
    for operation in operations { writer.writeOperation(operation) }
    for answer in answers { writer.writeAnswer(answer) }
    var reader = ByteReader(writer.bytes)
    for operation in operations { #expect(try reader.writeOperation() == operation) }
    for answer in answers { #expect(try reader.writeAnswer() == answer) }
    try reader.finish("operations")
  }

  @Test func aRecordCutAnywhereIsRefused() throws {
    var random = SeededGenerator(seed: 3)
    var writer = ByteWriter()
    writer.configuration(try randomConfiguration(&random))
    for length in 0..<writer.bytes.count {
      var reader = ByteReader(Array(writer.bytes.prefix(length)))
      #expect(throws: ByteError.self) { try reader.configuration() }
    }
  }

  @Test func numbersOutOfTheirTypeAreRefused() {
    func bytes(_ write: (inout ByteWriter) -> Void) -> ByteReader {
      var writer = ByteWriter()
      write(&writer)
      return ByteReader(writer.bytes)
    }
    var group = bytes { $0.varint(UInt64(UInt32.max) + 1) }
    #expect(throws: ByteError.self) { try group.groupID("group") }
    var shard = bytes { $0.varint(UInt64(65_536)) }
    #expect(throws: ByteError.self) { try shard.shardID("shard") }
    var number = bytes { $0.varint(UInt64.max) }
    #expect(throws: ByteError.self) { try number.configNumber("number") }
    var noShards = bytes {
      $0.u8(0)
      $0.varint(0)
    }
    #expect(throws: ByteError.self) { try noShards.shardLayout("layout") }
    var manyShards = bytes {
      $0.u8(0)
      $0.varint(4_097)
    }
    #expect(throws: ByteError.self) { try manyShards.shardLayout("layout") }
    var strangeMapping = bytes {
      $0.u8(2)
      $0.varint(10)
    }
    #expect(throws: ByteError.self) { try strangeMapping.shardLayout("layout") }
    // A count of four thousand million groups in a cause of a few bytes.
    var groups = bytes {
      $0.u8(1)
      $0.varint(UInt64(UInt32.max))
    }
    #expect(throws: ByteError.self) { try groups.cause() }
  }

  @Test func causesComeBackAsWritten() throws {
    var writer = ByteWriter()
    for cause in Self.causes { writer.cause(cause) }
    var reader = ByteReader(writer.bytes)
    for cause in Self.causes { #expect(try reader.cause() == cause) }
    try reader.finish("causes")
  }

  private static let causes: [ConfigurationCause] = [
    .created, .join([GroupID(1)]), .join([]), .leave([GroupID(1), GroupID(.max)], forced: false),
    .leave([], forced: true), .move(ShardID(65_535), to: GroupID(3)),
    .weight(GroupID(2), Limits.groupWeightMax), .weight(GroupID(2), 0), .policy(.consistentHash),
    .drain([GroupID(4)]), .undrain([GroupID(5), GroupID(6)]), .rebalance,
  ]

  @Test func whatNoWriterMakesOfPlacementIsRefused() {
    func refuses(
      _ write: (inout ByteWriter) -> Void, _ read: (inout ByteReader) throws(ByteError) -> Void
    ) {
      var writer = ByteWriter()
      write(&writer)
      var reader = ByteReader(writer.bytes)
      #expect(throws: ByteError.self) { try read(&reader) }
    }
    refuses({ $0.u8(10) }, { (reader) throws(ByteError) in _ = try reader.cause() })
    refuses({ $0.u8(3) }, { (reader) throws(ByteError) in _ = try reader.policy() })
    refuses(
      {
        $0.u8(5)
        $0.varint(1)
        $0.varint(UInt64(Limits.groupWeightMax) + 1)
      }, { (reader) throws(ByteError) in _ = try reader.cause() })
    // Not ascending, no member, too heavy, the usual share, more shares than members.
    for shares in [
      [2, 4, 1, 4], [1, 4, 1, 4], [9, 4], [1, 2_002], [1, 2], [1, 0, 2, 0, 3, 0],
    ] {
      refuses(
        { writer in
          writer.varint(shares.count / 2)
          for number in shares { writer.varint(number) }
        },
        { (reader) throws(ByteError) in
          guard let layout = ShardLayout(mapping: .slots, shardCount: 1) else { return }
          var configuration = Configuration(layout: layout)
          for group in 1...2 { configuration.groups[GroupID(UInt32(group))] = record(group) }
          try reader.groupShares(of: &configuration)
        })
    }
  }

  @Test func policiesAreKnownByTheirNames() {
    #expect(
      PlacementPolicy.allCases.map(\.name) == ["balanced", "weighted", "consistent-hash"])
    for policy in PlacementPolicy.allCases {
      #expect(PlacementPolicy(name: policy.name) == policy)
    }
    #expect(PlacementPolicy(name: "Balanced") == nil)
  }

  /// Bytes changed at random: whatever is read back must be something that a writer could have
  /// made, with the very bytes that were read.
  @Test func damagedBytesAreRefusedOrMeanWhatTheySay() throws {
    for seed in 0..<3_000 {
      var random = SeededGenerator(seed: UInt64(seed))
      var writer = ByteWriter()
      writer.configuration(try randomConfiguration(&random))
      var bytes = writer.bytes
      for _ in 0...random.next(in: 0..<3) {
        bytes[random.next(in: 0..<bytes.count)] = UInt8(truncatingIfNeeded: random.next())
      }
      var reader = ByteReader(bytes)
      guard let configuration = try? reader.configuration() else { continue }
      #expect(configuration.shards.count == configuration.layout.shardCount)
      var again = ByteWriter()
      again.configuration(configuration)
      var second = ByteReader(again.bytes)
      #expect(try second.configuration() == configuration)
    }
  }

  private func record(_ group: Int) -> GroupRecord {
    GroupRecord(
      identity: GroupIdentity(rawValue: UInt64(group) * 77), membershipIndex: UInt64(group),
      replicas: [ReplicaAddress(id: ReplicaID(rawValue: UInt64(group)), peer: "host\(group):1")])
  }

  private func randomConfiguration(_ random: inout SeededGenerator) throws -> Configuration {
    let mapping: ShardLayout.Mapping = random.chance(0.5) ? .slots : .firstByte
    let layout = try #require(
      ShardLayout(mapping: mapping, shardCount: random.next(in: 1...40)))
    var configuration = Configuration(layout: layout)
    configuration.number = ConfigNumber(random.next() >> 1)
    for shard in configuration.shards.indices {
      configuration.shards[shard] = ShardAssignment(
        owner: GroupID(UInt32(random.next(in: 0..<5))), since: ConfigNumber(random.next() >> 40),
        source: GroupID(UInt32(truncatingIfNeeded: random.next())),
        left: ConfigNumber(random.next() >> 20))
    }
    for group in 0..<random.next(in: 0..<4) {
      configuration.groups[GroupID(UInt32(group))] = record(group)
      configuration.setShare(
        GroupShare(
          weight: UInt32(random.next(in: 0...Int(Limits.groupWeightMax))),
          isDrained: random.chance(0.3)),
        of: GroupID(UInt32(group)))
    }
    configuration.policy = PlacementPolicy.allCases[random.next(in: 0..<3)]
    configuration.cause = Self.causes[random.next(in: 0..<Self.causes.count)]
    configuration.madeAt = random.next() >> 1
    for group in 9..<random.next(in: 9..<12) {
      configuration.departed[GroupID(UInt32(group))] = record(group)
    }
    return configuration
  }
}
