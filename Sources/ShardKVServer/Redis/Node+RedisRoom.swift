import RESP
import RedisCommands

// What Redis' clients are told when a disk is nearly full.
extension Node {
  /// The word is that of Redis for memory: it refuses the same commands then and goes on with the
  /// others, and clients know it for an error that passes.
  static var noRoom: CommandError {
    CommandError(
      "OOM command not allowed: the disks of the servers that have the keys are too full. Nothing "
        + "was changed; delete keys or free disk space")
  }

  /// Tells a client of those of its commands, or the transaction, that there is no room for; the
  /// others are still to be carried out. With `growthOnly` those that take no room are not meant.
  /// - Returns: whether there was any.
  mutating func refuseForRoom(_ client: inout RedisClient, growthOnly: Bool) -> Bool {
    switch (client.work.stage, client.work.tail) {
    case (.commands, _):
      let refused = client.work.run.filter { place in
        let command = client.work.commands[place]
        return growthOnly ? command.growsData : command.isWrite
      }
      guard !refused.isEmpty else { return false }
      for place in refused { client.work.setReply(.error(Self.noRoom.text), at: place) }
      client.work.phase = .new
    case (.tail, .commit(let transaction)):
      guard growthOnly ? transaction.growsData : transaction.isWrite else { return false }
      finish(.failed(Self.noRoom.discardingTransaction), of: &client)
    case (.tail, .keyspace(let command, _)):
      guard !growthOnly, command.isWrite else { return false }
      finishTail(.error(Self.noRoom.text), of: &client)
    case (.tail, .watch), (.tail, nil), (.idle, _): return false
    }
    effects.rarePaths.insert(.refusedForRoom)
    return true
  }
}
