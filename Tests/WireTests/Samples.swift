import Basics
import Raft
import Sessions
import ShardMap
import Wire

/// One message of every kind and shape, with the values that are hard to carry.
enum Samples {
  static let session = SessionID(issued: 1_763_697_600_000, nonce: 0x9F86_D081_884C_7D65)
  static let write = WriteID(session: session, sequence: 7, firstUnanswered: 5)
  static let binary: [UInt8] = [0xFF, 0x00, 0x80, 0x0D, 0x0A]
  static let first = ReplicaID(rawValue: 0xA1)
  static let second = ReplicaID(rawValue: 0xFFFF_FFFF_FFFF_FFFF)

  static let record = GroupRecord(
    identity: GroupIdentity(rawValue: 0x0123_4567_89AB_CDEF), membershipIndex: 3,
    replicas: [
      ReplicaAddress(id: first, peer: "10.0.0.1:7000", redis: "10.0.0.1:6379", http: ""),
      ReplicaAddress(id: second, peer: "[::1]:7001", redis: "", http: "h\"\\\u{e9}:80"),
    ])

  static let configuration: Configuration = {
    guard let layout = ShardLayout(mapping: .firstByte, shardCount: 3) else {
      fatalError("three shards are within the limits")
    }
    var configuration = Configuration(
      number: ConfigNumber(9), layout: layout,
      shards: [
        ShardAssignment(),
        ShardAssignment(owner: GroupID(2), since: ConfigNumber(4)),
        ShardAssignment(
          owner: .none, since: ConfigNumber(9), source: GroupID(UInt32.max), left: ConfigNumber(9)),
      ],
      groups: [GroupID(2): record, GroupID(1): record], departed: [GroupID(UInt32.max): record],
      policy: .consistentHash, cause: .weight(GroupID(2), 0), madeAt: 1_763_697_600_000)
    configuration.setShare(GroupShare(weight: 0, isDrained: true), of: GroupID(2))
    return configuration
  }()

  static let causes: [ConfigurationCause] = [
    .created, .join([GroupID(1), GroupID(2)]), .join([]), .leave([GroupID(3)], forced: false),
    .leave([GroupID(3), GroupID(4)], forced: true), .move(ShardID(2), to: GroupID(7)),
    .weight(GroupID(2), 1_000), .policy(.weighted), .drain([GroupID(1)]), .undrain([GroupID(1)]),
    .rebalance,
  ]

  static let commands: [ControlCommand] = [
    .join([
      JoinRequest(group: GroupID(1), seeds: ["a:1", "b:2"]),
      JoinRequest(group: GroupID(2), seeds: [], weight: 3),
    ]),
    .join([]), .leave([GroupID(1), GroupID(7)], force: true), .leave([], force: false),
    .move(ShardID(3), to: GroupID(9)), .weight(GroupID(2), 0), .weight(GroupID(2), .max),
    .policy(.balanced), .policy(.weighted), .policy(.consistentHash), .drain([GroupID(1)]),
    .undrain([GroupID(1), GroupID(2)]), .rebalance,
  ]

  static let requests: [Request.Body] =
    [
      .get(key: []), .get(key: Array("a".utf8)), .get(key: binary),
      .get(key: Array(repeating: 0x61, count: 5_000)), .staleGet(key: Array("a".utf8)),
      .staleGet(key: binary), .getAnywhere(key: binary),
      .write(write, key: Array("a".utf8), .put(value: Array("b".utf8))),
      .write(write, key: Array("a\"\\/\u{1}\n\r\t\u{7F}\u{2028}é😀".utf8), .append(value: binary)),
      .write(write, key: Array("k".utf8), .append(value: Array(repeating: 0xFE, count: 70_000))),
      .write(write, key: binary, .delete),
      .write(write, key: Array("k".utf8), .compareAndSet(expected: nil, value: [])),
      .write(
        write, key: Array("k".utf8),
        .compareAndSet(
          expected: Array(repeating: 0x62, count: 5_000),
          value: Array(repeating: 0x63, count: 6_000))),
      .openSession(nil), .openSession(ShardID(4_095)), .query(nil),
      .query(ConfigNumber(UInt64(Int64.max))),
      .register(GroupID(4), record),
      .shardData(ShardID(1), left: ConfigNumber(3), cursor: []),
      .shardData(ShardID(1), left: ConfigNumber(3), cursor: binary),
      .deleteShard(ShardID(1), left: ConfigNumber(3)), .status,
      .redis(ShardID(1), work: []), .redis(ShardID(4_095), work: binary),
      .membership(.add(record.replicas[0])), .membership(.add(record.replicas[1])),
      .membership(.promote(second)), .membership(.remove(first)),
      .membership(.replace(first, with: second)), .membership(.transfer(to: nil)),
      .membership(.transfer(to: second)),
    ] + commands.map { .control(write, $0) }
    + commands.map { .control(write, $0, expected: ConfigNumber(9)) } + commands.map { .plan($0) }

  static let replies: [Reply.Body] =
    [
      .value([], version: 1), .value(Array("b".utf8), version: UInt64(Int64.max)),
      .value(binary, version: 2), .value(Array(repeating: 0x7A, count: 1 << 20), version: 3),
      .noKey,
      .written(.written(version: 12)), .written(.missing), .written(.compareFailed),
      .session(session), .configuration(configuration, controllers: []),
      .configuration(configuration, controllers: ["10.0.0.1:7000", "[::1]:7000"]), .done(.zero),
      .done(ConfigNumber(8)),
      .shardChunk([]), .shardChunk(binary), .redis([]), .redis(binary), .status(status),
      .refused(.wrongLeader(hint: nil)),
      .refused(.wrongLeader(hint: "10.0.0.2:7000")), .refused(.wrongGroup(ConfigNumber(5))),
      .refused(
        .wrongGroup(
          ConfigNumber(5),
          owner: ShardOwner(group: GroupID(2), since: ConfigNumber(4), record: record))),
      .stale(StaleValue(value: binary, version: 3, age: 250)),
      .stale(StaleValue(value: nil, version: 0, age: 0)),
      .refused(.notReady), .refused(.overloaded), .refused(.noRoom), .refused(.sessionExpired),
      .refused(.outcomeUnknown),
      .refused(.invalid("a value of 2000000 bytes: the limit is 1048576")),
    ]
    + causes.map { cause in
      var made = configuration
      made.cause = cause
      return .planned(made)
    }

  static let metadata = SnapshotMetadata(
    last: EntryID(index: LogIndex(100), term: Term(4)), stamp: 1_763_697_600_123,
    membership: Membership(
      voters: [second, first], outgoing: [first], learners: [],
      contexts: [first: binary, second: Array("b".utf8)]),
    membershipIndex: LogIndex(1))

  private static let doubt = TrustReport(doubts: 3, isInDoubt: true)

  static let raft: [Message.Body] = [
    .voteRequest(
      VoteRequest(last: EntryID(index: LogIndex(3), term: Term(2)), isPreVote: true)),
    .voteRequest(VoteRequest(last: .zero, isPreVote: false, isTransfer: true)),
    .voteRequest(VoteRequest(last: .zero, isPreVote: true, trust: doubt)),
    .voteReply(VoteReply(isGranted: true, isPreVote: false)),
    .voteReply(
      VoteReply(
        isGranted: true, isPreVote: false, trust: TrustReport(doubts: 7, isInDoubt: false),
        askedDoubts: 2)),
    .voteReply(VoteReply(isGranted: true, isPreVote: true, trust: doubt, isDamaged: true)),
    .append(AppendRequest(previous: .zero, entries: [], commit: .zero, round: 3)),
    .append(
      AppendRequest(
        previous: .zero, entries: [], commit: .zero, round: 3,
        settles: Settlement(doubts: 3, index: LogIndex(9)))),
    .append(
      AppendRequest(
        previous: EntryID(index: LogIndex(3), term: Term(2)),
        entries: [
          Entry(
            id: EntryID(index: LogIndex(4), term: Term(3)), kind: .command, stamp: 5,
            payload: binary),
          Entry(
            id: EntryID(index: LogIndex(5), term: Term(3)), kind: .clock, stamp: 6, payload: []),
        ], commit: LogIndex(3), round: 4)),
    .appendReply(AppendReply(outcome: .matched(LogIndex(4)), round: 4, wall: 1_763_697_600_000)),
    .appendReply(
      AppendReply(
        outcome: .conflict(
          previous: LogIndex(9), hint: EntryID(index: LogIndex(2), term: Term(1))), round: 1,
        wall: 0)),
    .appendReply(AppendReply(outcome: .heard, round: 0, wall: 2)),
    .appendReply(AppendReply(outcome: .heard, round: 6, wall: 2, promise: 500)),
    .appendReply(AppendReply(outcome: .heard, round: 6, wall: 2, trust: doubt, hasRoom: false)),
    .snapshot(
      SnapshotChunk(metadata: metadata, section: 2, bytes: binary, isLast: true, round: 7)),
    .snapshotReply(
      SnapshotReply(
        snapshot: EntryID(index: LogIndex(100), term: Term(4)), nextSection: 3, round: 7, wall: 9)),
    .snapshotReply(
      SnapshotReply(
        snapshot: EntryID(index: LogIndex(100), term: Term(4)), nextSection: 3, round: 7, wall: 9,
        trust: doubt)),
    .readIndex(context: UInt64.max), .readIndexReply(context: 1, index: LogIndex(8)),
    .readIndexReply(context: 1, index: nil), .timeoutNow, .removed(at: LogIndex(12)),
  ]

  static let status = NodeStatus(
    cluster: ClusterID(rawValue: 0xC1), group: GroupID(2), replica: first, role: .preCandidate,
    term: Term(3), leader: second, firstIndex: LogIndex(1), lastIndex: LogIndex(9),
    commitIndex: LogIndex(8), appliedIndex: LogIndex(7), snapshotIndex: .zero, journalBytes: 4_096,
    snapshotBytes: 0, configuration: ConfigNumber(6), replicas: record.replicas,
    voters: [first, second], outgoing: [first], learners: [ReplicaID(rawValue: 0xB7)],
    membershipIndex: LogIndex(4), isMembershipSettled: false,
    followers: [
      NodeStatus.Follower(replica: second, match: LogIndex(7), silentMilliseconds: 30)
    ],
    shards: ShardStatus.allCases.enumerated().map {
      NodeStatus.ShardReport(
        shard: ShardID($0.offset), status: $0.element, isOwned: $0.offset == 1, keys: 3, bytes: 99)
    }, counters: [NodeStatus.Counter(name: "elections", value: .max)],
    disk: NodeStatus.Disk(free: 5, total: .max, room: .out),
    agreement: NodeStatus.Agreement(
      index: LogIndex(8), agreeing: 2, differed: UInt64(Int64.max), isSplit: true),
    doubt: .damage)

  static let states: [StateReport] = [
    StateReport(
      digest: StateDigest(
        index: LogIndex(UInt64(Int64.max)), format: Int(UInt16.max),
        parts: (0...4_096).map { StateDigest.Part(number: $0, hash: UInt64.max - UInt64($0)) }),
      isInDoubt: true),
    StateReport(
      digest: StateDigest(
        index: LogIndex(8), format: 1, parts: [StateDigest.Part(number: 4_096, hash: 0)]),
      isInDoubt: false),
    StateReport(digest: StateDigest(index: .zero, format: 0, parts: []), isInDoubt: false),
  ]

  static let hellos: [WireMessage] = [
    .hello(Hello(versions: 1...1, cluster: nil, replica: nil)),
    .hello(
      Hello(
        versions: 1...3, cluster: ClusterID(rawValue: 0xC1),
        replica: ReplicaHello(
          group: .none, identity: GroupIdentity(rawValue: 9), from: first, to: second))),
    .welcome(
      Welcome(
        version: 1, cluster: ClusterID(rawValue: 0xC1), group: GroupID(3),
        identity: GroupIdentity(rawValue: 9), replica: second)),
    .hello(
      Hello(
        versions: 1...1, cluster: ClusterID(rawValue: 0xC1),
        replica: ReplicaHello(
          group: .none, identity: GroupIdentity(rawValue: 9), from: first, to: second,
          incarnation: Incarnation(rawValue: 0xF0), address: "10.0.0.1:7000"))),
    .welcome(
      Welcome(
        version: 1, cluster: ClusterID(rawValue: 0xC1), group: GroupID(3),
        identity: GroupIdentity(rawValue: 9), replica: second,
        incarnation: Incarnation(rawValue: 0xF1))),
    .dismissal(reason: "another folder"),
    .goodbye(reason: "too many \"connections\""),
  ]

  static let all: [WireMessage] =
    hellos
    + requests.enumerated().map { .request(Request(id: UInt64($0.offset), body: $0.element)) }
    + replies.map { .reply(Reply(id: .max, body: $0)) }
    + raft.map { .raft(Message(from: first, to: second, term: Term(5), body: $0)) }
    + states.map { .state($0) }
}
