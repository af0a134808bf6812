import RESP
import RedisCommands
import ShardMap
import Wire

/// One connection of a Redis client.
struct RedisClient: Sendable {
  let connection: ConnectionID
  /// `host:port` of the client.
  let from: String
  private let link: ClientDescription.Link
  /// Monotonic nanoseconds, as all times here.
  let openedAt: UInt64
  var session: RedisSession
  var parser: RequestParser
  /// What was asked for and is not answered; until it is idle nothing more is read.
  var work = RedisWork()
  /// Times that it tried to log in with something else than the password.
  var wrongPasswords = 0
  /// It ends when everything is answered.
  var isClosing = false
  /// It is not received from.
  var isPaused = false
  /// It does not read its answers, so nothing more is begun.
  var isCongested = false
  /// It is among ``RedisPort/ready``.
  var isReady = false
  var lastRequestAt: UInt64
  /// Since when it has sent a part of a request, and how much it had sent in all then.
  var partial: (since: UInt64, bytes: UInt64)?
  var bytesReceived: UInt64 = 0
  /// Bytes in the parser when they were counted last.
  var countedBytes = 0

  init(
    connection: ConnectionID, from: String, to: String, openedAt: UInt64, session: RedisSession
  ) {
    self.connection = connection
    self.from = from
    link = ClientDescription.Link(address: Array(from.utf8), localAddress: Array(to.utf8))
    self.openedAt = openedAt
    self.session = session
    parser = RequestParser(limits: session.isAuthenticated ? .known : .stranger)
    lastRequestAt = openedAt
  }

  var host: String { RedisClient.host(of: from) }

  /// As CLIENT LIST shows it.
  func link(at now: UInt64) -> ClientDescription.Link {
    var link = link
    link.ageSeconds = Int64((now - openedAt) / 1_000_000_000)
    link.idleSeconds = Int64((now - lastRequestAt) / 1_000_000_000)
    link.inputBytes = parser.bufferedBytes
    return link
  }

  static func host(of endpoint: String) -> String { Endpoint(endpoint)?.host ?? endpoint }

  /// Addresses of this machine itself, as sockets show them.
  static func isLoopback(_ host: String) -> Bool {
    host == "::1" || host.hasPrefix("127.") || host.hasPrefix("::ffff:127.")
  }
}
