import RESP

extension StringCommand {
  /// Reads the arguments of a command on one key, whose number fits the table. `nil` for a command
  /// that is none of these. `limit` is the length that a value may have, in bytes.
  package init?(_ name: String, _ arguments: [[UInt8]], limit: Int) throws(CommandError) {
    switch name {
    case "get": self = .get
    case "set", "setex", "psetex", "setnx": self = try Self.set(name, arguments)
    case "append": self = .append(arguments[2])
    case "strlen": self = .length
    case "getset": self = .getAndSet(arguments[2])
    case "getdel": self = .getAndDelete
    case "getex": self = .getAndExpire(try Self.getExpiry(arguments))
    case "getrange", "substr":
      self = .range(start: try integer(arguments[2]), end: try integer(arguments[3]))
    case "setrange":
      let offset = try integer(arguments[2])
      guard offset >= 0 else { throw CommandError("ERR offset is out of range") }
      self = .setRange(offset: offset, arguments[3])
    case "incr": self = .increment(1)
    case "decr": self = .increment(-1)
    case "incrby": self = .increment(try integer(arguments[2]))
    case "decrby":
      let amount = try integer(arguments[2])
      guard amount != .min else { throw CommandError("ERR decrement would overflow") }
      self = .increment(-amount)
    case "incrbyfloat": self = .incrementFloat(LongDouble(arguments[2]))
    case "expire", "pexpire", "expireat", "pexpireat":
      self = .expire(try Self.expire(name, arguments))
    case "ttl": self = .timeToLive(isSeconds: true, isAbsolute: false)
    case "pttl": self = .timeToLive(isSeconds: false, isAbsolute: false)
    case "expiretime": self = .timeToLive(isSeconds: true, isAbsolute: true)
    case "pexpiretime": self = .timeToLive(isSeconds: false, isAbsolute: true)
    case "persist": self = .persist
    case "type": self = .type
    case "setbit":
      let offset = try Self.bitOffset(arguments[2], limit: limit)
      guard let value = strictInteger(arguments[3]), value == 0 || value == 1 else { throw .bit }
      self = .setBit(offset: offset, isOn: value == 1)
    case "getbit": self = .getBit(offset: try Self.bitOffset(arguments[2], limit: limit))
    case "bitcount": self = .bitCount(Self.bitRange(arguments))
    default: return nil
    }
  }

  private static func set(_ name: String, _ arguments: [[UInt8]]) throws(CommandError) -> Self {
    switch name {
    case "setnx":
      return .set(SetOptions(value: arguments[2], onlyIfNew: true, answersNumber: true))
    case "setex", "psetex":
      let expiry = ExpiryArgument(option: name == "setex" ? "ex" : "px", arguments[2])
      guard expiry?.amount != nil else { throw .notAnInteger }
      return .set(SetOptions(value: arguments[3], expiry: expiry, name: name))
    default: return .set(try setOptions(arguments))
    }
  }

  private static func setOptions(_ arguments: [[UInt8]]) throws(CommandError) -> SetOptions {
    var options = SetOptions(value: arguments[2])
    var expiryName: String?
    var index = 3
    while index < arguments.count {
      let name = option(arguments[index])
      index += 1
      switch name {
      case "nx" where !options.onlyIfThere: options.onlyIfNew = true
      case "xx" where !options.onlyIfNew: options.onlyIfThere = true
      case "get": options.returnsOld = true
      case "keepttl" where expiryName == nil: options.keepsDeadline = true
      case "ex", "px", "exat", "pxat":
        guard !options.keepsDeadline, expiryName == nil || expiryName == name,
          index < arguments.count
        else { throw .syntax }
        expiryName = name
        options.expiry = ExpiryArgument(option: name, arguments[index])
        index += 1
      default: throw .syntax
      }
    }
    if let expiry = options.expiry, expiry.amount == nil { throw .notAnInteger }
    return options
  }

  private static func getExpiry(_ arguments: [[UInt8]]) throws(CommandError) -> GetExpiry {
    var result = GetExpiry.unchanged
    var expiryName: String?
    var index = 2
    while index < arguments.count {
      let name = option(arguments[index])
      index += 1
      switch name {
      case "persist" where expiryName == nil: result = .persist
      case "ex", "px", "exat", "pxat":
        guard result != .persist, expiryName == nil || expiryName == name,
          index < arguments.count,
          let expiry = ExpiryArgument(option: name, arguments[index])
        else { throw .syntax }
        expiryName = name
        result = .set(expiry)
        index += 1
      default: throw .syntax
      }
    }
    return result
  }

  private static func expire(_ name: String, _ arguments: [[UInt8]]) throws(CommandError)
    -> ExpireOptions
  {
    var (nx, xx, gt, lt) = (false, false, false, false)
    for argument in arguments.dropFirst(3) {
      switch option(argument) {
      case "nx": nx = true
      case "xx": xx = true
      case "gt": gt = true
      case "lt": lt = true
      default: throw CommandError("ERR Unsupported option ", bytes: argument)
      }
    }
    if nx && (xx || gt || lt) {
      throw CommandError("ERR NX and XX, GT or LT options at the same time are not compatible")
    }
    if gt && lt {
      throw CommandError("ERR GT and LT options at the same time are not compatible")
    }
    return ExpireOptions(
      name: name, amount: try integer(arguments[2]), isSeconds: !name.hasPrefix("p"),
      isAbsolute: name.hasSuffix("at"), onlyWithout: nx, onlyWith: xx, onlyLater: gt,
      onlyEarlier: lt)
  }

  private static func bitOffset(_ argument: [UInt8], limit: Int) throws(CommandError) -> Int64 {
    guard let offset = strictInteger(argument), offset >= 0, offset >> 3 < limit else {
      throw .bitOffset
    }
    return offset
  }

  private static func bitRange(_ arguments: [[UInt8]]) -> BitRange {
    if arguments.count == 2 { return .whole }
    guard arguments.count == 4 || arguments.count == 5 else { return .refused(.syntax) }
    guard let start = strictInteger(arguments[2]), let end = strictInteger(arguments[3]) else {
      return .refused(.notAnInteger)
    }
    // Redis decides this before it looks at the unit.
    if start < 0, end < 0, start > end { return .empty }
    let unit = arguments.count == 5 ? option(arguments[4]) : "byte"
    guard unit == "byte" || unit == "bit" else { return .refused(.syntax) }
    return .part(start: start, end: end, isBits: unit == "bit")
  }
}
