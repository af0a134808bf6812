import RESP

/// What OBJECT and MEMORY USAGE tell of a value. Nothing is counted for them, so that some answers
/// are what Redis says of a value that was just written.
package enum InspectionCommand: Hashable, Sendable {
  case encoding
  case frequency
  case idleTime
  case references
  /// MEMORY USAGE, of a key with so many bytes.
  case memory(keyBytes: Int)

  /// `nil` for a command that is none of these.
  init?(_ name: String, _ arguments: [[UInt8]]) throws(CommandError) {
    switch name {
    case "object|encoding": self = .encoding
    case "object|freq": self = .frequency
    case "object|idletime": self = .idleTime
    case "object|refcount": self = .references
    case "memory|usage":
      try Self.checkSamples(arguments)
      self = .memory(keyBytes: arguments[2].count)
    default: return nil
    }
  }

  /// SAMPLES n, which is for collections: read and left out.
  private static func checkSamples(_ arguments: [[UInt8]]) throws(CommandError) {
    var index = 3
    while index < arguments.count {
      guard option(arguments[index]) == "samples", index + 1 < arguments.count else {
        throw .syntax
      }
      guard try integer(arguments[index + 1]) >= 0 else { throw .syntax }
      index += 2
    }
  }

  func reply(_ current: StoredString?) -> Reply {
    guard let current else { return .null }
    switch self {
    case .encoding: return .bulk(Self.encoding(current.bytes))
    case .frequency: return .error("ERR how often keys are used is not counted")
    case .idleTime: return .integer(0)
    case .references:
      let number = strictInteger(current.bytes)
      // Redis shares the numbers below 10,000 and says so.
      return .integer(number.map { 0..<10_000 ~= $0 } == true ? Int64(Int32.max) : 1)
    case .memory(let keyBytes):
      return .integer(Int64(keyBytes + current.bytes.count + Self.upkeepBytes))
    }
  }

  /// What a new value of these bytes has in Redis.
  private static func encoding(_ bytes: [UInt8]) -> String {
    if strictInteger(bytes) != nil { return "int" }
    return bytes.count <= embeddedBytesMax ? "embstr" : "raw"
  }

  private static let embeddedBytesMax = 44
  /// What an entry costs besides its bytes, about.
  private static let upkeepBytes = 64
}
