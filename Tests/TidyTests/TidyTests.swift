import Testing

/// What the compiler does not check about the files of this repository.
@Suite struct TidyTests {
  private let walls: Walls
  private let pureSources: [SourceFile]

  init() throws {
    let walls = Walls(table: try Repository.file("docs/ARCHITECTURE.md").text)
    self.walls = walls
    pureSources = Repository.sources.filter { walls.isPure($0.target) }
  }

  @Test func theFilesAreHere() {
    #expect(Repository.sources.count > 50)
    #expect(Repository.tests.count > 20)
    #expect(pureSources.count > 50)
  }

  @Test func everyImportIsAllowed() {
    expectNone(Repository.sources.flatMap { Rules.imports($0, walls: walls) })
  }

  @Test func theManifestDeclaresNoMoreThanTheWallsAllow() throws {
    let declared = Rules.declaredTargets(try Repository.file("Package.swift"))
    #expect(declared.count > 10)
    for target in declared {
      let allowed = try #require(walls.allowed(target.name), "\(target.name) has no wall")
      let more = Set(target.uses).subtracting(allowed).sorted()
      #expect(more.isEmpty, "\(target.name) must not depend on \(more)")
    }
    let folders = Set(Repository.sources.map(\.target))
    #expect(folders.subtracting(declared.map(\.name)).isEmpty)
  }

  @Test func pureTargetsAreDeterministic() {
    expectNone(pureSources.flatMap(Rules.forbiddenWords))
    expectNone(pureSources.flatMap(Rules.unsortedLoops))
  }

  @Test func nothingIsForced() {
    expectNone(Repository.sources.flatMap(Rules.forcing))
  }

  @Test func filesFunctionsAndLinesAreShort() {
    let files = Repository.sources + Repository.tests
    expectNone(files.flatMap(Rules.longLines))
    expectNone(files.flatMap(Rules.longFile))
    expectNone(files.flatMap(Rules.longFunctions))
  }

  @Test func nothingIsLeftOver() throws {
    let files = try Repository.sources + Repository.tests + Repository.texts
    expectNone(files.flatMap(Rules.leftovers))
  }

  @Test func testsUseSimulatedTimeAndOneFramework() {
    expectNone(Repository.tests.flatMap(Rules.sleeps))
    for file in Repository.tests {
      #expect(!file.code.contains { Rules.importedModule($0) == "XCTest" }, "\(file.path)")
    }
  }

  @Test func theChangeLogHasItsShape() throws {
    expectNone(Rules.changeLog(try Repository.file("CHANGELOG.md")))
  }

  @Test func linksLeadToFiles() throws {
    let pages = try Repository.texts.filter { $0.path.hasSuffix(".md") }
    expectNone(pages.flatMap { Rules.brokenLinks($0, exists: Repository.exists) })
  }

  private func expectNone(_ findings: [String], at location: SourceLocation = #_sourceLocation) {
    guard !findings.isEmpty else { return }
    Issue.record("\(findings.joined(separator: "\n"))", sourceLocation: location)
  }
}
