import Basics
import Fuzzing

/// Changes of a folder that a disk, a person or an enemy could make.
enum Damage {
  static func apply(to folder: inout FolderBytes, _ random: inout SeededGenerator) {
    for _ in 0..<random.next(in: 1...4) {
      guard !folder.names.isEmpty else { return }
      let name = random.element(of: folder.names)
      if random.chance(0.15) {
        changeNames(of: &folder, name, &random)
      } else {
        var bytes = folder[name] ?? []
        // In turn, so that the bytes are not copied for each change.
        folder[name] = []
        change(&bytes, with: folder[random.element(of: folder.names)] ?? [], &random)
        folder[name] = bytes
      }
    }
  }

  private static func changeNames(
    of folder: inout FolderBytes, _ name: String, _ random: inout SeededGenerator
  ) {
    let bytes = folder[name]
    switch random.next(in: 0..<4) {
    case 0: folder[name] = nil
    case 1: folder[otherName(&random)] = bytes
    case 2:
      folder[name] = nil
      folder[otherName(&random)] = bytes
    default: folder[otherName(&random)] = random.bytes(random.next(in: 0...200))
    }
  }

  private static func otherName(_ random: inout SeededGenerator) -> String {
    let number = String(random.next(in: 0...9))
    let zeros = String(repeating: "0", count: 15)
    switch random.next(in: 0..<9) {
    case 0: return "identity"
    case 8: return "discard"
    case 1: return "identity.tmp"
    case 2: return "snap-\(zeros)\(number)-\(zeros)1"
    case 3: return "snap-\(zeros)\(number)-\(zeros)1.tmp"
    case 4: return "wal-\(zeros)\(number).log.broken"
    case 5: return "spare-\(zeros)\(number)"
    case 6: return "wal-ffffffffffffffff.log"
    default: return "wal-\(zeros)\(number).log"
    }
  }

  /// Changes bytes at one place; `other` are bytes that may stray into them.
  static func change(
    _ bytes: inout [UInt8], with other: [UInt8], _ random: inout SeededGenerator
  ) {
    guard !bytes.isEmpty else { return bytes = random.bytes(random.next(in: 0...40)) }
    // Most of a file may be zeros that nothing was written over.
    let used = (bytes.lastIndex { $0 != 0 } ?? 0) + 1
    let place = random.next(in: 0..<(random.chance(0.9) ? used : bytes.count))
    let length = random.next(in: 1...min(64, bytes.count - place))
    switch random.next(in: 0..<9) {
    case 0, 1: bytes[place] ^= 1 << UInt8(random.next(in: 0..<8))
    case 2: bytes.overwrite(random.bytes(length), at: place)
    case 3: bytes.overwrite([UInt8](repeating: 0, count: length), at: place)
    case 4: bytes.removeSubrange(place...)
    case 5: bytes += random.chance(0.5) ? random.bytes(length) : [UInt8](repeating: 0, count: 600)
    case 6: bytes.overwrite(number(&random), at: place & ~3)
    case 7: moveSector(in: &bytes, from: other, &random)
    default: clearSectors(of: &bytes, used, &random)
    }
  }

  /// A number that lengths and counts may not be, over four or eight bytes.
  private static func number(_ random: inout SeededGenerator) -> [UInt8] {
    let large: [UInt64] = [
      0, 1, 7, 8, 0x7F, 0xFFFF, 0x10_0000, 0x10_0001, 0x7FFF_FFFF, 0x8000_0000, 0xFFFF_FFFF,
      0x7FFF_FFFF_FFFF_FFFF, 0xFFFF_FFFF_FFFF_FFFF,
    ]
    let value = random.element(of: large)
    return (0..<(random.chance(0.5) ? 4 : 8)).map { UInt8(truncatingIfNeeded: value >> (8 * $0)) }
  }

  /// A sector that was written to another place.
  private static func moveSector(
    in bytes: inout [UInt8], from other: [UInt8], _ random: inout SeededGenerator
  ) {
    let source = random.chance(0.5) || other.isEmpty ? bytes : other
    let from = random.next(in: 0..<source.count) & ~(random.chance(0.5) ? 511 : 7)
    let to = random.next(in: 0..<bytes.count) & ~(random.chance(0.5) ? 511 : 7)
    bytes.overwrite(Array(source[from..<min(source.count, from + 512)]), at: to)
  }

  /// Sectors that a crash left unwritten.
  private static func clearSectors(
    of bytes: inout [UInt8], _ used: Int, _ random: inout SeededGenerator
  ) {
    for start in stride(from: 0, to: used, by: 512) where random.chance(0.3) {
      let end = min(bytes.count, start + 512)
      bytes.overwrite([UInt8](repeating: 0, count: end - start), at: start)
    }
  }
}
