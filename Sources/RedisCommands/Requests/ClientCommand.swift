import RESP

/// CLIENT and its subcommands.
package enum ClientCommand: Hashable, Sendable {
  case name
  /// Empty: none.
  case setName([UInt8])
  case setLibraryName([UInt8])
  case setLibraryVersion([UInt8])
  case id
  case info
  case list(Selection)
  case replies(Replies)
  case evicts(Bool)
  case touches(Bool)
  case kill(ClientFilter)
  /// For so many milliseconds; all requests or only writes.
  case pause(milliseconds: Int64, writesOnly: Bool)
  case unpause

  package enum Selection: Hashable, Sendable {
    case all
    /// Normal ones are all that there are here.
    case kind(ClientFilter.Kind)
    case ids([Int64])
  }

  package enum Replies: Hashable, Sendable { case on, off, skip }

  /// `nil` for a command that is none of these.
  init?(_ name: String, _ arguments: [[UInt8]]) throws(CommandError) {
    switch name {
    case "client|getname": self = .name
    case "client|setname":
      guard isClientText(arguments[2]) else { throw Self.badName }
      self = .setName(arguments[2])
    case "client|setinfo": self = try Self.library(arguments)
    case "client|id": self = .id
    case "client|info": self = .info
    case "client|list": self = .list(try Self.selection(arguments))
    case "client|reply":
      switch option(arguments[2]) {
      case "on": self = .replies(.on)
      case "off": self = .replies(.off)
      case "skip": self = .replies(.skip)
      default: throw .syntax
      }
    case "client|no-evict": self = .evicts(!(try Self.isOn(arguments[2])))
    case "client|no-touch": self = .touches(!(try Self.isOn(arguments[2])))
    case "client|kill": self = .kill(try ClientFilter(arguments))
    case "client|pause": self = try Self.pause(arguments)
    case "client|unpause": self = .unpause
    default: return nil
    }
  }

  static let badName = CommandError(
    "ERR Client names cannot contain spaces, newlines or special characters.")

  private static func library(_ arguments: [[UInt8]]) throws(CommandError) -> Self {
    let attribute = option(arguments[2])
    guard attribute == "lib-name" || attribute == "lib-ver" else {
      throw CommandError("ERR Unrecognized option '", bytes: arguments[2], "'")
    }
    guard isClientText(arguments[3]) else {
      throw CommandError("ERR \(attribute) cannot contain spaces, newlines or special characters.")
    }
    return attribute == "lib-name"
      ? .setLibraryName(arguments[3]) : .setLibraryVersion(arguments[3])
  }

  private static func selection(_ arguments: [[UInt8]]) throws(CommandError) -> Selection {
    if arguments.count == 2 { return .all }
    switch option(arguments[2]) {
    case "type" where arguments.count == 4:
      guard let kind = ClientFilter.Kind(option: arguments[3]) else {
        throw CommandError("ERR Unknown client type '", bytes: arguments[3], "'")
      }
      return .kind(kind)
    case "id" where arguments.count > 3:
      var ids: [Int64] = []
      for argument in arguments.dropFirst(3) {
        guard let id = strictInteger(argument) else { throw CommandError("ERR Invalid client ID") }
        ids.append(id)
      }
      return .ids(ids)
    default: throw .syntax
    }
  }

  private static func isOn(_ argument: [UInt8]) throws(CommandError) -> Bool {
    switch option(argument) {
    case "on": return true
    case "off": return false
    default: throw .syntax
    }
  }

  private static func pause(_ arguments: [[UInt8]]) throws(CommandError) -> Self {
    guard arguments.count <= 4 else { throw .subcommandOrArity(arguments[1], of: "CLIENT") }
    var writesOnly = false
    if arguments.count == 4 {
      switch option(arguments[3]) {
      case "write": writesOnly = true
      case "all": break
      default: throw CommandError("ERR CLIENT PAUSE mode must be WRITE or ALL")
      }
    }
    guard let milliseconds = strictInteger(arguments[2]) else {
      throw CommandError("ERR timeout is not an integer or out of range")
    }
    guard milliseconds >= 0 else { throw CommandError("ERR timeout is negative") }
    return .pause(milliseconds: milliseconds, writesOnly: writesOnly)
  }
}

/// Which connections CLIENT KILL closes: those that have all that is named.
package struct ClientFilter: Hashable, Sendable {
  package enum Kind: String, Hashable, Sendable {
    case normal, master, replica, pubsub

    init?(option argument: [UInt8]) {
      let name = option(argument)
      self.init(rawValue: name == "slave" ? "replica" : name)
    }
  }

  package var id: Int64?
  package var kind: Kind?
  package var address: [UInt8]?
  package var localAddress: [UInt8]?
  package var user: [UInt8]?
  /// Whether the connection that asks is left out.
  package var skipsOwn = true
  /// CLIENT KILL address: the answer is OK or an error and not a number.
  package var isShortForm = false

  init(_ arguments: [[UInt8]]) throws(CommandError) {
    if arguments.count == 3 {
      address = arguments[2]
      skipsOwn = false
      isShortForm = true
      return
    }
    var index = 2
    while index < arguments.count {
      guard index + 1 < arguments.count else { throw .syntax }
      try read(option(arguments[index]), arguments[index + 1])
      index += 2
    }
  }

  private mutating func read(_ name: String, _ value: [UInt8]) throws(CommandError) {
    switch name {
    case "id":
      guard let number = strictInteger(value), number > 0 else {
        throw CommandError("ERR client-id should be greater than 0")
      }
      id = number
    case "type":
      guard let kind = Kind(option: value) else {
        throw CommandError("ERR Unknown client type '", bytes: value, "'")
      }
      self.kind = kind
    case "addr": address = value
    case "laddr": localAddress = value
    case "user":
      guard value == RedisSession.userName else {
        throw CommandError("ERR No such user '", bytes: value, "'")
      }
      user = value
    case "skipme":
      switch option(value) {
      case "yes": skipsOwn = true
      case "no": skipsOwn = false
      default: throw .syntax
      }
    default: throw .syntax
    }
  }

  /// Whether it is meant. All connections are of the kind *normal*, and of the default user once
  /// they have logged in.
  package func matches(_ client: ClientDescription, isOwn: Bool) -> Bool {
    if isOwn, skipsOwn { return false }
    if let id, id != client.id { return false }
    if let kind, kind != .normal { return false }
    if let address, address != client.address { return false }
    if let localAddress, localAddress != client.localAddress { return false }
    return user == nil || client.isAuthenticated
  }
}
