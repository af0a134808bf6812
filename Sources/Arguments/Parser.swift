extension CommandTable {
  /// Reads the arguments after the program's name. A flag on the command line wins over the
  /// environment, and that over the default.
  package func parse(_ arguments: [String], environment: [String: String]) -> Invocation {
    let flagsEnd = arguments.firstIndex(of: "--") ?? arguments.endIndex
    if arguments.isEmpty { return .help(help()) }
    if arguments[..<flagsEnd].contains(where: { $0 == "--help" || $0 == "-h" }) {
      return .help(help(of: arguments.lazy.compactMap { command(named: $0) }.first))
    }
    do throws(UsageError) {
      return try read(arguments, environment: environment)
    } catch {
      return .wrong(error)
    }
  }

  package func command(named name: String) -> Command? { commands.first { $0.name == name } }

  private func read(
    _ arguments: [String], environment: [String: String]
  ) throws(UsageError) -> Invocation {
    var chosen: Command?
    var operands: [String] = []
    var given: [(flag: Flag, value: String)] = []
    var rest = arguments[...]
    while let argument = rest.popFirst() {
      if argument == "--" {
        if chosen == nil, let name = rest.popFirst() { chosen = try choose(name) }
        operands += rest
        break
      }
      if argument == "--version" { return .version }
      if isFlag(argument, of: chosen) {
        given.append(try flag(argument, of: chosen, rest: &rest))
      } else if chosen == nil {
        if argument == "help" || argument == "version", command(named: argument) == nil {
          if argument == "version" { return .version }
          return .help(help(of: rest.first.flatMap { command(named: $0) }))
        }
        chosen = try choose(argument)
      } else {
        operands.append(argument)
      }
    }
    guard let chosen else {
      throw UsageError("missing command\n\(more(nil))")
    }
    return .run(try finish(chosen, operands, given, environment))
  }

  /// A dash alone is an operand (standard input), and so is a negative number.
  private func isFlag(_ argument: String, of command: Command?) -> Bool {
    guard argument.hasPrefix("-"), argument != "-" else { return false }
    if let letter = argument.dropFirst().first, letter.isNumber {
      return allFlags(of: command).contains { $0.short == letter }
    }
    return true
  }

  package func allFlags(of command: Command?) -> [Flag] { (command?.flags ?? []) + flags }

  private func choose(_ name: String) throws(UsageError) -> Command {
    if let command = command(named: name) { return command }
    let guess = closest(to: name, among: commands.map(\.name))
    throw UsageError("unknown command '\(name)'\(didYouMean(guess))\n\(more(nil))")
  }

  private func flag(
    _ argument: String, of command: Command?, rest: inout ArraySlice<String>
  ) throws(UsageError) -> (flag: Flag, value: String) {
    let parts = argument.split(separator: "=", maxSplits: 1, omittingEmptySubsequences: false)
    let name = String(parts.first ?? "")
    var value = parts.count == 2 ? String(parts[1]) : nil
    let known = allFlags(of: command)
    let found = known.first { flag in
      name == "--" + flag.name || flag.short.map { name == "-\($0)" } ?? false
    }
    guard let found else {
      let guess = closest(to: name, among: known.map { "--" + $0.name })
      throw UsageError("unknown flag '\(name)'\(didYouMean(guess))\n\(more(command))")
    }
    if let placeholder = found.placeholder {
      if value == nil { value = rest.popFirst() }
      guard let value else {
        throw UsageError("missing value for '--\(found.name) \(placeholder)'\n\(more(command))")
      }
      return (found, value)
    }
    guard value == nil else {
      throw UsageError("'--\(found.name)' takes no value\n\(more(command))")
    }
    return (found, "true")
  }

  private func finish(
    _ command: Command, _ operands: [String], _ given: [(flag: Flag, value: String)],
    _ environment: [String: String]
  ) throws(UsageError) -> ParsedCommand {
    guard command.operandCount.contains(operands.count) else {
      let what = operands.count < command.operandCount.lowerBound ? "missing" : "too many"
      throw UsageError(
        "\(what) operands for '\(command.name)'\nUsage: \(usage(of: command))\n\(more(command))")
    }
    var parsed = ParsedCommand(command: command.name, operands: operands)
    for flag in allFlags(of: command) {
      if let last = given.last(where: { $0.flag.name == flag.name }) {
        parsed.values[flag.name] = .init(text: last.value, source: "--\(flag.name)")
        parsed.given.insert(flag.name)
      } else if let value = environment[flag.environmentName], !value.isEmpty {
        let text = try flag.placeholder == nil ? readSwitch(value, flag) : value
        parsed.values[flag.name] = .init(text: text, source: flag.environmentName)
        parsed.given.insert(flag.name)
      } else if let fallback = flag.fallback {
        parsed.values[flag.name] = .init(text: fallback, source: "the default")
      }
    }
    return parsed
  }

  private func readSwitch(_ value: String, _ flag: Flag) throws(UsageError) -> String {
    switch value.lowercased() {
    case "1", "true", "yes", "on": return "true"
    case "0", "false", "no", "off": return "false"
    default: throw UsageError("\(flag.environmentName) is '\(value)': use true or false")
    }
  }

  private func more(_ command: Command?) -> String {
    "See '\(program)\(command.map { " " + $0.name } ?? "") --help' for more information."
  }

  private func didYouMean(_ guess: String?) -> String {
    guess.map { ": did you mean '\($0)'?" } ?? ""
  }
}

/// The candidate that is at most a third of its length, and at most 3 changes, away from `word`.
package func closest(to word: String, among candidates: [String]) -> String? {
  let ranked = candidates.map { (name: $0, distance: distance(word, $0)) }
  guard let best = ranked.min(by: { $0.distance < $1.distance }),
    best.distance <= min(3, max(1, best.name.count / 3))
  else { return nil }
  return best.name
}

/// Changes of one letter, swaps of neighbours included, that make one word the other (optimal
/// string alignment).
private func distance(_ left: String, _ right: String) -> Int {
  let a = Array(left.unicodeScalars.prefix(64))
  let b = Array(right.unicodeScalars.prefix(64))
  var before: [Int] = []
  var above = Array(0...b.count)
  for row in a.indices {
    var current = [row + 1]
    for column in b.indices {
      let changed = above[column] + (a[row] == b[column] ? 0 : 1)
      var least = min(changed, above[column + 1] + 1, current[column] + 1)
      if row > 0, column > 0, a[row] == b[column - 1], a[row - 1] == b[column] {
        least = min(least, before[column - 1] + 1)
      }
      current.append(least)
    }
    before = above
    above = current
  }
  return above[b.count]
}
