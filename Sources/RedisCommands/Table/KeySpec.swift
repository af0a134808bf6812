/// Where keys stand among the arguments of a command, and what it does with them.
package struct KeySpec: Hashable, Sendable {
  package enum Access: String, Hashable, Sendable {
    case readsOnly = "RO"
    case readsAndWrites = "RW"
    case overwrites = "OW"
    case removes = "RM"
  }

  /// In the order in which COMMAND gives them.
  package struct Use: OptionSet, Hashable, Sendable {
    package let rawValue: UInt8
    package init(rawValue: UInt8) { self.rawValue = rawValue }

    /// Its value is given to the client or copied.
    package static let access = Use(rawValue: 1 << 0)
    package static let update = Use(rawValue: 1 << 1)
    package static let insert = Use(rawValue: 1 << 2)
    package static let delete = Use(rawValue: 1 << 3)
    /// What is done depends on the other arguments.
    package static let variable = Use(rawValue: 1 << 4)

    static let names = ["access", "update", "insert", "delete", "variable_flags"]
    package var names: [String] {
      Self.names.indices.filter { rawValue >> UInt8($0) & 1 == 1 }.map { Self.names[$0] }
    }
  }

  package let access: Access
  package let use: Use
  /// The place of the first key among the arguments.
  package let first: Int
  /// How far the last key is behind the first; -1: up to the last argument.
  package let last: Int
  package let step: Int
  /// Why more is said to be done than the command's name tells.
  package var notes: String?

  static func readsOnly(_ use: Use, at first: Int, last: Int = 0) -> KeySpec {
    KeySpec(access: .readsOnly, use: use, first: first, last: last, step: 1)
  }
  static func readsAndWrites(_ use: Use, at first: Int, notes: String? = nil) -> KeySpec {
    KeySpec(
      access: .readsAndWrites, use: use, first: first, last: 0, step: 1, notes: notes)
  }
  static func overwrites(_ use: Use, at first: Int, last: Int = 0, step: Int = 1) -> KeySpec {
    KeySpec(access: .overwrites, use: use, first: first, last: last, step: step)
  }
  static func removes(_ use: Use, at first: Int, last: Int = 0) -> KeySpec {
    KeySpec(access: .removes, use: use, first: first, last: last, step: 1)
  }

  /// The places of the keys among so many arguments.
  package func places(argumentCount count: Int) -> StrideTo<Int> {
    let end = last < 0 ? count + last + 1 : min(first + last + 1, count)
    return stride(from: first, to: max(first, end), by: step)
  }

  /// Names of what is done, as COMMAND gives them.
  package var names: [String] { [access.rawValue] + use.names }
}

extension CommandDescription {
  /// First key, last key and step of all specs together, which clients know that do not know specs:
  /// 0, 0, 0 without keys. A negative last key is counted from the end, -1 being the last argument.
  static func keyRange(_ keys: [KeySpec]) -> (first: Int, last: Int, step: Int) {
    guard let first = keys.first, let last = keys.last else { return (0, 0, 0) }
    return (first.first, last.last < 0 ? last.last : last.first + last.last, first.step)
  }
}
