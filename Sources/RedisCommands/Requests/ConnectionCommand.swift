import RESP

/// A command that concerns the connection that it comes by.
package enum ConnectionCommand: Hashable, Sendable {
  case ping([UInt8]?)
  case echo([UInt8])
  case select(Int32)
  case quit
  case reset
  case hello(Hello)
  case authenticate(Credentials)
  case readOnly
  case readWrite
  case asking
  case client(ClientCommand)

  package struct Hello: Hashable, Sendable {
    /// `nil`: as it is.
    package var version: RESPVersion?
    /// Options in their order: each acts before the next is read.
    package var options: [Option] = []

    package enum Option: Hashable, Sendable {
      case authenticate(Credentials)
      case setName([UInt8])
      /// What ends the options with an error.
      case refused(CommandError)
    }
  }

  package struct Credentials: Hashable, Sendable {
    /// `nil`: the short form of AUTH, which is for the default user.
    package var user: [UInt8]?
    package var password: [UInt8]
  }

  /// `nil` for a command that is none of these.
  init?(_ name: String, _ arguments: [[UInt8]]) throws(CommandError) {
    switch name {
    case "ping":
      guard arguments.count <= 2 else { throw .arity(name) }
      self = .ping(arguments.count == 2 ? arguments[1] : nil)
    case "echo": self = .echo(arguments[1])
    case "select": self = .select(try shortInteger(arguments[1]))
    case "quit": self = .quit
    case "reset": self = .reset
    case "hello": self = .hello(try Self.hello(arguments))
    case "auth":
      guard arguments.count <= 3 else { throw .syntax }
      self = .authenticate(
        arguments.count == 2
          ? Credentials(user: nil, password: arguments[1])
          : Credentials(user: arguments[1], password: arguments[2]))
    case "readonly": self = .readOnly
    case "readwrite": self = .readWrite
    case "asking": self = .asking
    default:
      guard let command = try ClientCommand(name, arguments) else { return nil }
      self = .client(command)
    }
  }

  private static func hello(_ arguments: [[UInt8]]) throws(CommandError) -> Hello {
    var hello = Hello()
    if arguments.count >= 2 {
      guard let number = strictInteger(arguments[1]) else {
        throw CommandError("ERR Protocol version is not an integer or out of range")
      }
      guard number == 2 || number == 3 else {
        throw CommandError("NOPROTO unsupported protocol version")
      }
      hello.version = number == 3 ? .three : .two
    }
    var index = 2
    while index < arguments.count {
      let left = arguments.count - 1 - index
      switch option(arguments[index]) {
      case "auth" where left >= 2:
        hello.options.append(
          .authenticate(Credentials(user: arguments[index + 1], password: arguments[index + 2])))
        index += 3
      case "setname" where left >= 1:
        hello.options.append(
          isClientText(arguments[index + 1])
            ? .setName(arguments[index + 1]) : .refused(ClientCommand.badName))
        index += 2
      default:
        let error = CommandError(
          "ERR Syntax error in HELLO option '", bytes: arguments[index], "'")
        hello.options.append(.refused(error))
        return hello
      }
    }
    return hello
  }
}

/// Names are shown in lists whose fields are parted by blanks: they hold none, nor control
/// characters, nor bytes above ASCII.
func isClientText(_ text: [UInt8]) -> Bool { text.allSatisfy { 0x21...0x7E ~= $0 } }

/// An integer of 32 bits, with Redis' errors.
func shortInteger(_ bytes: [UInt8]) throws(CommandError) -> Int32 {
  guard let value = Int32(exactly: try integer(bytes)) else {
    throw CommandError(
      "ERR value is out of range, value must between \(Int32.min) and \(Int32.max)")
  }
  return value
}
