import RESP

/// What is to be done for one request of a connection.
package struct Step: Sendable {
  package enum Action: Sendable {
    /// The bytes of the answer, perhaps none.
    case answer([UInt8])
    /// Carry out, and answer in `style`. `mayBeStale`: a replica may answer what it has applied.
    case run(KeyedCommand, style: ReplyStyle, mayBeStale: Bool)
    case runOnAll(KeyspaceCommand, style: ReplyStyle)
    /// Read the keys' versions and give them to ``RedisSession/finishWatch(_:)``. Until then
    /// nothing further of this connection may be given to the session.
    case watch([[UInt8]])
    /// Carry out, and give the result to ``RedisSession/finishTransaction(_:_:)``; until then
    /// nothing further, as for `watch`.
    case commit(Transaction)
  }

  package var action: Action
  package var effects: [SessionEffect] = []
  /// Whether the connection ends when its answers are sent.
  package var closes = false
}

/// What a request does to the server beyond its answer.
package enum SessionEffect: Hashable, Sendable {
  /// Other connections, by their ids.
  case closeClients([Int64])
  /// From now on; a longer pause under way is kept.
  case pause(milliseconds: Int64, writesOnly: Bool)
  case unpause
  case resetStatistics
}

/// How an answer is written, as it was agreed when its request came.
package struct ReplyStyle: Hashable, Sendable {
  package var version: RESPVersion
  /// Nothing is written: CLIENT REPLY OFF or SKIP.
  package var isMuted: Bool

  package func bytes(_ reply: Reply) -> [UInt8] {
    if isMuted { return [] }
    var writer = ReplyWriter(version: version)
    writer.write(reply)
    return writer.bytes
  }
}
