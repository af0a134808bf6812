import Basics
import Clerk
import Sessions
import ShardMap
import Testing
import Wire

let millisecond = nanosecondsPerMillisecond

/// One scripted node.
final class FakeNode {
  enum Mode { case up, refusing, blackHole, closing }
  let address: String
  let group: GroupID
  var identity: GroupIdentity
  var cluster = FakeCluster.clusterID
  var mode = Mode.up
  /// `nil`: this node leads.
  var leader: String?
  var knowsLeader = true
  /// Takes effect before the ordinary handling; `.ordinary` goes on with it.
  var script: ((Request) -> Decision)?
  /// Replies that are lost, although the request was carried out.
  var repliesToLose = 0
  var requests: [(at: UInt64, request: Request)] = []
  /// Sent in place of a welcome.
  var greeting: [UInt8]?

  enum Decision {
    case ordinary, silence
    case reply(Reply.Body)
    case bytes([UInt8])
  }

  init(_ address: String, _ group: GroupID, _ identity: GroupIdentity, leader: String?) {
    self.address = address
    self.group = group
    self.identity = identity
    self.leader = leader
  }

  var writes: [WriteID] {
    requests.compactMap { if case .write(let id, _, _) = $0.request.body { id } else { nil } }
  }
}

/// What the replicas of one group hold together: they are never out of step here.
final class FakeGroup {
  var values: [[UInt8]: (value: [UInt8], version: UInt64)] = [:]
  var answers: [SessionID: [UInt64: WriteAnswer]] = [:]
  var expired: Set<SessionID> = []
  var applied = 0
  var sessionCount: UInt64 = 0
  var configuration = ConfigNumber.zero
}

/// A cluster of scripted nodes around one clerk, in virtual time.
final class FakeCluster {
  static let clusterID = ClusterID(rawValue: 0xC1)
  static let latency = millisecond

  struct Event {
    enum Kind {
      case toClerk(LinkInput)
      case toNode(ConnectionID, [UInt8])
    }
    var at: UInt64
    var kind: Kind
  }

  private(set) var now: UInt64 = 1_000 * millisecond
  var clerk: Clerk
  var nodes: [String: FakeNode] = [:]
  var groups: [GroupID: FakeGroup] = [:]
  var configuration: Configuration
  /// What controllers say of themselves.
  var controllers: [String] = []
  var finished: [OperationID: (outcome: ClerkOutcome, at: UInt64)] = [:]
  private(set) var connects: [String] = []
  private(set) var turns = 0
  private var events: [Event] = []
  private var links: [ConnectionID: (address: String, decoder: FrameDecoder)] = [:]

  /// Controllers `c:1…3` and groups 1 and 2 of three replicas `g1:1…3`, `g2:1…3`; the first of each
  /// leads. Even shards belong to group 1, odd ones to group 2.
  init(settings: ClerkSettings = ClerkSettings(), shards: Int = 4, seed: UInt64 = 1) throws {
    let layout = try #require(ShardLayout(mapping: .firstByte, shardCount: shards))
    configuration = Configuration(layout: layout)
    clerk = Clerk(
      settings: settings, controllers: ["c:1", "c:2", "c:3"], cluster: nil, firstConnection: 1,
      seed: seed)
    addGroup(.none, "c")
    for number in 1...2 as ClosedRange<UInt32> { addGroup(GroupID(number), "g\(number)") }
    configuration.number = ConfigNumber(1)
    for shard in 0..<shards {
      configuration.shards[shard].owner = GroupID(UInt32(shard % 2 + 1))
    }
    for group in groups.values { group.configuration = configuration.number }
  }

  private func addGroup(_ group: GroupID, _ name: String) {
    let identity = GroupIdentity(rawValue: UInt64(group.rawValue) + 100)
    for number in 1...3 {
      let address = "\(name):\(number)"
      nodes[address] = FakeNode(address, group, identity, leader: number == 1 ? nil : "\(name):1")
    }
    groups[group] = FakeGroup()
    if group != .none {
      configuration.groups[group] = GroupRecord(
        identity: identity, membershipIndex: 1,
        replicas: (1...3).map {
          ReplicaAddress(id: ReplicaID(rawValue: UInt64($0)), peer: "\(name):\($0)")
        })
    }
  }

  func node(_ address: String) throws -> FakeNode { try #require(nodes[address]) }

  /// Makes another replica of the same group the leader.
  func lead(_ address: String, known: Bool = true) throws {
    let group = try node(address).group
    for node in nodes.values where node.group == group {
      node.leader = node.address == address ? nil : address
      node.knowsLeader = known
    }
  }

  /// Gives a shard to another group in a new configuration, its data and sessions with it.
  func move(_ shard: Int, to group: GroupID) throws {
    let source = try #require(groups[configuration.shards[shard].owner])
    let target = try #require(groups[group])
    configuration.number = configuration.number.next
    configuration.shards[shard].owner = group
    for (session, answers) in source.answers {
      target.answers[session, default: [:]].merge(answers) { $1 }
    }
    for (key, value) in source.values { target.values[key] = value }
    for group in groups.values { group.configuration = configuration.number }
  }

  @discardableResult
  func submit(_ operation: ClerkOperation, for time: UInt64 = 10_000 * millisecond) -> OperationID {
    clerk.submit(
      operation, deadline: now + time, now: Moment(monotonic: now, wall: 0))
  }

  @discardableResult
  func put(_ key: String, _ value: String, for time: UInt64 = 10_000 * millisecond)
    -> OperationID
  {
    submit(.write(key: Array(key.utf8), .put(value: Array(value.utf8))), for: time)
  }

  func reply(_ id: OperationID) -> Reply.Body? {
    if case .reply(let body) = finished[id]?.outcome { body } else { nil }
  }

  func error(_ id: OperationID) -> ClerkError? {
    if case .failed(let error) = finished[id]?.outcome { error } else { nil }
  }

  /// Lets time pass, turn by turn, until then or until nothing is under way.
  func run(for time: UInt64 = 20_000 * millisecond, while goesOn: () -> Bool = { true }) {
    let end = now + time
    while goesOn() {
      let next = [events.first?.at, clerk.nextDeadline].compactMap { $0 }.min()
      guard let next, next <= end else { break }
      now = max(now, next)
      turn()
    }
    if goesOn() { now = max(now, end) }
  }

  func runUntilFinished() { run(while: { clerk.pendingCount > 0 || clerk.nextDeadline == now }) }

  private func turn() {
    turns += 1
    var inputs: [LinkInput] = []
    while let event = events.first, event.at <= now {
      events.removeFirst()
      switch event.kind {
      case .toClerk(let input): inputs.append(input)
      case .toNode(let connection, let bytes): deliver(bytes, connection)
      }
    }
    let effects = clerk.turn(Moment(monotonic: now, wall: 0), inputs)
    for effect in effects.links {
      switch effect {
      case .connect(let connection, let address): connect(connection, address)
      case .send(let connection, let bytes): schedule(.toNode(connection, bytes))
      case .close(let connection): links[connection] = nil
      case .pause, .resume: Issue.record("a clerk takes all that it asked for")
      }
    }
    for (id, outcome) in effects.finished {
      #expect(finished[id] == nil, "\(id) is finished twice")
      finished[id] = (outcome, now)
    }
  }

  private func schedule(_ kind: Event.Kind) {
    let at = now + Self.latency
    var low = 0
    var high = events.count
    while low < high {
      let middle = (low + high) / 2
      if events[middle].at <= at { low = middle + 1 } else { high = middle }
    }
    events.insert(Event(at: at, kind: kind), at: low)
  }

  private func connect(_ connection: ConnectionID, _ address: String) {
    connects.append(address)
    guard let node = nodes[address], node.mode != .refusing else {
      return schedule(.toClerk(.closed(connection, reason: "connection refused")))
    }
    links[connection] = (address, FrameDecoder(limits: .conversation))
    schedule(.toClerk(.connected(connection)))
  }

  /// Breaks every connection to a node, as its end does.
  func disconnect(_ address: String) {
    for connection in links.keys.sorted() where links[connection]?.address == address {
      links[connection] = nil
      schedule(.toClerk(.closed(connection, reason: "connection reset")))
    }
  }

  private func deliver(_ bytes: [UInt8], _ connection: ConnectionID) {
    guard let address = links[connection]?.address, let node = nodes[address] else { return }
    if node.mode == .closing { return disconnect(address) }
    guard node.mode == .up else { return }
    links[connection]?.decoder.append(bytes)
    while let message = try? links[connection]?.decoder.next() {
      switch message {
      case .hello:
        let welcome = Welcome(
          version: 1, cluster: node.cluster, group: node.group, identity: node.identity,
          replica: ReplicaID(rawValue: 1))
        answer(connection, node.greeting ?? FrameCodec.encode(.welcome(welcome)))
      case .request(let request): handle(request, node, connection)
      default: Issue.record("a clerk sent \(message)")
      }
    }
  }

  private func answer(_ connection: ConnectionID, _ bytes: [UInt8]) {
    schedule(.toClerk(.received(connection, bytes)))
  }

  private func handle(_ request: Request, _ node: FakeNode, _ connection: ConnectionID) {
    node.requests.append((now, request))
    let body: Reply.Body
    switch node.script?(request) ?? .ordinary {
    case .silence: return
    case .reply(let scripted): body = scripted
    case .bytes(let bytes): return answer(connection, bytes)
    case .ordinary: body = ordinary(request.body, node)
    }
    if node.repliesToLose > 0 {
      node.repliesToLose -= 1
      return
    }
    answer(connection, FrameCodec.encode(.reply(Reply(id: request.id, body: body))))
  }

  private func ordinary(_ body: Request.Body, _ node: FakeNode) -> Reply.Body {
    if case .staleGet(let key) = body, let group = groups[node.group] {
      let known = group.values[key]
      return .stale(StaleValue(value: known?.value, version: known?.version ?? 0, age: 7))
    }
    if case .getAnywhere(let key) = body {
      return node.knowsLeader ? read(key, node) : .refused(.noLeader)
    }
    if let leader = node.leader, body != .status {
      return .refused(.wrongLeader(hint: node.knowsLeader ? leader : nil))
    }
    guard let group = groups[node.group] else { return .refused(.notReady) }
    func isOwned(_ key: [UInt8]) -> Bool {
      configuration.owner(of: configuration.layout.shard(of: key)) == node.group
    }
    switch body {
    case .query: return .configuration(configuration, controllers: controllers)
    case .openSession(let shard):
      if let shard, configuration.owner(of: shard) != node.group {
        return .refused(.wrongGroup(group.configuration))
      }
      group.sessionCount += 1
      return .session(
        SessionID(issued: UInt64(node.group.rawValue) + 1, nonce: group.sessionCount))
    case .get(let key), .getAnywhere(let key): return read(key, node)
    case .write(let id, let key, let operation):
      if !isOwned(key) { return .refused(.wrongGroup(group.configuration)) }
      return apply(id, key, operation, group)
    case .control(let id, _, _):
      if let known = group.answers[id.session]?[id.sequence] { return .written(known) }
      group.applied += 1
      return .done(configuration.number)
    case .plan:
      var planned = configuration
      planned.number = configuration.number.next
      return .planned(planned)
    case .redis(let shard, let work):
      if configuration.owner(of: shard) != node.group {
        return .refused(.wrongGroup(group.configuration))
      }
      group.applied += 1
      return .redis(work)
    case .register: return .done(.zero)
    case .shardData: return .shardChunk([1, 2, 3])
    case .deleteShard, .membership: return .done(.zero)
    case .status, .staleGet: return .refused(.invalid("not made here"))
    }
  }

  private func read(_ key: [UInt8], _ node: FakeNode) -> Reply.Body {
    guard let group = groups[node.group] else { return .refused(.notReady) }
    if configuration.owner(of: configuration.layout.shard(of: key)) != node.group {
      return .refused(.wrongGroup(group.configuration))
    }
    return group.values[key].map { .value($0.value, version: $0.version) } ?? .noKey
  }

  private func apply(
    _ id: WriteID, _ key: [UInt8], _ operation: WriteOperation, _ group: FakeGroup
  ) -> Reply.Body {
    if group.expired.contains(id.session) { return .refused(.sessionExpired) }
    if let known = group.answers[id.session]?[id.sequence] { return .written(known) }
    group.applied += 1
    let version = (group.values[key]?.version ?? 0) + 1
    switch operation {
    case .put(let value): group.values[key] = (value, version)
    case .append(let value): group.values[key] = ((group.values[key]?.value ?? []) + value, version)
    case .delete: group.values[key] = nil
    case .compareAndSet(_, let value): group.values[key] = (value, version)
    }
    group.answers[id.session, default: [:]][id.sequence] = .written(version: version)
    return .written(.written(version: version))
  }
}
