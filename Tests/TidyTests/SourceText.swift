import Foundation

/// A file of the repository, and its lines without comments and texts.
struct SourceFile: Sendable {
  /// Relative to the repository.
  let path: String
  let text: String
  let lines: [String]
  /// The same lines with comments and the contents of string literals blanked out.
  let code: [String]

  init(path: String, text: String) {
    self.path = path
    self.text = text
    lines = text.split(separator: "\n", omittingEmptySubsequences: false).map(String.init)
    code = path.hasSuffix(".swift") ? Self.blanked(lines) : lines
  }

  /// `Sources/Raft/Log.swift` is of `Raft`.
  var target: String { path.split(separator: "/").dropFirst().first.map(String.init) ?? "" }

  /// Blanks out comments and literals line by line; only block comments and multi-line literals
  /// reach over lines.
  private static func blanked(_ lines: [String]) -> [String] {
    var isComment = false
    var literalEnd: String?
    return lines.map { line in
      let isPlain = !line.utf8.contains { $0 == UInt8(ascii: "\"") || $0 == UInt8(ascii: "/") }
      if isPlain, !isComment, literalEnd == nil { return line }
      var result = ""
      var rest = Substring(line)
      while !rest.isEmpty {
        if isComment {
          guard let end = rest.range(of: "*/") else { return result }
          rest = rest[end.upperBound...]
          isComment = false
        } else if let end = literalEnd {
          guard let close = rest.range(of: end) else { return result }
          rest = rest[close.upperBound...]
          literalEnd = nil
        } else if rest.hasPrefix("//") {
          return result
        } else if rest.hasPrefix("/*") {
          isComment = true
          rest = rest.dropFirst(2)
        } else if let opening = ["#\"\"\"", "\"\"\""].first(where: { rest.hasPrefix($0) }) {
          literalEnd = String(opening.reversed())
          rest = rest.dropFirst(opening.count)
          result += "\"\""
        } else if rest.hasPrefix("\"") {
          rest = afterLiteral(rest)
          result += "\"\""
        } else {
          result.append(rest.removeFirst())
        }
      }
      return result
    }
  }

  /// What follows a literal that begins and ends in this line. An interpolation is taken as part of
  /// the text, so quotes inside its parentheses do not end the literal.
  private static func afterLiteral(_ text: Substring) -> Substring {
    var rest = text.dropFirst()
    var depth = 0
    while let character = rest.popFirst() {
      if character == "\\" {
        if rest.popFirst() == "(" { depth += 1 }
      } else if depth > 0 {
        if character == "(" { depth += 1 }
        if character == ")" { depth -= 1 }
      } else if character == "\"" {
        break
      }
    }
    return rest
  }
}

/// The files of the repository that this test stands in.
enum Repository {
  static let root = URL(filePath: #filePath)
    .deletingLastPathComponent().deletingLastPathComponent().deletingLastPathComponent()

  /// All files with one of these endings under a folder, in order; build products are left out.
  static func files(under folder: String, endings: Set<String>) throws -> [SourceFile] {
    let start = root.appending(path: folder)
    guard FileManager.default.fileExists(atPath: start.path) else { return [] }
    return try FileManager.default.subpathsOfDirectory(atPath: start.path).sorted()
      .filter { endings.contains(($0 as NSString).pathExtension) }
      .map { try file("\(folder)/\($0)") }
  }

  static func file(_ path: String) throws -> SourceFile {
    let text = try String(contentsOf: root.appending(path: path), encoding: .utf8)
    return SourceFile(path: path, text: text)
  }

  static func exists(_ path: String) -> Bool {
    FileManager.default.fileExists(atPath: root.appending(path: path).path)
  }

  /// Read once for all tests; empty if that fails, which a test notices.
  static let sources = (try? files(under: "Sources", endings: ["swift"])) ?? []
  static let tests = (try? files(under: "Tests", endings: ["swift"])) ?? []

  /// Everything that a person reads, besides Swift.
  static var texts: [SourceFile] {
    get throws {
      let top = try FileManager.default.contentsOfDirectory(atPath: root.path).sorted()
        .filter { $0.hasSuffix(".md") || $0 == "Package.swift" }.map { try file($0) }
      return try top + files(under: "docs", endings: ["md"])
        + files(under: "scripts", endings: ["sh", "py"])
        + files(under: "Sources", endings: ["h", "modulemap"])
    }
  }
}
