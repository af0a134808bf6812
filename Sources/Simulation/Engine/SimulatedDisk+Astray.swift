import Basics

/// A write as it was ordered, and what stood at its place before.
struct RememberedWrite: Sendable {
  var file: Int
  var offset: Int
  var bytes: [UInt8]
  var before: [UInt8]
  /// How many syncs were done before it.
  var syncs: Int

  var end: Int { offset + bytes.count }
}

/// Disks that put a write at a place where it does not belong, and say that all is well.
extension SimulatedDisk {
  private static let rememberedMax = 24

  mutating func remember(_ file: Int, _ offset: Int, _ bytes: [UInt8], syncs: Int) {
    guard !bytes.isEmpty else { return }
    let content = files[file].content
    let lower = min(offset, content.count)
    let upper = min(offset + bytes.count, content.count)
    if remembered.count == Self.rememberedMax { remembered.removeFirst() }
    remembered.append(
      RememberedWrite(
        file: file, offset: offset, bytes: bytes, before: Array(content[lower..<upper]),
        syncs: syncs))
  }

  /// Makes one of the last writes one that went astray: its place is as it was before, and its
  /// bytes stand elsewhere, in the same file or another. Nobody can tell that of the very last
  /// write to a file, which looks as if it had never been ordered, nor whether it is torn or was
  /// written over: so in both places a later one to the same file is still there, ordered after a
  /// sync.
  ///
  /// To be called after ``crash(_:)``, when nothing is pending.
  /// - Returns: what happened; `nil` if there is no such write.
  package mutating func misdirectWrite(_ generator: inout SeededGenerator) -> String? {
    guard isClean else { return nil }
    let candidates = remembered.indices.filter { index in
      let write = remembered[index]
      return isThere(write) && name(of: write.file) != nil
        && remembered[(index + 1)...].contains {
          $0.file == write.file && $0.syncs > write.syncs && isThere($0)
            && ($0.offset >= write.end || $0.end <= write.offset)
        }
    }
    guard !candidates.isEmpty else { return nil }
    let write = remembered[candidates[generator.next(in: 0..<candidates.count)]]
    let targets = names.keys.sorted().filter { contents(of: $0)?.isEmpty == false }
    let target =
      generator.chance(0.5) ? name(of: write.file) : targets[generator.next(in: 0..<targets.count)]
    guard let target, let place = names[target] else { return nil }
    let sectors = (files[place].content.count - 1) / Self.sectorBytes
    var offset = generator.next(in: 0...sectors) * Self.sectorBytes
    let other = remembered[generator.next(in: 0..<remembered.count)]
    if other.file == place, other.offset < files[place].content.count, generator.chance(0.3) {
      offset = other.offset
    }
    guard isOld(offset..<min(offset + write.bytes.count, files[place].content.count), in: place)
    else { return nil }
    let missing = [UInt8](repeating: 0, count: write.bytes.count - write.before.count)
    put(write.before + missing, at: write.offset, in: write.file)
    put(write.bytes, at: offset, in: place)
    let from = name(of: write.file) ?? "?"
    remembered = []
    return "\(write.bytes.count) bytes for \(from) at \(write.offset) are in \(target) at \(offset)"
  }

  /// Whether something behind these bytes was written and is there, after a sync that covers them.
  private func isOld(_ range: Range<Int>, in file: Int) -> Bool {
    let writes = remembered.filter { $0.file == file }
    let syncs =
      writes.filter { $0.offset < range.upperBound && $0.end > range.lowerBound }
      .map(\.syncs).max() ?? -1
    return writes.contains {
      $0.offset >= range.upperBound && $0.syncs > syncs && isThere($0)
    }
  }

  private func name(of file: Int) -> String? {
    names.keys.sorted().first { names[$0] == file }
  }

  /// Nobody has written over it since, and it changed something.
  private func isThere(_ write: RememberedWrite) -> Bool {
    let content = files[write.file].content
    guard write.end <= content.count, write.bytes != write.before else { return false }
    return content[write.offset..<write.end].elementsEqual(write.bytes)
      && write.bytes.contains { $0 != 0 }
  }

  /// Never makes the file longer.
  private mutating func put(_ bytes: [UInt8], at offset: Int, in file: Int) {
    let room = files[file].content.count - offset
    let fitting = Array(bytes.prefix(max(0, room)))
    Self.apply(.write(offset: offset, bytes: fitting), to: &files[file].content)
    files[file].durable = files[file].content
  }
}
