import Glibc

/// What the process ends with (after sysexits.h); the help of each command lists them.
enum ExitCode: Int32 {
  case done = 0
  case usage = 64
  case damagedData = 65
  /// Of commands that only look: there is nothing to look at.
  case noInput = 66
  case internalError = 70
  case inputOutput = 74
  case configuration = 78
}

/// Why a command could not be carried out: text for people, with the next step.
struct Failure: Error {
  var code: ExitCode
  var message: String
  /// It stands in the log already, with its time.
  var isLogged = false

  init(_ code: ExitCode, _ message: String) {
    self.code = code
    self.message = message
  }
}
