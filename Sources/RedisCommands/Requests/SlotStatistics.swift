import RESP
import ShardMap

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
            "ERR Limit has to lie in between 1 and \(ShardLayout.slotCount) "
              + "(maximum number of slots)."
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

/// What is counted of one slot.
package struct SlotFigures: Hashable, Sendable {
  package let slot: Int
  package var keys: Int64
  package var microseconds: Int64
  package var bytesIn: Int64
  package var bytesOut: Int64

  package init(
    slot: Int, keys: Int64, microseconds: Int64 = 0, bytesIn: Int64 = 0, bytesOut: Int64 = 0
  ) {
    self.slot = slot
    self.keys = keys
    self.microseconds = microseconds
    self.bytesIn = bytesIn
    self.bytesOut = bytesOut
  }

  fileprivate func value(_ figure: SlotStatisticsQuery.Figure) -> Int64 {
    switch figure {
    case .keys: keys
    case .microseconds: microseconds
    case .bytesIn: bytesIn
    case .bytesOut: bytesOut
    }
  }
}

extension SlotStatisticsQuery {
  /// The answer, from the figures of all slots that are served here. Of slots with the same figure
  /// the lower one comes first.
  package func reply(_ all: [SlotFigures]) -> Reply {
    var shown: [SlotFigures]
    switch self {
    case .range(let slots):
      shown = all.filter { slots.contains($0.slot) }.sorted { $0.slot < $1.slot }
    case .ordered(let figure, let limit, let isAscending):
      shown = all.sorted { left, right in
        let (a, b) = (left.value(figure), right.value(figure))
        return a == b ? left.slot < right.slot : (a < b) == isAscending
      }
      shown = Array(shown.prefix(limit))
    }
    return .array(
      shown.map { slot in
        let figures: [Figure] = [.keys, .microseconds, .bytesIn, .bytesOut]
        return .array([
          .integer(Int64(slot.slot)),
          .map(figures.map { .init(.bulk($0.rawValue), .integer(slot.value($0))) }),
        ])
      })
  }
}
