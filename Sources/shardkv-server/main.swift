import Arguments
import Basics
import Glibc
import ShardKVServer

/// One line for `--version`.
let version = "shardkv-server 0.1.0"

/// Carries out the command line and gives what the process ends with.
func execute(_ arguments: [String]) -> ExitCode {
  switch options.parse(arguments, environment: environment()) {
  case .help(let text):
    Log.put(text + "\n", on: STDOUT_FILENO)
    return .done
  case .version:
    Log.put(version + "\n", on: STDOUT_FILENO)
    return .done
  case .wrong(let error):
    return complain(Failure(.usage, error.description))
  case .run(let command):
    do {
      return try run(command)
    } catch let error as UsageError {
      return complain(
        Failure(
          .usage, "\(error)\nSee 'shardkv-server \(command.command) --help' for more information."))
    } catch let failure as Failure {
      return complain(failure)
    } catch {
      return complain(Failure(.internalError, "\(error)"))
    }
  }
}

private func run(_ command: ParsedCommand) throws -> ExitCode {
  switch command.command {
  case "id": try printIDs(command)
  case "init": try initialize(command)
  case "journal": return try lookAtJournal(command)
  case "snapshot": return try lookAtSnapshot(command)
  default: try serve(command)
  }
  return .done
}

private func complain(_ failure: Failure) -> ExitCode {
  if !failure.isLogged {
    Log.put("shardkv-server: \(failure.message)\n", on: STDERR_FILENO)
  }
  return failure.code
}

private func printIDs(_ command: ParsedCommand) throws(UsageError) {
  let text = command.operands.first ?? "1"
  guard let count = Int(text), 1...10_000 ~= count else {
    throw UsageError("'\(text)' is not a number of ids from 1 to 10000")
  }
  // Zero is no id.
  let ids = (0..<count).map { _ in "\(ReplicaID(rawValue: UInt64.random(in: 1...UInt64.max)))\n" }
  Log.put(ids.joined(), on: STDOUT_FILENO)
}

private func environment() -> [String: String] {
  var variables: [String: String] = [:]
  var next = environ
  while let entry = next.pointee {
    let parts = String(cString: entry).split(separator: "=", maxSplits: 1)
    if parts.count == 2 { variables[String(parts[0])] = String(parts[1]) }
    next += 1
  }
  return variables
}

// A log or output that nobody reads any more must not end a replica, and a write beyond the limit
// of a file's size is to fail like any other.
signal(SIGPIPE, SIG_IGN)
signal(SIGXFSZ, SIG_IGN)
exit(execute(Array(CommandLine.arguments.dropFirst())).rawValue)
