/// A string with its deadline, as a store keeps it.
package struct StoredString: Hashable, Sendable {
  package var bytes: [UInt8]
  /// Milliseconds since 1970; the key lives up to and with that millisecond.
  package var deadline: Int64?

  package init(_ bytes: [UInt8], deadline: Int64? = nil) {
    self.bytes = bytes
    self.deadline = deadline
  }

  /// Whether the key is still there.
  package func isAlive(at now: Int64) -> Bool { deadline.map { now <= $0 } ?? true }
}

/// A command on one key, parsed. Each has the name that its errors use, where they use one.
package enum StringCommand: Hashable, Sendable {
  case get
  case set(SetOptions)
  /// APPEND.
  case append([UInt8])
  case length
  case getAndSet([UInt8])
  case getAndDelete
  case getAndExpire(GetExpiry)
  /// GETRANGE and SUBSTR: both ends count; negative ones from the end.
  case range(start: Int64, end: Int64)
  case setRange(offset: Int64, [UInt8])
  /// INCR, DECR, INCRBY, DECRBY.
  case increment(Int64)
  /// `nil`: not a number, which is looked at after the value of the key.
  case incrementFloat(LongDouble?)
  case expire(ExpireOptions)
  /// TTL, PTTL, EXPIRETIME, PEXPIRETIME.
  case timeToLive(isSeconds: Bool, isAbsolute: Bool)
  case persist
  case type
  case setBit(offset: Int64, isOn: Bool)
  case getBit(offset: Int64)
  case bitCount(BitRange)

  package struct SetOptions: Hashable, Sendable {
    package var value: [UInt8]
    package var expiry: ExpiryArgument?
    package var keepsDeadline = false
    package var onlyIfNew = false
    package var onlyIfThere = false
    package var returnsOld = false
    /// SETNX answers 1 and 0.
    package var answersNumber = false
    /// For the text of an error: set, setex, psetex.
    package var name = "set"
  }

  package enum GetExpiry: Hashable, Sendable {
    case unchanged
    case set(ExpiryArgument)
    case persist
  }

  package struct ExpireOptions: Hashable, Sendable {
    package let name: String
    package let amount: Int64
    package let isSeconds: Bool
    package let isAbsolute: Bool
    package var onlyWithout = false
    package var onlyWith = false
    package var onlyLater = false
    package var onlyEarlier = false
  }

  /// The part of BITCOUNT; errors in it are seen only when the key is there.
  package enum BitRange: Hashable, Sendable {
    case whole
    case empty
    case part(start: Int64, end: Int64, isBits: Bool)
    case refused(CommandError)
  }
}
