import RESP

/// All commands that clients may send. What concerns a request before its arguments are read comes
/// from here: whether there is such a command, how many arguments it has, and which are keys.
package struct CommandTable: Sendable {
  /// By name.
  package let commands: [CommandDescription]
  private let places: [String: Int]
  private let subcommandPlaces: [String: (container: Int, place: Int)]

  package static let standard = CommandTable(
    strings + keyspace + connection + server + cluster)

  private init(_ commands: [CommandDescription]) {
    let sorted = commands.sorted { $0.name < $1.name }
    var places: [String: Int] = [:]
    var subcommandPlaces: [String: (container: Int, place: Int)] = [:]
    for (index, command) in sorted.enumerated() {
      places[command.name] = index
      for (place, subcommand) in command.subcommands.enumerated() {
        subcommandPlaces[subcommand.name] = (index, place)
      }
    }
    self.commands = sorted
    self.places = places
    self.subcommandPlaces = subcommandPlaces
  }

  /// A command or subcommand (`container|name`), in any case; `nil` if there is none.
  package func command(named name: [UInt8]) -> CommandDescription? {
    guard name.count <= Self.nameBytesMax else { return nil }
    // In place, because this is done for every request. A text that is repaired is no name, for
    // names are of ASCII's characters.
    let folded = String(unsafeUninitializedCapacity: name.count) { buffer in
      for (place, byte) in name.enumerated() {
        buffer.initializeElement(at: place, to: asciiLowercased(byte))
      }
      return name.count
    }
    if let place = places[folded] { return commands[place] }
    guard let found = subcommandPlaces[folded] else { return nil }
    return commands[found.container].subcommands[found.place]
  }

  /// The command of a request, whose number of arguments is right; else Redis' refusal.
  package func command(for arguments: [[UInt8]]) throws(CommandError) -> CommandDescription {
    guard let found = lookUp(arguments) else { throw unknown(arguments) }
    guard found.accepts(argumentCount: arguments.count) else { throw .arity(found.name) }
    return found
  }

  /// The same without a look at the number of arguments; `nil` for an unknown command or
  /// subcommand.
  package func lookUp(_ arguments: [[UInt8]]) -> CommandDescription? {
    guard let name = arguments.first, !name.contains(UInt8(ascii: "|")),
      let command = command(named: name)
    else { return nil }
    guard !command.subcommands.isEmpty, arguments.count > 1 else { return command }
    return self.command(named: Array(command.name.utf8) + [UInt8(ascii: "|")] + arguments[1])
  }

  private func unknown(_ arguments: [[UInt8]]) -> CommandError {
    guard let name = arguments.first else { return CommandError("ERR empty request") }
    if arguments.count > 1, !name.contains(UInt8(ascii: "|")), let container = command(named: name)
    {
      return CommandError(
        "ERR unknown subcommand '", quoting: arguments[1],
        "'. Try \(container.name.uppercased()) HELP.")
    }
    // As many arguments as fit into 128 bytes, with their quotes; the last may be cut.
    var shown: [UInt8] = []
    for argument in arguments.dropFirst() where shown.count < Self.shownBytesMax {
      let room = Self.shownBytesMax - shown.count
      shown += [UInt8(ascii: "'")] + argument.prefix { $0 != 0 }.prefix(room)
      shown += Array("' ".utf8)
    }
    return CommandError("ERR unknown command '", quoting: name, "', with args beginning with: ")
      .followed(by: shown)
  }

  private static let nameBytesMax = 64
  /// How much of a request an error repeats.
  static let shownBytesMax = 128
}

/// A letter of ASCII in lower case; other bytes as they are.
func asciiLowercased(_ byte: UInt8) -> UInt8 { (0x41...0x5A) ~= byte ? byte | 0x20 : byte }
