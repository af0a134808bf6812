import Fuzzing

/// All that `file-fuzz` plays: of each eight inputs one is a folder, the others are states.
struct FileFuzzer: InputPlayer {
  static var program: StaticString { "file-fuzz" }
  static var summary: String { "gives damaged files to what reads data folders and states" }

  let seed: UInt64
  private var folders: FolderFuzzer
  private var states: StateFuzzer

  init(seed: UInt64) {
    self.seed = seed
    folders = FolderFuzzer(seed: seed)
    states = StateFuzzer(seed: seed)
  }

  private static func isFolder(_ number: Int) -> Bool { number % 8 == 0 }

  mutating func play(_ number: Int) throws(Finding) {
    if Self.isFolder(number) { try folders.play(number) } else { try states.play(number) }
  }

  func text(of number: Int) -> String {
    Self.isFolder(number) ? folders.text(of: number) : states.text(of: number)
  }

  var ends: [(name: String, count: Int)] { folders.ends + states.ends }
  var remarks: [String] { folders.remarks + states.remarks }
}
