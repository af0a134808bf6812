/// Where the frames of a stream end, by the lengths in their headers.
struct FrameBoundaries {
  /// Whole frames.
  var whole: [UInt8]
  /// The offsets in `whole` after each frame.
  var ends: [Int] = []
  /// What follows the last whole frame.
  var rest: [UInt8] = []
  var count: Int { ends.count }

  init(continuing partial: [UInt8], _ bytes: [UInt8]) {
    whole = partial.isEmpty ? bytes : partial + bytes
    var offset = 0
    while whole.count - offset >= 16 {
      let end = offset + 16 + word(offset + 4) + word(offset + 8)
      guard end <= whole.count else { break }
      ends.append(end)
      offset = end
    }
    if offset < whole.count {
      rest = Array(whole[offset...])
      whole.removeLast(rest.count)
    }
  }

  private func word(_ offset: Int) -> Int {
    (0..<4).reduce(0) { $0 | Int(whole[offset + $1]) << (8 * $1) }
  }
}
