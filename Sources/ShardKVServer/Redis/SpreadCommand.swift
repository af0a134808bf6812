import RESP
import RedisCommands
import ShardMap

/// A command on keys of several shards, cut into one for each shard. Each part is carried out at a
/// moment of its own.
struct SpreadCommand: Sendable {
  /// How the answers of the parts become one.
  private enum Joint: Sendable {
    /// Arrays, whose elements go to these places.
    case places([[Int]])
    case sum
    case allWell
  }

  let parts: [KeyedCommand]
  private let joint: Joint

  /// `nil` for a command that cannot be cut: MGET, MSET, DEL, UNLINK, EXISTS and TOUCH can.
  init?(_ command: KeyedCommand, layout: ShardLayout, limit: Int) {
    guard case .multiple(let operation) = command.operation, let name = command.arguments.first
    else { return nil }
    var order: [ShardID] = []
    var places: [ShardID: [Int]] = [:]
    for (place, key) in command.keys.enumerated() {
      let shard = layout.shard(of: key)
      if places[shard] == nil { order.append(shard) }
      places[shard, default: []].append(place)
    }
    // Those of one group are carried out together if they follow each other.
    order.sort()
    var requests: [[[UInt8]]] = []
    switch operation {
    case .get:
      joint = .places(order.map { places[$0] ?? [] })
      requests = order.map { [name] + (places[$0] ?? []).map { command.keys[$0] } }
    case .delete, .count:
      joint = .sum
      requests = order.map { [name] + (places[$0] ?? []).map { command.keys[$0] } }
    case .set(let values, onlyIfNew: false):
      joint = .allWell
      requests = order.map { shard in
        [name] + (places[shard] ?? []).flatMap { [command.keys[$0], values[$0]] }
      }
    default: return nil
    }
    parts = requests.compactMap { KeyedCommand(logged: $0, limit: limit) }
    guard parts.count == requests.count else { return nil }
  }

  /// The answer of the whole: if a part failed, its error.
  func join(_ replies: [RESP.Reply]) -> RESP.Reply {
    if let failed = replies.first(where: \.isError) { return failed }
    switch joint {
    case .allWell: return .ok
    case .sum:
      return .integer(
        replies.reduce(0) { sum, reply in
          if case .integer(let number) = reply { sum + number } else { sum }
        })
    case .places(let places):
      var elements = [RESP.Reply](repeating: .null, count: places.reduce(0) { $0 + $1.count })
      for (reply, places) in zip(replies, places) {
        guard case .array(let found) = reply else { continue }
        for (element, place) in zip(found, places) { elements[place] = element }
      }
      return .array(elements)
    }
  }
}
