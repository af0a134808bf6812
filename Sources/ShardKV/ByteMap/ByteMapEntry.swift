/// What is kept of a key besides its value.
struct EntryMarks: Hashable {
  /// 1 for a new key, one more with each change.
  var version: UInt64
  /// The number of the last change in its shard; it does not come twice there.
  var modified: UInt64 = 0
  /// The last millisecond since 1970 in which the key is there; 0: it has no deadline.
  var deadline: UInt64 = 0

  /// Whether the key is there at `now`, in milliseconds since 1970.
  @inline(__always)
  func isAlive(at now: UInt64) -> Bool { deadline == 0 || now <= deadline }
}

struct EntryHeader {
  var marks: EntryMarks
  var keyCount: UInt32
  var valueCount: UInt32
}

/// A key, its marks and its value in one allocation; also, without a value, the bound between two
/// nodes.
///
/// Changed only by a map that holds the one reference to it.
final class Entry: ManagedBuffer<EntryHeader, UInt8> {
  /// An entry with room for a longer value. The parts of the value are put one behind the other.
  static func make(
    key: UnsafeRawBufferPointer, marks: EntryMarks, value: UnsafeRawBufferPointer,
    suffix: UnsafeRawBufferPointer = UnsafeRawBufferPointer(start: nil, count: 0), spare: Int = 0
  ) -> Entry {
    let valueCount = value.count + suffix.count
    let buffer = Entry.create(minimumCapacity: key.count + valueCount + spare) { _ in
      EntryHeader(
        marks: marks, keyCount: UInt32(key.count), valueCount: UInt32(valueCount))
    }
    buffer.withUnsafeMutablePointerToElements { elements in
      let bytes = UnsafeMutableRawPointer(elements)
      copyBytes(key, to: bytes)
      copyBytes(value, to: bytes + key.count)
      copyBytes(suffix, to: bytes + key.count + value.count)
    }
    return unsafeDowncast(buffer, to: Entry.self)
  }

  /// Valid while the entry lives and is not changed.
  @inline(__always)
  var key: UnsafeRawBufferPointer {
    withUnsafeMutablePointers {
      UnsafeRawBufferPointer(start: $1, count: Int($0.pointee.keyCount))
    }
  }

  /// Valid while the entry lives and is not changed.
  @inline(__always)
  var value: UnsafeRawBufferPointer {
    withUnsafeMutablePointers {
      UnsafeRawBufferPointer(
        start: $1 + Int($0.pointee.keyCount), count: Int($0.pointee.valueCount))
    }
  }

  /// Puts another value in the place of the old one; `false` if there is not enough room, or so
  /// much that it would be wasted.
  func replaceValue(with value: UnsafeRawBufferPointer, marks: EntryMarks) -> Bool {
    let needed = Int(header.keyCount) + value.count
    let room = capacity
    guard needed <= room, room - needed <= 64 + needed / 2 else { return false }
    withUnsafeMutablePointers { header, elements in
      copyBytes(value, to: UnsafeMutableRawPointer(elements + Int(header.pointee.keyCount)))
      header.pointee.valueCount = UInt32(value.count)
      header.pointee.marks = marks
    }
    return true
  }

  /// Puts more bytes behind the value; `false` if there is not enough room.
  func appendValue(_ suffix: UnsafeRawBufferPointer, marks: EntryMarks) -> Bool {
    let used = Int(header.keyCount) + Int(header.valueCount)
    guard used + suffix.count <= capacity else { return false }
    withUnsafeMutablePointers { header, elements in
      copyBytes(suffix, to: UnsafeMutableRawPointer(elements + used))
      header.pointee.valueCount += UInt32(suffix.count)
      header.pointee.marks = marks
    }
    return true
  }
}

private func copyBytes(_ source: UnsafeRawBufferPointer, to target: UnsafeMutableRawPointer) {
  guard let base = source.baseAddress, source.count > 0 else { return }
  target.copyMemory(from: base, byteCount: source.count)
}

extension Unmanaged<Entry> {
  @inline(__always)
  var key: UnsafeRawBufferPointer { _withUnsafeGuaranteedRef { $0.key } }
}
