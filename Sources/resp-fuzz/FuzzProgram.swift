import Arguments
import Glibc

/// What `resp-fuzz` can be told.
enum FuzzProgram {
  static let table = CommandTable(
    program: "resp-fuzz", summary: "gives random bytes to the parsers of Redis' protocol",
    examples: ["resp-fuzz run --inputs 10000000 --seed 1", "resp-fuzz replay 4711 --seed 1"],
    flags: [Flag("seed", value: "N", default: "1", help: "What the inputs are drawn from.")],
    commands: [
      Command(
        "run", summary: "Play inputs until one is not borne.",
        flags: [Flag("inputs", value: "N", default: "1000000", help: "How many.")],
        details: "Ends with 0, or with 3 at the first finding, which it prints."),
      Command("replay", operands: "NUMBER", count: 1...1, summary: "Show and play one input."),
    ])

  static func run(_ command: ParsedCommand) throws(UsageError) -> Int32 {
    let seed = UInt64(try command.integer("seed") ?? 1)
    var fuzzer = Fuzzer(seed: seed)
    guard command.command == "run" else {
      guard let number = Int(command.operands[0]), number >= 0 else {
        throw UsageError("'\(command.operands[0])' is not the number of an input")
      }
      show(FuzzInput(seed: seed, number: number))
      return play(number, &fuzzer) ? 0 : 3
    }
    let inputs = try command.integer("inputs", in: 1...1_000_000_000_000) ?? 1
    let clock = ContinuousClock()
    let start = clock.now
    print(
      "\(inputs) inputs of seed \(seed), memory \(MemoryGauge.shared == nil ? "not " : "")measured")
    for number in 1...inputs {
      guard play(number, &fuzzer) else { return 3 }
      if number % 1_000_000 == 0 || number == inputs {
        let seconds = (clock.now - start) / .seconds(1)
        print("\(number) inputs in \(Int(seconds)) s, \(Int(Double(number) / seconds)) a second")
        fflush(nil)
      }
    }
    report(fuzzer)
    return 0
  }

  private static func play(_ number: Int, _ fuzzer: inout Fuzzer) -> Bool {
    TrapReport.begin(number)
    do throws(Finding) {
      try fuzzer.play(number)
      return true
    } catch {
      print("FOUND by seed \(fuzzer.seed), input \(number): \(error.description.prefix(2_000))")
      show(FuzzInput(seed: fuzzer.seed, number: number))
      print("to repeat: resp-fuzz replay \(number) --seed \(fuzzer.seed)")
      return false
    }
  }

  private static func show(_ input: FuzzInput) {
    let shown = input.bytes.prefix(2_000).map { byte in
      switch byte {
      case 0x0D: "\\r"
      case 0x0A: "\\n"
      case UInt8(ascii: "\\"): "\\\\"
      case 0x20...0x7E: String(UnicodeScalar(byte))
      default: (byte < 16 ? "\\x0" : "\\x") + String(byte, radix: 16)
      }
    }
    print("\(input.bytes.count) bytes: \(shown.joined())")
  }

  private static func report(_ fuzzer: Fuzzer) {
    print("what came of them, with the limits of each parser:")
    for (name, count) in zip(Tally.names, fuzzer.tally.counts) { print("  \(count) \(name)") }
    if MemoryGauge.shared != nil {
      let hundredths = Int(fuzzer.worstShare * 100)
      print("at most \(hundredths / 100).\(hundredths % 100 / 10) bytes allocated for a byte")
    }
    let missing = fuzzer.tally.missing
    if !missing.isEmpty { print("never happened: \(missing.joined(separator: ", "))") }
  }
}
