extension CommandTable {
  /// The help of one command, or of the whole program.
  package func help(of command: Command? = nil) -> String {
    guard let command else { return programHelp() }
    var lines = ["\(program) \(command.name): \(command.summary)", ""]
    lines += ["USAGE", "  \(usage(of: command))"]
    if !command.details.isEmpty { lines += ["", command.details] }
    if !command.flags.isEmpty { lines += ["", "OPTIONS"] + describe(command.flags) }
    lines += ["", "GENERAL OPTIONS"] + describe(flags + [helpFlag, versionFlag])
    return lines.joined(separator: "\n")
  }

  package func usage(of command: Command) -> String {
    [program, command.name, command.operands, "[options]"].filter { !$0.isEmpty }
      .joined(separator: " ")
  }

  private func programHelp() -> String {
    var lines = ["\(program): \(summary)"]
    if !examples.isEmpty { lines += ["", "EXAMPLES"] + examples.map { "  " + $0 } }
    lines += ["", "USAGE", "  \(program) COMMAND [options]", "", "COMMANDS"]
    lines += columns(
      commands.map { command in
        let operands = command.operands.isEmpty ? "" : " " + command.operands
        return (command.name + operands, command.summary)
      })
    lines += ["", "OPTIONS"] + describe(flags + [helpFlag, versionFlag])
    lines += ["", "'\(program) COMMAND --help' tells more of one command."]
    if !footer.isEmpty { lines += [footer] }
    return lines.joined(separator: "\n")
  }

  private var helpFlag: Flag { Flag("help", short: "h", help: "Show this.") }
  private var versionFlag: Flag { Flag("version", help: "Show the version.") }

  private func describe(_ flags: [Flag]) -> [String] {
    columns(
      flags.map { flag in
        let short = flag.short.map { "-\($0), " } ?? "    "
        let value = flag.placeholder.map { " " + $0 } ?? ""
        var notes: [String] = []
        if flag.name != "help", flag.name != "version" { notes.append(flag.environmentName) }
        if let fallback = flag.fallback { notes.append("default: \(fallback)") }
        let suffix = notes.isEmpty ? "" : " [\(notes.joined(separator: "; "))]"
        return ("\(short)--\(flag.name)\(value)", flag.help + suffix)
      })
  }

  /// Two columns of at most 100 characters; a long left side gets a line of its own.
  private func columns(_ rows: [(left: String, right: String)]) -> [String] {
    let width = min(30, rows.map(\.left.count).max() ?? 0)
    var lines: [String] = []
    for row in rows {
      let parts = wrap(row.right, width: 100 - width - 4)
      let indent = String(repeating: " ", count: width + 4)
      if row.left.count > width {
        lines.append("  " + row.left)
        lines += parts.map { indent + $0 }
      } else {
        let padding = String(repeating: " ", count: width - row.left.count)
        lines.append("  \(row.left)\(padding)  \(parts.first ?? "")")
        lines += parts.dropFirst().map { indent + $0 }
      }
    }
    return lines
  }

  private func wrap(_ text: String, width: Int) -> [String] {
    var lines: [String] = []
    for word in text.split(separator: " ") {
      if let last = lines.last, last.count + 1 + word.count <= width {
        lines[lines.count - 1] = last + " " + word
      } else {
        lines.append(String(word))
      }
    }
    return lines
  }
}
