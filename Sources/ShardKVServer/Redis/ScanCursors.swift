import ShardKV

/// Where SCAN goes on. A cursor is a number, but keys are in the order of their bytes: the number
/// names a place that is remembered here, and the shard that it is in. One that is not known any
/// more, because there were many others since or another node gave it, goes on at the beginning of
/// its shard: keys may come twice then, as they may in Redis, and none is left out.
struct ScanCursors: Sendable {
  private static let shardBits: UInt64 = 12
  private static let serialBits: UInt64 = 40
  private static let keptMax = 1_024
  private static let keyBytesMax = 1 << 20

  private var kept: [UInt64: [UInt8]] = [:]
  /// The same in the order in which they were given; those before `head` are gone.
  private var order: [UInt64] = []
  private var head = 0
  private var bytes = 0
  private var next: UInt64 = 1

  /// Where `cursor` says to go on.
  func place(of cursor: UInt64) -> ShardGroupMachine.ScanPlace {
    if cursor == 0 { return ShardGroupMachine.ScanPlace(shard: 0, after: nil) }
    return ShardGroupMachine.ScanPlace(
      shard: Int(cursor & (1 << Self.shardBits - 1)), after: kept[cursor])
  }

  /// The number of a place.
  /// - Parameter salt: differs between nodes, so that the number of one means nothing to another.
  mutating func cursor(of place: ShardGroupMachine.ScanPlace, salt: UInt64) -> UInt64 {
    let serial = (salt &+ next &* 0x9E37_79B9_7F4A_7C15) & (1 << Self.serialBits - 1)
    next += 1
    // Not 0, which is the beginning and the end, and below 2^53, since some clients keep it in a
    // floating-point number.
    let mark: UInt64 = 1 << (Self.shardBits + Self.serialBits)
    let cursor = mark | serial << Self.shardBits | UInt64(place.shard)
    guard let key = place.after else { return cursor }
    kept[cursor] = key
    order.append(cursor)
    bytes += key.count
    while order.count - head > Self.keptMax || bytes > Self.keyBytesMax, head < order.count {
      bytes -= kept.removeValue(forKey: order[head])?.count ?? 0
      head += 1
    }
    if head > Self.keptMax {
      order.removeFirst(head)
      head = 0
    }
    return cursor
  }
}
