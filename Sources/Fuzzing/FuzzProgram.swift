import Arguments
import Glibc

/// A program that plays inputs: its commands, and the loop over them.
package enum FuzzProgram<Player: InputPlayer> {
  static var table: CommandTable {
    CommandTable(
      program: "\(Player.program)", summary: Player.summary,
      examples: [
        "\(Player.program) run --inputs 10000000 --seed 1",
        "\(Player.program) replay 4711 --seed 1",
      ],
      flags: [Flag("seed", value: "N", default: "1", help: "What the inputs are drawn from.")],
      commands: [
        Command(
          "run", summary: "Play inputs until one is not borne.",
          flags: [Flag("inputs", value: "N", default: "1000000", help: "How many.")],
          details: "Ends with 0, or with 3 at the first finding, which it prints."),
        Command("replay", operands: "NUMBER", count: 1...1, summary: "Show and play one input."),
      ])
  }

  /// Carries out what the command line asks for; gives the exit code.
  package static func main() -> Int32 {
    TrapReport.install(Player.program)
    switch table.parse(Array(CommandLine.arguments.dropFirst()), environment: [:]) {
    case .help(let text): print(text)
    case .version: print("\(Player.program)")
    case .wrong(let error): return wrong(error)
    case .run(let command):
      do throws(UsageError) {
        return try run(command)
      } catch {
        return wrong(error)
      }
    }
    return 0
  }

  private static func wrong(_ error: UsageError) -> Int32 {
    print("\(Player.program): \(error)")
    return 64
  }

  private static func run(_ command: ParsedCommand) throws(UsageError) -> Int32 {
    let seed = UInt64(try command.integer("seed") ?? 1)
    var player = Player(seed: seed)
    guard command.command == "run" else {
      guard let number = Int(command.operands[0]), number >= 0 else {
        throw UsageError("'\(command.operands[0])' is not the number of an input")
      }
      print(player.text(of: number))
      // It may trap now.
      fflush(nil)
      return play(number, &player) ? 0 : 3
    }
    let inputs = try command.integer("inputs", in: 1...1_000_000_000_000) ?? 1
    let clock = ContinuousClock()
    let start = clock.now
    print(
      "\(inputs) inputs of seed \(seed), memory \(MemoryGauge.shared == nil ? "not " : "")measured")
    for number in 1...inputs {
      guard play(number, &player) else { return 3 }
      if number % 1_000_000 == 0 || number == inputs {
        let seconds = (clock.now - start) / .seconds(1)
        print("\(number) inputs in \(Int(seconds)) s, \(Int(Double(number) / seconds)) a second")
        fflush(nil)
      }
    }
    report(player)
    return 0
  }

  private static func play(_ number: Int, _ player: inout Player) -> Bool {
    TrapReport.begin(number)
    do throws(Finding) {
      try player.play(number)
      return true
    } catch {
      print("FOUND by seed \(player.seed), input \(number): \(error.description.prefix(2_000))")
      print(player.text(of: number))
      print("to repeat: \(Player.program) replay \(number) --seed \(player.seed)")
      return false
    }
  }

  private static func report(_ player: Player) {
    print("what came of them:")
    for end in player.ends { print("  \(end.count) \(end.name)") }
    for remark in player.remarks { print(remark) }
    let missing = player.missing
    if !missing.isEmpty { print("never happened: \(missing.joined(separator: ", "))") }
  }
}
