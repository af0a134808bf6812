/// One `--name` that a program understands.
package struct Flag: Sendable {
  /// Without the dashes, lower case, words joined by `-`.
  package var name: String
  /// One letter after a single dash.
  package var short: Character?
  /// What stands for the value in the help, such as `HOST:PORT`; `nil`: a switch without value.
  package var placeholder: String?
  package var help: String
  /// The value when neither flag nor environment gives one.
  package var fallback: String?

  package init(
    _ name: String, short: Character? = nil, value placeholder: String? = nil,
    default fallback: String? = nil, help: String
  ) {
    self.name = name
    self.short = short
    self.placeholder = placeholder
    self.fallback = fallback
    self.help = help
  }

  /// A flag of `name` is also read from this variable: `data-dir` from `SHARDKV_DATA_DIR`.
  package var environmentName: String {
    "SHARDKV_" + name.uppercased().map { $0 == "-" ? "_" : String($0) }.joined()
  }
}

/// One word that a program can be told to do.
package struct Command: Sendable {
  package var name: String
  package var summary: String
  /// As the help shows what follows the name, such as `KEY [VALUE]`.
  package var operands: String
  /// How many operands it takes.
  package var operandCount: ClosedRange<Int>
  /// Besides the program's own.
  package var flags: [Flag]
  /// More lines for `COMMAND --help`, already broken.
  package var details: String

  package init(
    _ name: String, operands: String = "", count operandCount: ClosedRange<Int> = 0...0,
    summary: String, flags: [Flag] = [], details: String = ""
  ) {
    self.name = name
    self.operands = operands
    self.operandCount = operandCount
    self.summary = summary
    self.flags = flags
    self.details = details
  }
}

/// All that a program can be told: the one source of its parser, its help and its variables.
package struct CommandTable: Sendable {
  package var program: String
  package var summary: String
  /// Command lines for the top of the help.
  package var examples: [String]
  /// Understood before and after every command; `--help` and `--version` need not be listed.
  package var flags: [Flag]
  package var commands: [Command]
  /// The last lines of the help.
  package var footer: String

  package init(
    program: String, summary: String, examples: [String] = [], flags: [Flag] = [],
    commands: [Command], footer: String = ""
  ) {
    self.program = program
    self.summary = summary
    self.examples = examples
    self.flags = flags
    self.commands = commands
    self.footer = footer
  }
}

/// What a command line asks for.
package enum Invocation: Sendable {
  case run(ParsedCommand)
  /// Text for stdout; the program then exits with 0.
  case help(String)
  /// `--version`, or `version` where that is no command of the table.
  case version
  /// Text for stderr; the program then exits with 64.
  case wrong(UsageError)
}

/// What is wrong with a command line, and what to do: ready to be shown.
package struct UsageError: Error, Hashable, Sendable, CustomStringConvertible {
  package var description: String
  package init(_ description: String) { self.description = description }
}
