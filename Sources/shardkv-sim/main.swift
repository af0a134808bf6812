import Arguments
import Basics
import Glibc
import Simulation

// Runs clusters in virtual time, seed by seed, each under its own mixture of faults.

let arguments = CommandLine.arguments

// A worker is this program started again by itself: it reports its seed on stdout.
if arguments.count > 1, arguments[1] == Worker.command {
  exit(Worker.run(Array(arguments.dropFirst(2))))
}

switch SimulatorProgram.table.parse(Array(arguments.dropFirst()), environment: [:]) {
case .help(let text):
  print(text)
case .version:
  print("shardkv-sim \(SimulatorProgram.version)")
case .wrong(let error):
  SimulatorProgram.complain(error)
case .run(let command):
  do {
    exit(try SimulatorProgram.run(command))
  } catch {
    SimulatorProgram.complain(error)
  }
}
