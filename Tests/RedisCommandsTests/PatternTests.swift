import Testing

@testable import RedisCommands

@Suite struct PatternTests {
  @Test(arguments: [
    ("h?llo", "hello", true), ("h?llo", "hllo", false), ("h*llo", "heeello", true),
    ("h[ae]llo", "hallo", true), ("h[^e]llo", "hello", false), ("h[a-b]llo", "hbllo", true),
    ("h[b-a]llo", "hallo", true), ("*", "", true), ("**", "", false), ("", "", true),
    ("a*", "a", true), ("a**", "a", true), ("\\*", "*", true), ("\\*", "a", false),
    ("\\", "\\", true),
    ("[", "a", false), ("[^", "a", true), ("[a", "a", true), ("[a-", "-", true), ("[]", "]", false),
    ("*a*b*c", "xxaxxbxxc", true), ("*a*b*c", "xxaxxbxxcx", false), ("[\\]]", "]", true),
  ])
  func patternsFollowRedis(pattern: String, key: String, matches: Bool) {
    #expect(GlobPattern(Array(pattern.utf8)).matches(Array(key.utf8)) == matches)
  }

  /// A matcher that tries all ways for each star would not come to an end.
  @Test func manyStarsAreNoBurden() {
    let pattern = GlobPattern(Array((String(repeating: "a*", count: 200) + "b").utf8))
    #expect(!pattern.matches([UInt8](repeating: UInt8(ascii: "a"), count: 2000)))
  }

  @Test func scanReadsItsOptions() throws {
    func scan(_ line: String) throws -> ScanOptions {
      try ScanOptions(line.split(separator: " ").map { Array($0.utf8) })
    }
    let options = try scan("SCAN 5 MATCH a* COUNT 20 TYPE STRING")
    #expect(options.cursor == 5 && options.count == 20 && options.type == "string")
    #expect(options.pattern == Array("a*".utf8))
    #expect(try scan("SCAN -1 MATCH *").cursor == .max)
    #expect(try scan("SCAN -1 MATCH *").pattern == nil)
    for bad in ["SCAN x", "SCAN -", "SCAN 1x", "SCAN 18446744073709551616"] {
      #expect(throws: CommandError("ERR invalid cursor")) { try scan(bad) }
    }
    for bad in ["SCAN 0 COUNT 0", "SCAN 0 MATCH", "SCAN 0 FOO 1"] {
      #expect(throws: CommandError.syntax) { try scan(bad) }
    }
    #expect(throws: CommandError.notAnInteger) { try scan("SCAN 0 COUNT x") }
  }
}
