import Testing

/// Each rule finds what it is for, and nothing in what is right.
@Suite struct RulesTests {
  private let walls = Walls(
    table: """
      | Target | Kind | Imports | What it is |
      | --- | --- | --- | --- |
      | `Basics` | pure | – | Bytes |
      | `Raft` | pure | Basics, Checksums | Consensus |
      | `EventLoop` | acts | Basics | Sockets |
      | `CLinux` | headers | – | epoll |
      """)

  private func file(_ lines: String..., path: String = "Sources/Raft/Log.swift") -> SourceFile {
    SourceFile(path: path, text: lines.joined(separator: "\n"))
  }

  @Test(arguments: [
    "import Wire", "@testable import Wire", "package import Glibc", "import struct Wire.Frame",
    "import Foundation", "private import Synchronization",
  ])
  func anImportThroughAWallIsFound(line: String) {
    #expect(Rules.imports(file(line), walls: walls).count == 1)
  }

  @Test func otherImportsAreNotFound() {
    func imports(_ lines: String..., path: String) -> [String] {
      Rules.imports(
        SourceFile(path: path, text: lines.joined(separator: "\n")), walls: walls)
    }
    let raft = "Sources/Raft/Log.swift"
    #expect(imports("import Basics", "// import Wire", "let important = 1", path: raft) == [])
    #expect(imports("import Checksums", path: raft) == [])
    #expect(imports("import Glibc", path: "Sources/EventLoop/Poller.swift") == [])
    #expect(imports("", path: "Sources/Unknown/File.swift").count == 1)
    #expect(walls.allowed("CLinux") == nil)
    #expect(walls.isPure("Basics") && !walls.isPure("EventLoop"))
  }

  @Test(arguments: [
    "let x = Int.random(in: 0..<3)", "list.shuffled()", "let now = Date()", "Task { }",
    "await send()", "func hash(into hasher: inout Hasher) {", "x.hashValue", "print(1)",
  ])
  func aForbiddenWordIsFound(line: String) {
    #expect(Rules.forbiddenWords(file(line)).count == 1)
  }

  @Test func forbiddenWordsInCommentsAndTextsAreNot() {
    let source = file(
      "/// A Task of random length", "let text = \"await the Date of \\(f(\"Task\"))\"",
      "let update = candidate", "/* Hasher", "Task */ let a = 1", "let t = \"\"\"", "await",
      "  \"\"\"")
    #expect(Rules.forbiddenWords(source) == [])
    #expect(Rules.forbiddenWords(file("let next = random.next()", "var random: Int")) == [])
    #expect(Rules.forbiddenWords(file("let a = \"x\"; Task {}")).count == 1)
    #expect(Rules.forbiddenWords(file("/* a */ Task {}")).count == 1)
  }

  @Test(arguments: ["let a = b!", "f()!.c", "list[0]!", "try! f()", "a as! B", "var x: Int!"])
  func forcingIsFound(line: String) {
    #expect(Rules.forcing(file(line)).count == 1)
  }

  @Test func negationIsNotForcing() {
    #expect(Rules.forcing(file("if !a, b != c, x[!d] { \"now!\" }", "// b!")) == [])
  }

  @Test(arguments: [
    ["var table: [GroupID: Int] = [:]", "for (a, b) in table {"],
    ["let names: Set<Int>", "for name in self.names where name > 1 {"],
    ["func f(_ records: [A: [B]]) {}", "for key in records.keys {"],
    ["var seen = Set<Int>()", "for case let x? in seen.filter({ $0 > 1 }) {"],
  ])
  func anUnsortedLoopIsFound(lines: [String]) {
    #expect(Rules.unsortedLoops(file(lines[0], lines[1])).count == 1)
  }

  @Test(arguments: [
    ["var table: [GroupID: Int] = [:]", "for (a, b) in table.sorted(by: f) {"],
    ["var table: [GroupID: Int] = [:]", "for key in table.keys.sorted() {"],
    ["var table: [GroupID: [Int]] = [:]", "for item in table[key, default: []] {"],
    ["var list: [Int] = []", "for item in list {"],
  ])
  func aSortedLoopIsNot(lines: [String]) {
    #expect(Rules.unsortedLoops(file(lines[0], lines[1])) == [])
  }

  @Test func lengthsAreMeasured() {
    #expect(Rules.longLines(file(String(repeating: "ä", count: 100))) == [])
    #expect(Rules.longLines(file(String(repeating: "ä", count: 101))).count == 1)
    #expect(Rules.longFile(file(String(repeating: "\n", count: 400))) == [])
    #expect(Rules.longFile(file(String(repeating: "\n", count: 401))).count == 1)
    func function(_ lines: Int) -> SourceFile {
      file("  package mutating func f() {", String(repeating: "\n", count: lines - 3), "  }")
    }
    #expect(Rules.longFunctions(function(70)) == [])
    #expect(Rules.longFunctions(function(71)).count == 1)
    let requirement = file("  func f()", "  func g(", "    a: Int", "  )", "  var x: Int")
    #expect(Rules.longFunctions(requirement) == [])
  }

  @Test func leftoversAndSleepsAreFound() {
    #expect(Rules.leftovers(file("// TO" + "DO: more", "see /wo" + "rk/main")).count == 2)
    #expect(Rules.leftovers(file("let workload = 1", "\"folder.XX" + "XX\"")) == [])
    #expect(Rules.sleeps(file("try await Task.sleep(for: .seconds(1))", "usleep(3)")).count == 2)
    #expect(Rules.sleeps(file("let asleep = 1; fallsAsleep()")) == [])
  }

  @Test func theShapeOfTheChangeLogIsChecked() {
    func log(_ lines: String...) -> [String] {
      Rules.changeLog(
        SourceFile(path: "CHANGELOG.md", text: lines.joined(separator: "\n")))
    }
    #expect(
      log("# Changelog", "## Unreleased", "### Added", "- a", "## 1.0.0 – 2026-11-21") == [])
    #expect(log("# Changes", "## Unreleased").count == 1)
    #expect(log("# Changelog", "## 1.0.0 – 2026-11-21").count == 1)
    #expect(log("# Changelog", "## Unreleased", "## Version 1").count == 1)
    #expect(log("# Changelog", "## Unreleased", "### New").count == 1)
  }

  @Test func brokenLinksAreFound() {
    let page = SourceFile(
      path: "docs/A.md",
      text: "[b](B.md#part) [r](../README.md) [w](https://a.b/c) [x](../X.md) [s](#here)")
    let found = Rules.brokenLinks(page) { ["docs/B.md", "README.md"].contains($0) }
    #expect(found == ["docs/A.md: ../X.md leads nowhere"])
  }
}
