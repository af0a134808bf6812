import RESP

/// What a connection has to know of its server. Costly answers are functions, which are called only
/// when a client asks for them.
package protocol ServerFacts {
  var settings: ServerSettings { get }
  /// Microseconds since 1970.
  var wallMicroseconds: Int64 { get }
  /// Whether clients may write to it.
  var takesWrites: Bool { get }
  /// The connection that asks, as its loop sees it.
  var link: ClientDescription.Link { get }
  /// All connections but the one that asks, in any order.
  func otherClients() -> [ClientDescription]
  func information() -> InfoFacts
  func clusterMap() -> ClusterMap
  /// Why this server cannot carry a command on these keys out, or `nil`: they are of several
  /// shards, or another node has them. `mayBeStale`: the client takes a replica's answer.
  func refusal(of keys: KeySlots, mayBeStale: Bool, isAsking: Bool) -> CommandError?
}

/// What does not change while a server runs.
package struct ServerSettings: Hashable, Sendable {
  /// The version of Redis that this server says it is like.
  package var redisVersion = "7.0.15"
  package var port: UInt16 = 6379
  /// Whether clients are told which node has a key, or this one asks it for them.
  package var isCluster = false
  /// `nil`: clients need not log in.
  package var password: [UInt8]?
  /// Bytes of one value.
  package var valueBytesMax = 1 << 20
  package var clientsMax = 10_000
  package var allowsDebug = false
  package var transaction = TransactionLimits()

  package init() {}
}

/// How much a client may put into one transaction.
package struct TransactionLimits: Hashable, Sendable {
  /// Between MULTI and EXEC.
  package var commandsMax = 16_384
  /// Of their arguments, each counted with 16 more for its upkeep.
  package var bytesMax = 4 << 20
  /// Keys that are watched at one time.
  package var watchedMax = 1_024

  package init() {}
}
