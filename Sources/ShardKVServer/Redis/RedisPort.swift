import Clerk
import Raft
import RedisCommands
import ShardKV
import ShardMap
import Wire

/// The port for Redis' clients: who is connected, and what they wait for.
struct RedisPort: Sendable {
  let settings: RedisSettings
  let server: ServerSettings

  private var clients: [RedisClient?] = []
  private var freePlaces: [Int] = []
  private var places: [ConnectionID: Int] = [:]
  private var perAddress: [String: Int] = [:]
  private var nextID: Int64 = 1
  private var nextWork: UInt64 = 1
  /// Bytes of requests that are not complete or not begun, of all clients.
  private(set) var bufferedBytes = 0

  /// Those that wait for a leader, a shard or the end of a pause.
  var stalled: [ConnectionID] = []
  /// When those are looked at again, monotonic nanoseconds.
  var nextRetry: UInt64 = 0
  /// Those whose next requests or next stage can be begun, in the order in which that became so.
  var ready: [ConnectionID] = []
  /// What may still be begun in this turn.
  var requestsLeft = 0
  var bytesLeft = 0
  /// Reads that have to wait for the replicated clock to reach a time.
  var clockReaders: [ClockReader] = []
  /// Who waits for what was asked of other groups.
  var remote: [OperationID: Asker] = [:]
  /// The last clock entry that was proposed.
  var clockEntry: LogIndex?
  /// CLIENT PAUSE: until when, monotonic nanoseconds.
  var pause: (until: UInt64, writesOnly: Bool)?
  /// When to look again for clients that are too slow, monotonic nanoseconds.
  var nextCheck: UInt64 = 0

  var cursors = ScanCursors()
  /// Differs between nodes.
  let salt: UInt64
  var leaders = GroupLeaders()
  /// Who has which slots, for the state of things that ``mapOf`` names.
  var map = ClusterMap(groups: [], epoch: 0, own: "")
  var mapOf: ClusterMapKey?
  var counters = RedisCounters()
  var process = ProcessMeasure()

  init(_ settings: RedisSettings, endpoint: String, salt: UInt64) {
    self.settings = settings
    self.salt = salt
    server = settings.server(port: Endpoint(endpoint)?.port ?? 0)
  }

  var count: Int { places.count }

  func count(from host: String) -> Int { perAddress[host] ?? 0 }

  /// A new client, which is not among the others until it is put back.
  mutating func make(
    _ connection: ConnectionID, from: String, to: String, now: UInt64
  ) -> RedisClient {
    let place = freePlaces.popLast() ?? clients.count
    if place == clients.count { clients.append(nil) }
    places[connection] = place
    let client = RedisClient(
      connection: connection, from: from, to: to, openedAt: now,
      session: RedisSession(id: nextID, settings: server))
    nextID += 1
    perAddress[client.host, default: 0] += 1
    return client
  }

  /// Takes a client out, to be changed and put back; `nil` if it is gone, or taken already.
  mutating func take(_ connection: ConnectionID) -> RedisClient? {
    guard let place = places[connection] else { return nil }
    var client: RedisClient?
    swap(&clients[place], &client)
    return client
  }

  mutating func putBack(_ client: consuming RedisClient) {
    guard let place = places[client.connection] else { return }
    let held = client.parser.bufferedBytes
    bufferedBytes += held - client.countedBytes
    client.countedBytes = held
    clients[place] = consume client
  }

  /// Forgets a client that was taken out.
  mutating func remove(_ client: RedisClient) {
    guard let place = places.removeValue(forKey: client.connection) else { return }
    clients[place] = nil
    freePlaces.append(place)
    bufferedBytes -= client.countedBytes
    let host = client.host
    if let count = perAddress[host] { perAddress[host] = count > 1 ? count - 1 : nil }
  }

  /// What it has asked for is begun when those before it were.
  mutating func enqueue(_ client: inout RedisClient) {
    if client.isReady { return }
    client.isReady = true
    ready.append(client.connection)
  }

  mutating func beginTurn() {
    requestsLeft = settings.requestsPerTurnMax
    bytesLeft = settings.bytesPerTurnMax
  }

  var beginsMore: Bool { requestsLeft > 0 && bytesLeft > 0 }

  mutating func makeWorkNumber() -> UInt64 {
    defer { nextWork += 1 }
    return nextWork
  }

  /// All clients that are not taken out, in the order of their places.
  func forEach(_ body: (RedisClient) -> Void) {
    for client in clients { if let client { body(client) } }
  }

  /// Whether some client waits for an answer.
  var isBusy: Bool { clients.contains { $0.map { !$0.work.isIdle } ?? false } }
}

/// A read that is confirmed and waits for the replicated clock to reach a time.
struct ClockReader: Sendable {
  let asker: Asker
  /// Encoded ``RemoteWork`` of another node; `nil`: a client's of this one.
  let work: [UInt8]?
  let time: UInt64
}

/// Counts since the process started or since CONFIG RESETSTAT.
struct RedisCounters: Sendable {
  var connections: Int64 = 0
  var rejected: Int64 = 0
  var commands: Int64 = 0
  var bytesIn: Int64 = 0
  var bytesOut: Int64 = 0
  var protocolErrors: Int64 = 0
}
