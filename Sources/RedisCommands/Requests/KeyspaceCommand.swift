import ShardMap

/// A command that concerns the keys of all shards, or of a slot, and not named ones.
package enum KeyspaceCommand: Hashable, Sendable {
  /// KEYS.
  case matching([UInt8])
  case scan(ScanOptions)
  /// DBSIZE.
  case count
  case random
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
    case "randomkey": self = .random
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

/// Which slots CLUSTER SLOT-STATS is asked about, as in Valkey 8.
package enum SlotStatisticsQuery: Hashable, Sendable {
  package enum Figure: String, Hashable, Sendable {
    case keys = "key-count"
    case microseconds = "cpu-usec"
    case bytesIn = "network-bytes-in"
    case bytesOut = "network-bytes-out"
  }

  case range(ClosedRange<Int>)
  case ordered(by: Figure, limit: Int, isAscending: Bool)

  init(_ arguments: [[UInt8]]) throws(CommandError) {
    switch option(arguments[2]) {
    case "slotsrange" where arguments.count == 5:
      guard let first = slot(try integer(arguments[3])), let last = slot(try integer(arguments[4]))
      else { throw CommandError("ERR Invalid or out of range slot") }
      guard first <= last else {
        throw CommandError("ERR Start slot number \(first) is greater than end slot number \(last)")
      }
      self = .range(first...last)
    case "orderby":
      guard let figure = Figure(rawValue: option(arguments[3])) else {
        throw CommandError("ERR Unrecognized sort metric for ORDERBY.")
      }
      self = try Self.ordered(by: figure, arguments)
    default: throw .syntax
    }
  }

  private static func ordered(by figure: Figure, _ arguments: [[UInt8]]) throws(CommandError)
    -> Self
  {
    var limit = ShardLayout.slotCount
    var isAscending = false
    var index = 4
    while index < arguments.count {
      switch option(arguments[index]) {
      case "limit" where index + 1 < arguments.count:
        let number = try integer(arguments[index + 1])
        guard number >= 1, number <= Int64(ShardLayout.slotCount) else {
          throw CommandError(
            "ERR Limit has to lie in between 1 and \(ShardLayout.slotCount) (maximum number of slots)."
          )
        }
        limit = Int(number)
        index += 2
      case "asc":
        isAscending = true
        index += 1
      case "desc":
        isAscending = false
        index += 1
      default: throw .syntax
      }
    }
    return .ordered(by: figure, limit: limit, isAscending: isAscending)
  }
}

/// A number that is a slot.
private func slot(_ number: Int64) -> Int? {
  number >= 0 && number < Int64(ShardLayout.slotCount) ? Int(number) : nil
}
