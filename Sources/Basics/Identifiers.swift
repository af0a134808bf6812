/// A random 64-bit identity, written as 16 lower-case hexadecimal digits.
///
/// A cluster, a group and a replica each have one, made once when their data folder is made, so
/// that a stranger with the right address, or a replica that lost its disk, is told apart.
package protocol RandomIdentity: RawRepresentable, Hashable, Comparable, Sendable,
  CustomStringConvertible
where RawValue == UInt64 {
  init(rawValue: UInt64)
}

extension RandomIdentity {
  package static func < (left: Self, right: Self) -> Bool { left.rawValue < right.rawValue }

  package var description: String {
    let digits = String(rawValue, radix: 16)
    return String(repeating: "0", count: 16 - digits.count) + digits
  }

  /// Reads the 16 hexadecimal digits of `description`; `nil` for anything else, and for zero.
  package init?(hexadecimal text: String) {
    guard text.utf8.count == 16, let value = UInt64(text, radix: 16), value != 0 else { return nil }
    self.init(rawValue: value)
  }
}

/// Names one cluster: all its controllers and groups.
package struct ClusterID: RandomIdentity {
  package let rawValue: UInt64
  package init(rawValue: UInt64) { self.rawValue = rawValue }
}

/// Names one incarnation of a group, so that a new group may reuse an old group's number.
package struct GroupIdentity: RandomIdentity {
  package let rawValue: UInt64
  package init(rawValue: UInt64) { self.rawValue = rawValue }
}

/// Names the data folder of a replica, so that one which was made anew under an old replica's id is
/// told apart. Zero: not known.
package struct Incarnation: RandomIdentity {
  package let rawValue: UInt64
  package init(rawValue: UInt64) { self.rawValue = rawValue }
  package static let unknown = Incarnation(rawValue: 0)
}

/// Names one replica of a group for as long as its data folder lives.
package struct ReplicaID: RandomIdentity {
  package let rawValue: UInt64
  package init(rawValue: UInt64) { self.rawValue = rawValue }

  // Spelled out: by default other modules compare by calls of generic code.
  package static func == (left: Self, right: Self) -> Bool { left.rawValue == right.rawValue }
  package static func != (left: Self, right: Self) -> Bool { left.rawValue != right.rawValue }
  package static func < (left: Self, right: Self) -> Bool { left.rawValue < right.rawValue }
}
