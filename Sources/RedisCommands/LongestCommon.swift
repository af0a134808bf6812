import RESP

/// The longest common subsequence of two values, by the table of the lengths for all beginnings.
package struct LongestCommon {
  private let first: [UInt8]
  private let second: [UInt8]

  /// What LCS was asked for.
  package struct Options: Hashable, Sendable {
    package var isLength = false
    package var isIndexes = false
    package var hasLengths = false
    package var lengthMin: Int64 = 0

    init(_ arguments: [[UInt8]]) throws(CommandError) {
      var index = 3
      while index < arguments.count {
        switch option(arguments[index]) {
        case "idx": isIndexes = true
        case "len": isLength = true
        case "withmatchlen": hasLengths = true
        case "minmatchlen" where index + 1 < arguments.count:
          index += 1
          lengthMin = max(0, try integer(arguments[index]))
        default: throw .syntax
        }
        index += 1
      }
      if isIndexes && isLength {
        throw CommandError(
          "ERR If you want both the length and indexes, please just use IDX.")
      }
    }
  }

  /// A common part: where it ends in both values, and how long it is.
  private struct Match {
    var firstEnd: Int
    var secondEnd: Int
    var length = 1
  }

  init(_ first: [UInt8], _ second: [UInt8]) {
    self.first = first
    self.second = second
  }

  /// `limit` bounds the table, four bytes a cell, as proto-max-bulk-len does in Redis.
  func reply(_ options: Options, limit: Int) -> Reply {
    guard (first.count + 1) * (second.count + 1) * 4 <= limit else {
      return .error("ERR Insufficient memory, transient memory for LCS exceeds proto-max-bulk-len")
    }
    let lengths = table()
    let total = Int64(lengths.last ?? 0)
    if options.isLength { return .integer(total) }
    let (common, matches) = walk(lengths)
    guard options.isIndexes else { return .bulk(common) }
    let shown = matches.filter { $0.length >= options.lengthMin }.map { match in
      var parts: [Reply] = [
        Self.range(end: match.firstEnd, match.length),
        Self.range(end: match.secondEnd, match.length),
      ]
      if options.hasLengths { parts.append(.integer(Int64(match.length))) }
      return Reply.array(parts)
    }
    return .map([.init(.bulk("matches"), .array(shown)), .init(.bulk("len"), .integer(total))])
  }

  private static func range(end: Int, _ length: Int) -> Reply {
    .array([.integer(Int64(end - length + 1)), .integer(Int64(end))])
  }

  private func table() -> [UInt32] {
    let width = second.count + 1
    var lengths = [UInt32](repeating: 0, count: width * (first.count + 1))
    for row in 0..<first.count {
      for column in 0..<second.count {
        let here = (row + 1) * width + column + 1
        lengths[here] =
          first[row] == second[column]
          ? lengths[here - width - 1] + 1 : max(lengths[here - width], lengths[here - 1])
      }
    }
    return lengths
  }

  /// Back from the end: of two equal ways the one that leaves out a byte of the second value.
  private func walk(_ lengths: [UInt32]) -> (common: [UInt8], matches: [Match]) {
    let width = second.count + 1
    var reversed: [UInt8] = []
    var matches: [Match] = []
    var isOpen = false
    var row = first.count
    var column = second.count
    while row > 0, column > 0 {
      if first[row - 1] == second[column - 1] {
        reversed.append(first[row - 1])
        if isOpen {
          matches[matches.count - 1].length += 1
        } else {
          matches.append(Match(firstEnd: row - 1, secondEnd: column - 1))
          isOpen = true
        }
        row -= 1
        column -= 1
      } else {
        isOpen = false
        let above = lengths[(row - 1) * width + column]
        if above > lengths[row * width + column - 1] { row -= 1 } else { column -= 1 }
      }
    }
    return (reversed.reversed(), matches)
  }
}
