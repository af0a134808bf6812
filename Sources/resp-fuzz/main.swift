import Arguments
import Glibc

// Random bytes for the parsers of Redis' protocol; scripts/redis-fuzz.sh builds and runs it.

TrapReport.install()
switch FuzzProgram.table.parse(Array(CommandLine.arguments.dropFirst()), environment: [:]) {
case .help(let text): print(text)
case .version: print("resp-fuzz")
case .wrong(let error):
  print("resp-fuzz: \(error)")
  exit(64)
case .run(let command):
  do {
    exit(try FuzzProgram.run(command))
  } catch {
    print("resp-fuzz: \(error)")
    exit(64)
  }
}
