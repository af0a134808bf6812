import Basics
import Journal
import Raft
import ShardKVServer
import ShardMap
import Wire

/// A group of one replica, or of some more that the test plays, whose disk never fails and whose
/// network is the test itself.
struct LoneNode<Service: NodeService>: ~Copyable where Service.Machine: Sendable {
  private(set) var node: Node<Service>
  private(set) var files: MemoryFolder
  private(set) var now = Moment(monotonic: 1_000_000_000, wall: 1_700_000_000_000)
  /// What the node sent, by connection, as bytes not yet decoded.
  private(set) var sent: [ConnectionID: [UInt8]] = [:]
  private(set) var closed: Set<ConnectionID> = []
  /// Those that it does not want to receive from now.
  private(set) var paused: Set<ConnectionID> = []
  private(set) var stop: NodeStop?
  private(set) var events: [NodeEvent] = []
  /// The connections that it opened last, by address.
  private(set) var opened: [String: ConnectionID] = [:]
  private(set) var largestTurnBytes = 0
  /// The most bytes that were sent in one turn, on all connections.
  private(set) var mostSentBytes = 0
  /// The most entries that were applied in one turn.
  private(set) var mostApplied: UInt64 = 0
  /// The most entries that were freed in one turn that did not let go of any.
  private(set) var mostFreed = 0
  private var background = BackgroundWorker()
  /// What is done beside the journal comes to nothing for now.
  var holdsBackground = false
  /// There is no room for what is done beside the journal.
  var isFull = false

  static func address(_ replica: UInt64) -> ReplicaAddress {
    ReplicaAddress(
      id: ReplicaID(rawValue: replica), peer: "127.0.0.1:\(7108 + replica)",
      redis: "127.0.0.1:\(7308 + replica)")
  }

  static func identity(group: UInt32, others: [UInt64]) -> ReplicaIdentity? {
    guard let layout = ShardLayout(mapping: .slots, shardCount: 4) else { return nil }
    return ReplicaIdentity(
      cluster: ClusterID(rawValue: 1), group: GroupID(group),
      groupIdentity: GroupIdentity(rawValue: 2), replica: ReplicaID(rawValue: 3),
      members: ([3] + others).map(address),
      layout: layout)
  }

  init(
    group: UInt32, others: [UInt64] = [], settings: NodeSettings = NodeSettings()
  ) throws {
    var folder = MemoryFolder()
    if let identity = Self.identity(group: group, others: others) {
      folder.perform(Journal.format(identity, settings: settings.journal))
    }
    try self.init(folder, settings: settings)
  }

  /// Begins from what is on a disk.
  init(_ folder: MemoryFolder, settings: NodeSettings = NodeSettings()) throws {
    files = folder
    let start = try Node<Service>.recover(folder.reader, settings: settings, seed: 7, now: now)
    files.perform(start.repairs)
    node = start.repaired()
  }

  /// Runs turns until nothing is left to do at once.
  mutating func take(_ inputs: [NodeInput]) {
    var pending = inputs
    repeat {
      let (applied, waiting) = (node.applied.rawValue, node.entriesToFree.count)
      let effects = node.turn(now, pending)
      mostApplied = max(mostApplied, node.applied.rawValue - applied)
      mostFreed = max(mostFreed, waiting - node.entriesToFree.count)
      pending = []
      files.perform(effects.files)
      for link in effects.links { carryOut(link) }
      mostSentBytes = max(mostSentBytes, effects.links.reduce(0) { $0 + $1.sentBytes })
      if let sync = effects.sync {
        files.perform(sync.files)
        pending.append(.synced(sync.number))
      }
      background.take(effects.background, now: now.monotonic)
      pending += work()
      stop = stop ?? effects.stop
      events += effects.events
    } while !pending.isEmpty || node.nextDeadline <= now.monotonic
  }

  /// One turn, after which the node is expected to be done.
  mutating func sendAndStop(_ inputs: [NodeInput]) {
    let effects = node.turn(now, inputs)
    files.perform(effects.files)
    for link in effects.links { carryOut(link) }
    stop = effects.stop
    events += effects.events
  }

  /// Does at once what the node ordered beside the journal, unless the test holds it up.
  private mutating func work() -> [NodeInput] {
    var time = now.monotonic
    while !holdsBackground {
      switch background.next(now: time) {
      case .perform(let effect):
        if isFull, MemoryFolder.grows(effect) {
          background.performed(.noRoom, now: time)
        } else {
          files.perform([effect])
          background.performed(.done, now: time)
        }
      case .read(let read): background.wasRead(files.read(read), now: time)
      case .readBack(let read):
        let bytes = files.files[read.name] == nil ? nil : files.read(read)
        background.wasReadBack(bytes, now: time)
      case .hash: background.hashed(now: time)
      case .wait(let later): time = max(time + 1, later)
      case .idle: return background.takeResults().map { .background($0) }
      }
    }
    return []
  }

  private mutating func carryOut(_ link: LinkEffect) {
    switch link {
    case .connect(let connection, let address): opened[address] = connection
    case .send(let connection, let bytes):
      sent[connection, default: []] += bytes
      largestTurnBytes = max(largestTurnBytes, bytes.count)
    case .close(let connection): closed.insert(connection)
    case .pause(let connection): paused.insert(connection)
    case .resume(let connection): paused.remove(connection)
    }
  }

  /// Lets time pass as it does for a process that is stopped.
  mutating func pause(milliseconds: UInt64) {
    now.monotonic += milliseconds * nanosecondsPerMillisecond
    now.wall += milliseconds
  }

  /// Lets time pass, tick by tick.
  mutating func pass(milliseconds: UInt64) {
    for _ in 0..<milliseconds / 10 {
      now.monotonic += 10 * nanosecondsPerMillisecond
      now.wall += 10
      take([])
    }
  }

  mutating func receive(_ bytes: [UInt8], on connection: ConnectionID) {
    take([.link(.received(connection, bytes))])
  }

  mutating func accept(_ number: UInt64) -> ConnectionID {
    let connection = ConnectionID(rawValue: ConnectionID.firstAccepted + number)
    take([.link(.accepted(connection, from: "127.0.0.1:5\(number)"))])
    return connection
  }

  /// A connection that said the hello of a client.
  mutating func client(_ number: UInt64) throws -> ConnectionID {
    let connection = accept(number)
    receive(
      FrameCodec.encode(.hello(Hello(versions: 1...1, cluster: nil, replica: nil))),
      on: connection)
    _ = try messages(on: connection)
    return connection
  }

  /// Takes what was sent on a connection.
  mutating func messages(on connection: ConnectionID) throws -> [WireMessage] {
    var decoder = FrameDecoder(limits: .conversation)
    decoder.append(sent.removeValue(forKey: connection) ?? [])
    var messages: [WireMessage] = []
    while let message = try decoder.next() { messages.append(message) }
    return messages
  }

  /// A client of Redis at `from`.
  mutating func redis(_ number: UInt64, from: String = "127.0.0.1") -> ConnectionID {
    let connection = ConnectionID(rawValue: ConnectionID.firstRedis + number)
    take([.link(.accepted(connection, from: "\(from):5\(number)"))])
    return connection
  }

  /// Takes the bytes that were sent on a connection, as text.
  mutating func text(on connection: ConnectionID) -> String {
    String(decoding: sent.removeValue(forKey: connection) ?? [], as: UTF8.self)
  }

  mutating func ask(_ body: Request.Body, on connection: ConnectionID) throws -> Reply.Body? {
    receive(FrameCodec.encode(.request(Request(id: 9, body: body))), on: connection)
    return try messages(on: connection).compactMap { message -> Reply.Body? in
      if case .reply(let reply) = message { reply.body } else { nil }
    }.last
  }
}

extension LoneNode {
  /// A bit of a file is not what was written any more.
  mutating func flip(bit: Int, of name: String) { files.flip(bit: bit, of: name) }
}

extension LinkEffect {
  var sentBytes: Int { if case .send(_, let bytes) = self { bytes.count } else { 0 } }
}

/// Files as bytes.
struct MemoryFolder: Sendable {
  private(set) var files: [String: [UInt8]] = [:]

  mutating func perform(_ effects: [FileEffect]) {
    for effect in effects {
      switch effect {
      case .create(let name): files[name] = []
      case .write(let name, let offset, let bytes):
        var content = files[name] ?? []
        let end = Int(offset) + bytes.count
        if content.count < end {
          content += Array(repeating: 0, count: end - content.count)
        }
        content.replaceSubrange(Int(offset)..<end, with: bytes)
        files[name] = content
      case .truncate(let name, let size):
        files[name] = Array((files[name] ?? []).prefix(Int(size)))
      case .rename(let name, let new): files[new] = files.removeValue(forKey: name)
      case .remove(let name): files[name] = nil
      case .sync, .syncFolder: break
      }
    }
  }

  mutating func flip(bit: Int, of name: String) {
    files[name]?[bit / 8] ^= 1 << UInt8(bit % 8)
  }

  /// A full disk refuses it.
  static func grows(_ effect: FileEffect) -> Bool {
    switch effect {
    case .create, .write: true
    case .truncate, .sync, .rename, .remove, .syncFolder: false
    }
  }

  func read(_ read: FileRead) -> [UInt8] {
    Array((files[read.name] ?? []).dropFirst(Int(read.offset)).prefix(read.count))
  }

  var reader: FolderReader {
    let copy = self
    return FolderReader(
      list: { copy.files.map { FolderReader.File(name: $0.key, size: UInt64($0.value.count)) } },
      read: { copy.read($0) })
  }
}
