import RESP
import RedisCommands
import ShardMap

/// The constants of the port for Redis' clients; times in milliseconds of the monotonic clock.
package struct RedisSettings: Sendable {
  /// What becomes of a request for keys of another group.
  package enum Routing: String, Sendable {
    /// The client is told who has them, as by Redis Cluster.
    case redirect
    /// The node asks the group that has them, so that clients need to know nothing of clusters.
    case proxy
  }

  package var routing = Routing.redirect
  /// `nil`: clients need not log in, and only those of this machine are served.
  package var password: [UInt8]?
  package var allowsDebug = false
  package var program = ProgramFacts()

  /// Connections at one time; above it a client is told so and closed.
  package var clientsMax = 10_000
  /// The same from one address that is not this machine's own.
  package var clientsPerAddressMax = 256
  /// How long a client may take to log in.
  package var loginMilliseconds: UInt64 = 10_000
  /// Wrong passwords of one connection; with the last it is closed.
  package var wrongPasswordsMax = 16
  /// How long a request may be incomplete; each ``bytesPerSecondMin`` of it give another second.
  package var requestMilliseconds: UInt64 = 10_000
  package var bytesPerSecondMin = 64 << 10
  /// How long a client may send nothing; 0: for ever.
  package var idleMilliseconds: UInt64 = 0

  /// Bytes held for a client whose request is under way; above it nothing more is received.
  package var inputBytesMax = 1 << 20
  /// Bytes held for all clients: above half of it nothing more is received from those that wait,
  /// above it one that sends is closed.
  package var inputTotalMax = 256 << 20
  /// Commands of one client that are carried out as one entry of the log, or with one read.
  package var batchCommandsMax = 1_024
  /// Bytes of their arguments, and of the answers that need no keys; one more command may be added
  /// while they are below it.
  package var batchBytesMax = 1 << 20
  /// Requests of all clients after which no more work is begun in a turn, and bytes of them and of
  /// answers, so that long pipelines do not keep a leader from its heartbeats, and the loop tells
  /// that nobody reads before more is answered. The last work may exceed them.
  package var requestsPerTurnMax = 256
  package var bytesPerTurnMax = 256 << 10
  /// Bytes of the arguments of one command that writes, since it has to fit into an entry.
  package var writeBytesMax = 4 << 20
  /// Bytes of an entry, or of what another group is asked, with all keys and arguments: both have
  /// to fit into a frame between nodes.
  package var entryBytesMax = 8 << 20
  /// How long a request waits for a leader to be elected or a shard to arrive.
  package var patienceMilliseconds: UInt64 = 2_000
  /// Keys that one SCAN looks at, however many it asks for.
  package var scanLooksMax = 10_000
  /// Bytes of the keys that KEYS answers, counted with 16 for each.
  package var keysBytesMax = 12 << 20
  /// How long another group may take for what it is asked.
  package var remoteMilliseconds: UInt64 = 5_000
  /// Between two questions to another group for its leader.
  package var leaderQuestionMilliseconds: UInt64 = 500

  package init() {}
}

extension RedisSettings {
  /// What sessions answer of it.
  func server(port: UInt16) -> ServerSettings {
    var server = ServerSettings()
    server.port = port
    server.isCluster = routing == .redirect
    server.password = password
    server.valueBytesMax = Limits.valueBytesMax
    server.clientsMax = clientsMax
    server.allowsDebug = allowsDebug
    return server
  }

  /// What a client is told that is one too many.
  package static let fullHouse = Array("-ERR max number of clients reached\r\n".utf8)
}
