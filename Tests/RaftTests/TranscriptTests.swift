import Foundation
import Testing

/// Stories of a group, each in a file: what it is about, then commands, a line of dashes, and
/// everything that followed. Paragraphs that begin with `#` are for readers.
///
/// With `REWRITE_TRANSCRIPTS=1` the files are written anew; read the difference before keeping it.
@Suite struct TranscriptTests {
  private static let folder = URL(filePath: #filePath).deletingLastPathComponent()
    .deletingLastPathComponent().appending(path: "Transcripts/Raft")

  private static var names: [String] {
    let files = try? FileManager.default.contentsOfDirectory(
      at: folder, includingPropertiesForKeys: nil)
    return (files ?? []).filter { $0.pathExtension == "txt" }
      .map { $0.deletingPathExtension().lastPathComponent }.sorted()
  }

  @Test func allStoriesAreThere() { #expect(Self.names.count >= 14) }

  @Test(arguments: names)
  func transcript(name: String) throws {
    let file = Self.folder.appending(path: "\(name).txt")
    let expected = try String(contentsOf: file, encoding: .utf8)
    var stage = TranscriptStage()
    var paragraphs: [String] = []
    for block in expected.split(separator: "\n\n") {
      let lines = block.split(separator: "\n").map(String.init)
      if block.hasPrefix("#") {
        paragraphs.append(lines.map { $0 + "\n" }.joined())
        continue
      }
      let commands = lines.prefix { $0 != "----" }
      for command in commands { try stage.run(command) }
      paragraphs.append((commands + ["----"] + stage.takeLines()).map { $0 + "\n" }.joined())
    }
    let actual = paragraphs.joined(separator: "\n")
    if ProcessInfo.processInfo.environment["REWRITE_TRANSCRIPTS"] == "1" {
      try actual.write(to: file, atomically: true, encoding: .utf8)
    } else {
      #expect(actual == expected)
    }
    #expect(expected.hasPrefix("# "), "a story has a title")
  }

  /// What the story of the forgotten vote would be if the one in doubt counted all the same.
  @Test(arguments: ["none", "doubtful-replica-counts", "settles-unheard"])
  func forgottenVoteLosesWhatIsCommittedWith(bug: String) throws {
    let text = try String(
      contentsOf: Self.folder.appending(path: "forgotten-vote.txt"), encoding: .utf8)
    var stage = TranscriptStage()
    try stage.run("with bug \(bug)")
    for block in text.split(separator: "\n\n") where !block.hasPrefix("#") {
      for command in block.split(separator: "\n").prefix(while: { $0 != "----" }) {
        try stage.run(String(command))
      }
    }
    let lines = stage.takeLines()
    #expect(lines.contains("1 commits 2@1 x") == (bug != "none"))
    #expect(lines.contains("5 is leader among 1 2 3 4 5"), "without that entry")
  }
}
