/// A pattern of KEYS and SCAN, with Redis' rules (stringmatchlen in util.c): `*`, `?`, `[a-z]`,
/// `[^…]`, and `\` before a byte that means itself. Brackets may be left open.
///
/// A match costs at most key length × pattern length: of several `*` only the last is tried again.
package struct GlobPattern: Sendable {
  private enum Part: Sendable {
    case star
    case any
    case byte(UInt8)
    /// An index of `sets`.
    case set(Int)
  }

  private var parts: [Part] = []
  /// For each bracket, which bytes it takes.
  private var sets: [[Bool]] = []
  /// `*` alone matches the empty key; with anything before or behind it Redis does not.
  private let isOnlyStar: Bool

  package init(_ pattern: [UInt8]) {
    isOnlyStar = pattern == [UInt8(ascii: "*")]
    var index = 0
    while index < pattern.count {
      switch pattern[index] {
      case UInt8(ascii: "*"):
        if case .star? = parts.last {} else { parts.append(.star) }
      case UInt8(ascii: "?"): parts.append(.any)
      case UInt8(ascii: "["): index = addSet(pattern, from: index + 1)
      case UInt8(ascii: "\\") where index + 1 < pattern.count:
        index += 1
        parts.append(.byte(pattern[index]))
      default: parts.append(.byte(pattern[index]))
      }
      index += 1
    }
  }

  /// Adds the bracket whose content begins at `start` and gives the place of its end.
  private mutating func addSet(_ pattern: [UInt8], from start: Int) -> Int {
    var index = start
    let isNegated = index < pattern.count && pattern[index] == UInt8(ascii: "^")
    if isNegated { index += 1 }
    var taken = [Bool](repeating: false, count: 256)
    while index < pattern.count, pattern[index] != UInt8(ascii: "]") {
      let left = pattern.count - index
      if left >= 2, pattern[index] == UInt8(ascii: "\\") {
        index += 1
        taken[Int(pattern[index])] = true
      } else if left >= 3, pattern[index + 1] == UInt8(ascii: "-") {
        // Redis compares bytes as signed characters.
        let ends = [Int8(bitPattern: pattern[index]), Int8(bitPattern: pattern[index + 2])]
        for byte in min(ends[0], ends[1])...max(ends[0], ends[1]) {
          taken[Int(UInt8(bitPattern: byte))] = true
        }
        index += 2
      } else {
        taken[Int(pattern[index])] = true
      }
      index += 1
    }
    parts.append(.set(sets.count))
    sets.append(isNegated ? taken.map { !$0 } : taken)
    return min(index, pattern.count)
  }

  package func matches(_ key: [UInt8]) -> Bool {
    if key.isEmpty { return parts.isEmpty || isOnlyStar }
    var place = 0
    var part = 0
    var lastStar: (part: Int, place: Int)?
    while place < key.count {
      if part < parts.count, case .star = parts[part] {
        lastStar = (part, place)
        part += 1
      } else if part < parts.count, takes(parts[part], key[place]) {
        part += 1
        place += 1
      } else if let star = lastStar {
        // The last star takes one byte more.
        lastStar = (star.part, star.place + 1)
        part = star.part + 1
        place = star.place + 1
      } else {
        return false
      }
    }
    while part < parts.count, case .star = parts[part] { part += 1 }
    return part == parts.count
  }

  private func takes(_ part: Part, _ byte: UInt8) -> Bool {
    switch part {
    case .star: false
    case .any: true
    case .byte(let wanted): wanted == byte
    case .set(let index): sets[index][Int(byte)]
    }
  }
}
