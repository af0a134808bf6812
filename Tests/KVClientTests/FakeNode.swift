import Basics
import EventLoop
import Raft
import Sessions
import ShardMap
import Wire

/// A node that answers requests from a closure, in a thread of its own.
final class FakeNode: Sendable {
  typealias Handler = (Request.Body) -> Reply.Body?

  let endpoint: String
  private let stop: Mailbox<Bool>

  static let cluster = ClusterID(rawValue: 1)
  static let identity = GroupIdentity(rawValue: 2)
  static let replica = ReplicaID(rawValue: 3)

  /// `makeHandler` is called in the thread. A handler that gives `nil` leaves the request without
  /// an answer.
  init(group: GroupID, _ makeHandler: @escaping @Sendable () -> Handler) {
    let stop = Mailbox<Bool>()
    let ready = Mailbox<String>()
    self.stop = stop
    startThread {
      let loop = Loop()
      loop.watch(stop.wakeup)
      let port = try? loop.listen(on: "127.0.0.1:0")
      ready.send("127.0.0.1:\(port ?? 0)")
      FakeNodeThread(group: group, loop: loop, handler: makeHandler()).run(until: stop)
    }
    let waiter = Loop()
    waiter.watch(ready.wakeup)
    var inputs: [LinkInput] = []
    waiter.poll(until: nil, into: &inputs)
    endpoint = ready.takeAll().first ?? ""
  }

  deinit { stop.send(true) }
}

private final class FakeNodeThread {
  let group: GroupID
  let loop: Loop
  let handler: FakeNode.Handler
  var decoders: [ConnectionID: FrameDecoder] = [:]

  init(group: GroupID, loop: Loop, handler: @escaping FakeNode.Handler) {
    self.group = group
    self.loop = loop
    self.handler = handler
  }

  func run(until stop: Mailbox<Bool>) {
    var inputs: [LinkInput] = []
    while stop.takeAll().isEmpty {
      inputs.removeAll()
      loop.poll(until: nil, into: &inputs)
      for input in inputs {
        switch input {
        case .accepted(let id, _): decoders[id] = FrameDecoder(limits: .conversation)
        case .connected, .congested: break
        case .received(let id, let bytes): receive(id, bytes)
        case .closed(let id, _): decoders[id] = nil
        }
      }
      loop.flush()
    }
  }

  private func receive(_ id: ConnectionID, _ bytes: [UInt8]) {
    decoders[id]?.append(bytes)
    while let message = try? decoders[id]?.next() {
      switch message {
      case .hello:
        let welcome = Welcome(
          version: 1, cluster: FakeNode.cluster, group: group, identity: FakeNode.identity,
          replica: FakeNode.replica)
        send(id, .welcome(welcome))
      case .request(let request):
        if let body = handler(request.body) { send(id, .reply(Reply(id: request.id, body: body))) }
      default: break
      }
    }
  }

  private func send(_ id: ConnectionID, _ message: WireMessage) {
    loop.perform([.send(id, FrameCodec.encode(message))])
  }
}

/// One controller and one group of one replica, with the data in memory.
struct FakeCluster {
  let controller: FakeNode
  let group: FakeNode

  /// `swallow` names requests that the group carries out but never answers.
  init(swallow: @escaping @Sendable (Request.Body) -> Bool = { _ in false }) throws {
    let group = FakeNode(group: GroupID(1)) {
      var store = FakeStore()
      return { body in
        let reply = store.answer(body)
        return swallow(body) ? nil : reply
      }
    }
    let endpoint = group.endpoint
    self.group = group
    controller = FakeNode(group: .none) {
      { body in
        switch body {
        case .query: .configuration(Self.configuration(endpoint), controllers: [])
        case .openSession: .session(SessionID(issued: 1, nonce: 1))
        default: .refused(.invalid("not a request to a controller"))
        }
      }
    }
  }

  private static func configuration(_ endpoint: String) -> Configuration {
    guard let layout = ShardLayout(mapping: .slots, shardCount: 4) else { fatalError("layout") }
    let record = GroupRecord(
      identity: FakeNode.identity, membershipIndex: 1,
      replicas: [ReplicaAddress(id: FakeNode.replica, peer: endpoint)])
    let shard = ShardAssignment(owner: GroupID(1), since: ConfigNumber(1))
    return Configuration(
      number: ConfigNumber(1), layout: layout, shards: Array(repeating: shard, count: 4),
      groups: [GroupID(1): record], departed: [:])
  }
}

/// The least that answers as a group does. Repeats of a write are answered, not applied.
private struct FakeStore {
  private var values: [[UInt8]: (bytes: [UInt8], version: UInt64)] = [:]
  private var answers: [String: WriteAnswer] = [:]
  private var nextNonce: UInt64 = 0

  mutating func answer(_ body: Request.Body) -> Reply.Body {
    switch body {
    case .get(let key), .getAnywhere(let key):
      return values[key].map { .value($0.bytes, version: $0.version) } ?? .noKey
    case .openSession:
      nextNonce += 1
      return .session(SessionID(issued: 1, nonce: nextNonce))
    case .write(let id, let key, let operation):
      let name = "\(id.session) \(id.sequence)"
      let answer = answers[name] ?? write(key, operation)
      answers[name] = answer
      return .written(answer)
    default: return .refused(.invalid("not a request to a group"))
    }
  }

  private mutating func write(_ key: [UInt8], _ operation: WriteOperation) -> WriteAnswer {
    let old = values[key]
    let bytes: [UInt8]
    switch operation {
    case .put(let value): bytes = value
    case .append(let value): bytes = (old?.bytes ?? []) + value
    case .delete:
      values[key] = nil
      return old == nil ? .missing : .written(version: 0)
    case .compareAndSet(let expected, let value):
      if old?.bytes != expected { return .compareFailed }
      bytes = value
    }
    let version = (old?.version ?? 0) + 1
    values[key] = (bytes, version)
    return .written(version: version)
  }
}
