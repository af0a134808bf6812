import Basics
import Raft
import Sessions
import ShardKV
import ShardKVServer
import ShardMap
import Testing
import Wire

/// Replica 3 of a shard group whose other two, 4 and 5, are played by the test.
struct Seat: ~Copyable {
  static let group = GroupID(4)
  static let key: [UInt8] = [97]
  static let stamp: UInt64 = 1_700_000_000_000

  var table: LoneNode<ShardGroupService>
  let client: ConnectionID
  /// What 4 and 5 say of their disks when they answer.
  var othersHaveRoom = true
  /// The connections of 4 and 5 to it.
  private let links: [ReplicaID: ConnectionID]

  init(settings: NodeSettings = NodeSettings()) throws {
    var table = try LoneNode<ShardGroupService>(
      group: Self.group.rawValue, others: [4, 5], settings: settings)
    table.take([])
    let client = try table.client(1)
    var links: [ReplicaID: ConnectionID] = [:]
    for other: UInt64 in [4, 5] {
      let address = LoneNode<ShardGroupService>.address(other)
      let link = table.accept(other)
      table.receive(
        FrameCodec.encode(
          .hello(
            Hello(
              versions: 1...1, cluster: ClusterID(rawValue: 1),
              replica: ReplicaHello(
                group: Self.group, identity: GroupIdentity(rawValue: 2), from: address.id,
                to: ReplicaID(rawValue: 3), incarnation: Incarnation(rawValue: 70 + other),
                address: address.peer)))), on: link)
      links[address.id] = link
      let opened = try #require(table.opened[address.peer])
      table.take([.link(.connected(opened))])
    }
    self.table = table
    self.client = client
    self.links = links
  }

  /// A message of another replica, as it lies in the mail.
  func mail(_ from: UInt64, term: UInt64, _ body: Message.Body) throws -> NodeInput {
    let sender = ReplicaID(rawValue: from)
    let message = Message(
      from: sender, to: ReplicaID(rawValue: 3), term: Term(term), body: body)
    return .link(.received(try #require(links[sender]), FrameCodec.encode(.raft(message))))
  }

  /// What another replica says of its state, likewise.
  func mail(_ from: UInt64, _ report: StateReport) throws -> NodeInput {
    .link(
      .received(
        try #require(links[ReplicaID(rawValue: from)]), FrameCodec.encode(.state(report))))
  }

  /// A client's request, likewise.
  func mail(_ body: Request.Body, id: UInt64 = 9) -> NodeInput {
    .link(.received(client, FrameCodec.encode(.request(Request(id: id, body: body)))))
  }

  static func append(
    _ entries: [Entry] = [], after previous: EntryID = .zero, commit: UInt64, round: UInt64 = 0
  ) -> Message.Body {
    .append(
      AppendRequest(
        previous: previous, entries: entries, commit: LogIndex(commit), round: round))
  }

  static func id(_ index: UInt64, _ term: UInt64) -> EntryID {
    EntryID(index: LogIndex(index), term: Term(term))
  }

  static func entry(_ index: UInt64, _ term: UInt64, _ command: ShardGroupMachine.Command) -> Entry
  {
    Entry(
      id: id(index, term), kind: .command, stamp: stamp,
      payload: ShardGroupMachine.encode(command))
  }

  /// All shards are this group's, or another's.
  static func adopt(_ number: UInt64, owner: GroupID = group) throws -> ShardGroupMachine.Command {
    let layout = try #require(ShardLayout(mapping: .slots, shardCount: 4))
    let record = GroupRecord(
      identity: GroupIdentity(rawValue: 2), membershipIndex: 1,
      replicas: [LoneNode<ShardGroupService>.address(3)])
    var shard = ShardAssignment(owner: group, since: ConfigNumber(1))
    if owner != group { shard = shard.handedOver(to: owner, in: ConfigNumber(number)) }
    return .adopt(
      Configuration(
        number: ConfigNumber(number), layout: layout, shards: Array(repeating: shard, count: 4),
        groups: [group: record, GroupID(6): record], departed: [:]))
  }

  static func put(_ value: UInt8, sequence: UInt64) -> ShardGroupMachine.Command {
    let session = SessionID(issued: stamp, nonce: 1)
    return .write(
      WriteID(session: session, sequence: sequence, firstUnanswered: sequence), key: key,
      .put(value: [value]))
  }

  /// Follows 4 in term 1, with the key's first value applied.
  mutating func follow() throws {
    let entries = [
      Self.entry(1, 1, try Self.adopt(1)), Self.entry(2, 1, Self.put(1, sequence: 1)),
    ]
    table.take([try mail(4, term: 1, Self.append(entries, commit: 2))])
    _ = try sent(to: 4)
  }

  /// Leads, with an entry of its own term committed and the same applied.
  mutating func lead(promise: UInt64 = 0) throws -> UInt64 {
    try follow()
    var requests: [Message] = []
    while requests.isEmpty {
      table.pass(milliseconds: 10)
      requests = try sent(to: 4)
    }
    let term = try #require(requests.first).term.rawValue
    for isPreVote in [true, false] {
      table.take([
        try mail(
          4, term: term, .voteReply(VoteReply(isGranted: true, isPreVote: isPreVote)))
      ])
    }
    #expect(table.node.raft.role == .leader)
    let round = try sent(to: 4).compactMap(Self.round).last ?? 0
    table.take([try mail(4, term: term, Self.matched(3, round: round, promise: promise))])
    return term
  }

  static func matched(_ index: UInt64, round: UInt64, promise: UInt64 = 0) -> Message.Body {
    .appendReply(
      AppendReply(
        outcome: .matched(LogIndex(index)), round: round, wall: stamp, promise: promise))
  }

  static func round(_ message: Message) -> UInt64? {
    if case .append(let request) = message.body { request.round } else { nil }
  }

  /// The leader's entries up to `index` are on the disk of another voter, whose clock says so.
  mutating func acknowledge(_ index: UInt64, term: UInt64, wall: UInt64 = stamp) throws {
    let round = try sent(to: 4).compactMap(Self.round).last ?? 0
    let reply = AppendReply(
      outcome: .matched(LogIndex(index)), round: round, wall: wall, promise: 0,
      hasRoom: othersHaveRoom)
    table.take([try mail(4, term: term, .appendReply(reply))])
  }

  /// The other voters say what their disks are like, and nothing else.
  mutating func sayRoom(_ hasRoom: Bool, term: UInt64) throws {
    othersHaveRoom = hasRoom
    for other: UInt64 in [4, 5] {
      let reply = AppendReply(outcome: .heard, round: 0, wall: Self.stamp, hasRoom: hasRoom)
      table.take([try mail(other, term: term, .appendReply(reply))])
    }
  }

  /// What a Redis client sends on one line each, and takes the answer to it.
  mutating func ask(_ lines: String..., on client: ConnectionID) -> String {
    let text = lines.map { $0 + "\r\n" }.joined()
    table.receive(Array(text.utf8), on: client)
    return table.text(on: client)
  }

  /// Takes what was sent to another replica.
  mutating func sent(to replica: UInt64) throws -> [Message] {
    let address = LoneNode<ShardGroupService>.address(replica).peer
    return try table.messages(on: try #require(table.opened[address])).compactMap { message in
      if case .raft(let raft) = message { raft } else { nil }
    }
  }

  /// Takes the numbers of the questions that were sent to another replica.
  mutating func questions(to replica: UInt64) throws -> [UInt64] {
    try sent(to: replica).compactMap {
      if case .readIndex(let number) = $0.body { number } else { nil }
    }
  }

  /// Takes the answers that the client got.
  mutating func answers() throws -> [Reply.Body] {
    try table.messages(on: client).compactMap {
      if case .reply(let reply) = $0 { reply.body } else { nil }
    }
  }
}
