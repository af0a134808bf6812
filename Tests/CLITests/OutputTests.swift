import Arguments
import Basics
import Testing

@testable import shardkv_cli

struct OutputTests {
  @Test func documentsAreValidJSON() {
    let document = JSON.fields([
      "text": .string("a\"\\\n\u{1}é"), "binary": .bytes([0xFF, 0, 1]), "utf8": .bytes([0x61]),
      "list": .array([.integer(-1), .number(1.5), .bool(true), .null, .number(.infinity)]),
    ])
    #expect(
      document.text
        == #"{"text":"a\"\\\n\u0001é","binary":{"b64":"/wAB"},"utf8":"a","list":[-1,1.5,true,null,null]}"#
    )
  }

  @Test func base64AsInTheStandard() {
    let vectors = [
      "": "", "f": "Zg==", "fo": "Zm8=", "foo": "Zm9v", "foob": "Zm9vYg==", "foobar": "Zm9vYmFy",
    ]
    for (plain, encoded) in vectors { #expect(JSON.base64(Array(plain.utf8)) == encoded) }
  }

  @Test func numbersForPeople() {
    #expect(grouped(0) == "0")
    #expect(grouped(1_234_567) == "1,234,567")
    #expect(grouped(-1_000) == "-1,000")
    #expect(sized(1_023) == "1023 B")
    #expect(sized(3 << 20) == "3.0 MiB")
    #expect(fixed(1.005, 1) == "1.0")
    #expect(fixed(0.05, 2) == "0.05")
    #expect(fixed(-2.5, 1) == "-2.5")
    #expect(ranges([5, 1, 2, 3, 9]) == "1-3 5 9")
    #expect(ranges([]) == "none")
  }

  @Test func columnsLineUp() {
    let lines = table(["A", "LONG"], [["xyz", "1"], ["x", "22"]], right: [1])
    #expect(lines == ["A    LONG", "xyz     1", "x      22"])
  }

  @Test func coloursAreOffUnlessWanted() {
    #expect(Style(environment: [:], isTerminal: true).isColoured)
    #expect(!Style(environment: [:], isTerminal: false).isColoured)
    #expect(!Style(environment: ["NO_COLOR": "1"], isTerminal: true).isColoured)
    #expect(Style(environment: ["NO_COLOR": ""], isTerminal: true).isColoured)
    #expect(!Style(environment: ["TERM": "dumb"], isTerminal: true).isColoured)
  }

  @Test func everyCommandHasHelpWithAnExample() {
    for command in commandTable.commands {
      guard case .help(let text) = commandTable.parse([command.name, "--help"], environment: [:])
      else {
        Issue.record("no help for \(command.name)")
        continue
      }
      #expect(text.contains(command.summary))
    }
    guard case .wrong(let error) = commandTable.parse(["statsu"], environment: [:]) else {
      Issue.record("an unknown command was understood")
      return
    }
    #expect(error.description.contains("did you mean 'status'?"))
  }

  @Test func addressesAreChecked() {
    #expect(App.isAddress("127.0.0.1:7101"))
    #expect(!App.isAddress("127.0.0.1"))
    #expect(!App.isAddress("127.0.0.1:0"))
    #expect(!App.isAddress(":7101"))
    #expect(!App.isAddress("h:99999"))
  }
}
