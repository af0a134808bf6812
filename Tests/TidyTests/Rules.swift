/// The rules as functions of a file: what they find, as `path:line: what`.
enum Rules {
  /// Imports that the walls do not allow.
  static func imports(_ file: SourceFile, walls: Walls) -> [String] {
    guard let allowed = walls.allowed(file.target) else {
      return ["\(file.path): \(file.target) has no wall"]
    }
    return findings(file) { line in
      guard let module = importedModule(line), !allowed.contains(module) else { return nil }
      return "\(file.target) must not import \(module)"
    }
  }

  /// Words that a pure target must not use.
  static func forbiddenWords(_ file: SourceFile) -> [String] {
    findings(file) { line in
      let word = words(line).first { Walls.forbiddenWords.contains($0) }
      let call = Walls.forbiddenCalls.first { line.contains($0) }
      return (word ?? call).map { "\($0) does not belong into a pure target" }
    }
  }

  /// Operators that trap on what others sent.
  static func forcing(_ file: SourceFile) -> [String] {
    findings(file) { line in
      if line.contains("try!") || line.contains("as!") { return "a forced try or cast" }
      let characters = Array(line)
      for (index, character) in characters.enumerated() where character == "!" && index > 0 {
        let before = characters[index - 1]
        let isNotEqual = index + 1 < characters.count && characters[index + 1] == "="
        if before.isLetter || before.isNumber || "_)]".contains(before), !isNotEqual {
          return "a forced unwrap"
        }
      }
      return nil
    }
  }

  /// Loops over a dictionary or set that the same file declares, unless sorted.
  static func unsortedLoops(_ file: SourceFile) -> [String] {
    var unordered: Set<String> = []
    for line in file.code where line.contains("[") || line.contains("Set<") {
      for match in line.matches(
        of: #/(\w+)(?:: |\s*=\s*)(?:\[[\w.]+: (?:[^\[\]]|\[\w+\])+\]|Set<|\[:\])/#)
      {
        unordered.insert(String(match.1))
      }
    }
    return findings(file) { line in
      guard line.contains(" in "), let loop = line.firstMatch(of: #/\bfor (?:case )?.+? in (.+)/#)
      else { return nil }
      let path = loop.1.prefix { $0.isLetter || $0.isNumber || "._".contains($0) }
      let names = path.split(separator: ".").map(String.init)
      guard !names.contains("sorted"), let name = names.first(where: { $0 != "self" }),
        unordered.contains(name),
        names.dropFirst().allSatisfy({ views.contains($0) || $0 == name }),
        !loop.1.dropFirst(path.count).hasPrefix("[")
      else { return nil }
      return "\(name) has no order: sort it first"
    }
  }

  /// Lines of more than 100 columns; a text in a test may be longer, for it reads best in one
  /// piece.
  static func longLines(_ file: SourceFile) -> [String] {
    let isTest = file.path.hasPrefix("Tests/")
    return file.lines.enumerated().filter { _, line in
      line.utf8.count > 100 && line.count > 100 && !(isTest && line.contains("\""))
    }.map {
      "\(file.path):\($0.offset + 1): \($0.element.count) columns"
    }
  }

  static func longFile(_ file: SourceFile) -> [String] {
    let count = file.lines.count - (file.lines.last?.isEmpty == true ? 1 : 0)
    return count > 400 ? ["\(file.path): \(count) lines"] : []
  }

  /// Functions of more than 70 lines. The formatter sees to it that a function ends with a brace in
  /// the column in which its declaration begins.
  static func longFunctions(_ file: SourceFile) -> [String] {
    var result: [String] = []
    for (index, line) in file.code.enumerated() where isFunction(line) {
      let margin = line.prefix { $0 == " " }
      // The rest of a declaration stands further right or begins with its closing parenthesis; a
      // requirement of a protocol ends without a brace.
      let rest = file.code[(index + 1)...].prefix {
        $0.hasPrefix(margin + " ") || $0.hasPrefix(margin + ")") || $0.hasPrefix(margin + "{")
      }
      guard let opening = ([line] + rest).firstIndex(where: { $0.hasSuffix("{") }),
        let end = file.code[(index + opening)...].firstIndex(of: margin + "}")
      else { continue }
      let length = end - index + 1
      guard length > 70 else { continue }
      result.append("\(file.path):\(index + 1): a function of \(length) lines")
    }
    return result
  }

  /// Marks of unfinished work, and paths of somebody's machine.
  static func leftovers(_ file: SourceFile) -> [String] {
    file.lines.enumerated().compactMap { offset, line in
      let path = machinePaths.first { line.contains($0) }
      guard let mark = path ?? words(line).first(where: { marks.contains($0) }) else { return nil }
      return "\(file.path):\(offset + 1): \(mark)"
    }
  }

  /// Waiting for the wall clock.
  static func sleeps(_ file: SourceFile) -> [String] {
    findings(file) { line in
      line.contains(#/(?:^|\W)(?:u|nano)?sleep\(/#) ? "a test must not sleep" : nil
    }
  }

  /// The shape of the change log: what is not released first, known headings, lists.
  static func changeLog(_ file: SourceFile) -> [String] {
    var result: [String] = []
    if file.lines.first != "# Changelog" { result.append("\(file.path):1: no title") }
    let sections = file.lines.filter { $0.hasPrefix("## ") }
    if sections.first != "## Unreleased" { result.append("\(file.path): no Unreleased section") }
    for section in sections.dropFirst()
    where !section.contains(#/^## \d+\.\d+\.\d+ – \d{4}-\d{2}-\d{2}$/#) {
      result.append("\(file.path): \(section) is not a version and its day")
    }
    let kinds: Set = ["### Added", "### Changed", "### Removed", "### Fixed", "### Security"]
    for (offset, line) in file.lines.enumerated() {
      if line.hasPrefix("### "), !kinds.contains(line) {
        result.append("\(file.path):\(offset + 1): unknown heading")
      }
    }
    return result
  }

  /// Links to files of the repository that are not there.
  static func brokenLinks(_ file: SourceFile, exists: (String) -> Bool) -> [String] {
    let folder = file.path.split(separator: "/").dropLast()
    return file.text.matches(of: #/\]\(([^)#\s]+)(?:#[^)]*)?\)/#).compactMap { match in
      let link = String(match.1)
      guard !link.contains("://"), !link.hasPrefix("mailto:") else { return nil }
      var parts = link.hasPrefix("/") ? [] : folder.map(String.init)
      for part in link.split(separator: "/") {
        if part == ".." { _ = parts.popLast() } else if part != "." { parts.append(String(part)) }
      }
      let path = parts.joined(separator: "/")
      return exists(path) ? nil : "\(file.path): \(link) leads nowhere"
    }
  }

  /// What the manifest declares: each target and its dependencies.
  static func declaredTargets(_ manifest: SourceFile) -> [(name: String, uses: [String])] {
    manifest.text
      .matches(of: #/\b(?:target|program)\(\s*"([\w-]+)",\s*\[([^\]]*)\]/#)
      .map { match in
        (String(match.1), match.2.matches(of: #/"([\w-]+)"/#).map { String($0.1) })
      }
  }

  /// Written in two parts, so that this file does not find itself.
  private static let marks: Set = ["TO" + "DO", "FIX" + "ME", "XX" + "X", "HA" + "CK"]
  private static let machinePaths = ["/wo" + "rk/", "/ro" + "ot/", "/tmp/ba" + "sh_jobs"]

  /// What a dictionary gives of itself, as unordered as it.
  private static let views: Set<String> = [
    "keys", "values", "enumerated", "filter", "self", "lazy", "map", "compactMap",
  ]

  static func importedModule(_ line: String) -> String? {
    let parts = words(line)
    guard let keyword = parts.firstIndex(of: "import"), keyword < 3, keyword + 1 < parts.count,
      line.contains(#/^(?:@\w+ )*(?:\w+ )?import /#)
    else { return nil }
    let kinds: Set = ["struct", "class", "enum", "protocol", "func", "var", "let", "typealias"]
    let module = parts[keyword + 1]
    return kinds.contains(module) && keyword + 2 < parts.count ? parts[keyword + 2] : module
  }

  /// A declaration with a body, which begins in this line or below.
  private static func isFunction(_ line: String) -> Bool {
    let modifiers: Set = [
      "package", "public", "private", "fileprivate", "internal", "static", "mutating", "override",
      "final", "Test", "discardableResult",
    ]
    guard let word = words(line).first(where: { !modifiers.contains($0) }) else { return false }
    return word == "func" || word == "init"
  }

  private static func words(_ line: String) -> [String] {
    line.split { !$0.isLetter && !$0.isNumber && $0 != "_" }.map(String.init)
  }

  private static func findings(_ file: SourceFile, _ rule: (String) -> String?) -> [String] {
    file.code.enumerated().compactMap { offset, line in
      rule(line).map { "\(file.path):\(offset + 1): \($0)" }
    }
  }
}
