/// What a key holds.
public struct KVValue: Hashable, Sendable {
  public let bytes: [UInt8]
  /// How often the key was changed since it was created: 1 for a new key.
  public let version: UInt64

  public init(bytes: [UInt8], version: UInt64) {
    self.bytes = bytes
    self.version = version
  }

  /// The bytes as text; `nil` if they are not UTF-8.
  public var text: String? { String(validating: bytes, as: UTF8.self) }
}

/// What can be a key or a value: bytes, or text as UTF-8.
public protocol KVBytes: Sendable {
  var storedBytes: [UInt8] { get }
}

extension String: KVBytes {
  public var storedBytes: [UInt8] { Array(utf8) }
}

extension Substring: KVBytes {
  public var storedBytes: [UInt8] { Array(utf8) }
}

extension [UInt8]: KVBytes {
  public var storedBytes: [UInt8] { self }
}

/// Who answers a linearizable read.
public enum KVReadSource: Sendable {
  /// The leader of the key's group.
  case leader
  /// Any replica of the key's group, which asks its leader how far it must have applied.
  case anyReplica
}
