/// The number of a replica group, chosen by the operator; 0 is no group.
package struct GroupID: RawRepresentable, Hashable, Comparable, Sendable, CustomStringConvertible {
  package let rawValue: UInt32
  package init(rawValue: UInt32) { self.rawValue = rawValue }
  package init(_ number: UInt32) { rawValue = number }

  /// Owns the shards that no group owns; on the wire it also names the controller's own group.
  package static let none = GroupID(0)

  // Spelled out: by default other modules compare by calls of generic code.
  package static func == (left: Self, right: Self) -> Bool { left.rawValue == right.rawValue }
  package static func != (left: Self, right: Self) -> Bool { left.rawValue != right.rawValue }
  package static func < (left: Self, right: Self) -> Bool { left.rawValue < right.rawValue }
  package var description: String { String(rawValue) }
}

/// The number of a shard, 0..<shardCount: a contiguous range of slots.
package struct ShardID: RawRepresentable, Hashable, Comparable, Sendable, CustomStringConvertible {
  package let rawValue: UInt16
  package init(rawValue: UInt16) { self.rawValue = rawValue }
  package init(_ number: Int) { rawValue = UInt16(number) }

  package var index: Int { Int(rawValue) }
  // Spelled out: by default other modules compare by calls of generic code.
  package static func == (left: Self, right: Self) -> Bool { left.rawValue == right.rawValue }
  package static func != (left: Self, right: Self) -> Bool { left.rawValue != right.rawValue }
  package static func < (left: Self, right: Self) -> Bool { left.rawValue < right.rawValue }
  package var description: String { String(rawValue) }
}

/// The number of a configuration; 0 is the first, which has no groups.
package struct ConfigNumber: RawRepresentable, Hashable, Comparable, Sendable,
  CustomStringConvertible
{
  package let rawValue: UInt64
  package init(rawValue: UInt64) { self.rawValue = rawValue }
  package init(_ number: UInt64) { rawValue = number }

  package static let zero = ConfigNumber(0)
  package var next: ConfigNumber { ConfigNumber(rawValue + 1) }
  // Spelled out: by default other modules compare by calls of generic code.
  package static func == (left: Self, right: Self) -> Bool { left.rawValue == right.rawValue }
  package static func != (left: Self, right: Self) -> Bool { left.rawValue != right.rawValue }
  package static func < (left: Self, right: Self) -> Bool { left.rawValue < right.rawValue }
  package var description: String { String(rawValue) }
}
