import Arguments
import Testing

struct ArgumentsTests {
  static let table = CommandTable(
    program: "thing", summary: "does things",
    examples: ["thing get a"],
    flags: [
      Flag("endpoints", short: "e", value: "HOST:PORT,…", default: "h:1", help: "Where."),
      Flag("quiet", short: "q", help: "Say less."),
    ],
    commands: [
      Command("get", operands: "KEY", count: 1...1, summary: "Reads a key."),
      Command(
        "put", operands: "KEY [VALUE]", count: 1...2, summary: "Writes a key.",
        flags: [Flag("time-limit", value: "DURATION", help: "How long.")]),
    ])

  func run(_ arguments: String..., environment: [String: String] = [:]) throws -> ParsedCommand {
    guard case .run(let parsed) = Self.table.parse(arguments, environment: environment) else {
      throw UsageError("not understood: \(Self.table.parse(arguments, environment: environment))")
    }
    return parsed
  }

  func wrong(_ arguments: String..., environment: [String: String] = [:]) -> String {
    guard case .wrong(let error) = Self.table.parse(arguments, environment: environment) else {
      return "understood"
    }
    return error.description
  }

  @Test func flagsStandBeforeAndAfterTheCommand() throws {
    let parsed = try run("-e", "a:1,b:2", "put", "--time-limit=5s", "k", "-q", "v")
    #expect(parsed.command == "put")
    #expect(parsed.operands == ["k", "v"])
    #expect(parsed.list("endpoints") == ["a:1", "b:2"])
    #expect(try parsed.milliseconds("time-limit") == 5_000)
    #expect(parsed.isOn("quiet"))
  }

  @Test func theCommandLineWinsOverTheEnvironmentAndThatOverTheDefault() throws {
    let environment = ["SHARDKV_ENDPOINTS": "c:3", "SHARDKV_QUIET": "1"]
    #expect(try run("get", "k")["endpoints"] == "h:1")
    #expect(try run("get", "k").isGiven("endpoints") == false)
    #expect(try run("get", "k", environment: environment)["endpoints"] == "c:3")
    #expect(try run("get", "k", environment: environment).isOn("quiet"))
    #expect(try run("get", "k", "-e", "d:4", environment: environment)["endpoints"] == "d:4")
    #expect(
      wrong("get", "k", environment: ["SHARDKV_QUIET": "maybe"]).contains("SHARDKV_QUIET"))
  }

  @Test func dashesAndNumbersCanBeOperands() throws {
    #expect(try run("put", "k", "-").operands == ["k", "-"])
    #expect(try run("put", "k", "-5").operands == ["k", "-5"])
    #expect(try run("put", "--", "--quiet", "-h").operands == ["--quiet", "-h"])
  }

  @Test func mistakesAreNamedWithTheNextStep() {
    #expect(wrong("gte", "k").contains("did you mean 'get'?"))
    #expect(wrong("get", "k", "--quite").contains("did you mean '--quiet'?"))
    #expect(!wrong("get", "k", "--zzzzzzz").contains("did you mean"))
    #expect(wrong("get", "k", "--time-limit", "1s").contains("unknown flag"))
    #expect(wrong("put", "k", "--time-limit").contains("missing value for '--time-limit DURATION'"))
    #expect(wrong("get", "k", "--quiet=1").contains("takes no value"))
    #expect(wrong("get").contains("missing operands"))
    #expect(wrong("get", "a", "b").contains("too many operands"))
    #expect(wrong("-q").contains("missing command"))
    #expect(wrong("get").contains("See 'thing get --help'"))
  }

  @Test func valuesAreCheckedWhereTheyAreRead() throws {
    for text in ["5", "s", "5 s", "-1s", "99999999999999999999s", "18446744073709551615h", ""] {
      let parsed = try run("put", "k", "--time-limit", text)
      #expect(throws: UsageError.self) { try parsed.milliseconds("time-limit") }
    }
    let parsed = try run("put", "k", "--time-limit", "7")
    #expect(try parsed.integer("time-limit", in: 1...7) == 7)
    #expect(throws: UsageError.self) { try parsed.integer("time-limit", in: 1...6) }
    #expect(throws: UsageError.self) { try parsed.choice("time-limit", of: ["8", "9"]) }
    #expect(throws: UsageError.self) { try run("put", "k").required("time-limit") }
  }

  @Test func helpIsFoundAnywhereAndNamesEverything() {
    for arguments in [[], ["--help"], ["get", "-h"], ["help"], ["help", "put"], ["bogus", "-h"]] {
      guard case .help = Self.table.parse(arguments, environment: [:]) else {
        Issue.record("\(arguments) gave no help")
        continue
      }
    }
    let text = Self.table.help()
    for part in ["thing get a", "put KEY [VALUE]", "-e, --endpoints HOST:PORT,…", "default: h:1"] {
      #expect(text.contains(part))
    }
    let put = Self.table.help(of: Self.table.command(named: "put"))
    #expect(put.contains("--time-limit DURATION"))
    #expect(put.contains("SHARDKV_TIME_LIMIT"))
    #expect(!put.split(separator: "\n").contains { $0.count > 100 })
    if case .version = Self.table.parse(["--version"], environment: [:]) {
    } else {
      Issue.record("--version was not understood")
    }
  }
}
