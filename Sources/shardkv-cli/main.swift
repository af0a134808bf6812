import Arguments
import Glibc

/// The process's variables.
func readEnvironment() -> [String: String] {
  var variables: [String: String] = [:]
  for name in commandTable.variableNames + ["NO_COLOR", "TERM"] {
    if let value = getenv(name) { variables[name] = String(cString: value) }
  }
  return variables
}

extension CommandTable {
  /// The variables that stand in for flags.
  var variableNames: [String] {
    (flags + commands.flatMap(\.flags)).map(\.environmentName)
  }
}

func execute() -> ExitCode {
  let environment = readEnvironment()
  let arguments = Array(CommandLine.arguments.dropFirst())
  switch commandTable.parse(arguments, environment: environment) {
  case .help(let text):
    Output.line(text)
    return .done
  case .version:
    Output.line("shardkv-cli 0.1.0")
    return .done
  case .wrong(let error):
    Output.message("shardkv-cli: \(error)")
    return .usage
  case .run(let parsed):
    do {
      return try App(parsed, environment: environment).run()
    } catch let failure as Failure {
      Output.message("shardkv-cli: \(failure.message)")
      return failure.code
    } catch let error as UsageError {
      Output.message("shardkv-cli: \(error)")
      return .usage
    } catch {
      Output.message("shardkv-cli: \(error)")
      return .defect
    }
  }
}

exit(execute().rawValue)
