import ShardMap

/// A command that concerns the keys of all shards, or of a slot, and not named ones.
package enum KeyspaceCommand: Hashable, Sendable {
  /// KEYS.
  case matching([UInt8])
  case scan(ScanOptions)
  /// DBSIZE.
  case count
  /// RANDOMKEY.
  case anyKey
  /// FLUSHALL and FLUSHDB, which are the same with one database.
  case flush
  /// CLUSTER COUNTKEYSINSLOT.
  case countInSlot(Int)
  /// CLUSTER GETKEYSINSLOT: at most so many.
  case inSlot(Int, limit: Int64)
  case statistics(SlotStatisticsQuery)

  package var isWrite: Bool { self == .flush }

  /// `nil` for a command that is none of these.
  init?(_ name: String, _ arguments: [[UInt8]]) throws(CommandError) {
    switch name {
    case "keys": self = .matching(arguments[1])
    case "scan": self = .scan(try ScanOptions(arguments))
    case "dbsize": self = .count
    case "randomkey": self = .anyKey
    case "flushall", "flushdb":
      guard
        arguments.count == 1
          || arguments.count == 2 && ["sync", "async"].contains(option(arguments[1]))
      else { throw .syntax }
      self = .flush
    case "cluster|countkeysinslot":
      guard let slot = slot(try integer(arguments[2])) else {
        throw CommandError("ERR Invalid slot")
      }
      self = .countInSlot(slot)
    case "cluster|getkeysinslot":
      let number = try integer(arguments[2])
      let limit = try integer(arguments[3])
      guard let slot = slot(number), limit >= 0 else {
        throw CommandError("ERR Invalid slot or number of keys")
      }
      self = .inSlot(slot, limit: limit)
    case "cluster|slot-stats": self = .statistics(try SlotStatisticsQuery(arguments))
    default: return nil
    }
  }
}

/// A number that is a slot.
func slot(_ number: Int64) -> Int? {
  number >= 0 && number < Int64(ShardLayout.slotCount) ? Int(number) : nil
}
