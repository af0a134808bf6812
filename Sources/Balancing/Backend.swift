/// A server that may be chosen.
///
/// Two are the same if address and weight are; the annotation is no part of that, nor of the order.
package struct Backend: RawRepresentable, Hashable, Comparable, Sendable {
  /// What tells backends apart, and what they are ordered by.
  package struct Identity: Hashable, Comparable, Sendable {
    package let address: BackendAddress
    package let weight: UInt16

    package static func < (left: Self, right: Self) -> Bool {
      left.address == right.address ? left.weight < right.weight : left.address < right.address
    }
  }

  package let rawValue: Identity
  /// Whatever its owner wants to know of it later.
  package let ext: String

  package init(rawValue: Identity) {
    self.rawValue = rawValue
    ext = ""
  }

  /// - Parameter weight: its share among the others; 0 means that it is being drained and is not
  ///   chosen.
  package init(_ address: BackendAddress, weight: UInt16 = 1, ext: String = "") {
    rawValue = Identity(address: address, weight: weight)
    self.ext = ext
  }

  /// The same with an address as text, see ``BackendAddress/init(_:)``.
  package init(_ address: String, weight: UInt16 = 1, ext: String = "") {
    self.init(BackendAddress(address), weight: weight, ext: ext)
  }

  package var address: BackendAddress { rawValue.address }
  package var weight: UInt16 { rawValue.weight }

  package static func == (left: Self, right: Self) -> Bool { left.rawValue == right.rawValue }
  package static func < (left: Self, right: Self) -> Bool { left.rawValue < right.rawValue }
}
