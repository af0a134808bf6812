import Basics

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
  fileprivate var version: UInt64
  fileprivate var modified: UInt64
  fileprivate var keyCount: UInt32
  /// The highest bit says that there is a deadline.
  fileprivate var valueCountAndFlag: UInt32

  private static let flag: UInt32 = 1 << 31

  fileprivate init(_ marks: EntryMarks, keyCount: Int, valueCount: Int) {
    version = marks.version
    modified = marks.modified
    self.keyCount = UInt32(keyCount)
    valueCountAndFlag = marks.deadline == 0 ? 0 : Self.flag
    self.valueCount = valueCount
  }

  /// Where the key begins: behind the deadline, if there is one.
  @inline(__always)
  fileprivate var start: Int { Int(valueCountAndFlag >> 31) &* 8 }

  @inline(__always)
  fileprivate var valueCount: Int {
    get { Int(valueCountAndFlag & ~Self.flag) }
    set {
      let count = UInt32(newValue)
      invariant(count & Self.flag == 0, "a value of \(newValue) bytes")
      valueCountAndFlag = valueCountAndFlag & Self.flag | count
    }
  }
}

/// A key, its marks and its value in one allocation; also, without a value, the bound between two
/// nodes. Most keys have no deadline, and take no room for one: that is 16 bytes of an allocation.
///
/// Changed only by a map that holds the one reference to it.
final class Entry: ManagedBuffer<EntryHeader, UInt8> {
  /// An entry with room for a longer value. The parts of the value are put one behind the other.
  static func make(
    key: UnsafeRawBufferPointer, marks: EntryMarks, value: UnsafeRawBufferPointer,
    suffix: UnsafeRawBufferPointer = UnsafeRawBufferPointer(start: nil, count: 0), spare: Int = 0
  ) -> Entry {
    let header = EntryHeader(
      marks, keyCount: key.count, valueCount: value.count + suffix.count)
    let count = header.start + key.count + value.count + suffix.count
    let buffer = Entry.create(minimumCapacity: count + spare) { _ in header }
    buffer.withUnsafeMutablePointerToElements { elements in
      let start = UnsafeMutableRawPointer(elements)
      if marks.deadline != 0 { start.storeBytes(of: marks.deadline, as: UInt64.self) }
      let bytes = start + header.start
      copyBytes(key, to: bytes)
      copyBytes(value, to: bytes + key.count)
      copyBytes(suffix, to: bytes + key.count + value.count)
    }
    return unsafeDowncast(buffer, to: Entry.self)
  }

  var marks: EntryMarks {
    withUnsafeMutablePointers { header, elements in
      EntryMarks(
        version: header.pointee.version, modified: header.pointee.modified,
        deadline: header.pointee.start == 0
          ? 0 : UnsafeRawPointer(elements).loadUnaligned(as: UInt64.self))
    }
  }

  /// False if there is no room for a deadline, or one that is not needed any more.
  private func setMarks(_ marks: EntryMarks) -> Bool {
    guard (marks.deadline != 0) == (header.start > 0) else { return false }
    withUnsafeMutablePointers { header, elements in
      header.pointee.version = marks.version
      header.pointee.modified = marks.modified
      if marks.deadline != 0 {
        UnsafeMutableRawPointer(elements).storeBytes(of: marks.deadline, as: UInt64.self)
      }
    }
    return true
  }

  /// Valid while the entry lives and is not changed.
  @inline(__always)
  var key: UnsafeRawBufferPointer {
    withUnsafeMutablePointers {
      UnsafeRawBufferPointer(start: $1 + $0.pointee.start, count: Int($0.pointee.keyCount))
    }
  }

  /// Valid while the entry lives and is not changed.
  @inline(__always)
  var value: UnsafeRawBufferPointer {
    withUnsafeMutablePointers {
      UnsafeRawBufferPointer(
        start: $1 + $0.pointee.start + Int($0.pointee.keyCount), count: $0.pointee.valueCount)
    }
  }

  /// Puts another value in the place of the old one; `false` if there is not enough room, or so
  /// much that it would be wasted.
  func replaceValue(with value: UnsafeRawBufferPointer, marks: EntryMarks) -> Bool {
    let start = header.start + Int(header.keyCount)
    let needed = start + value.count
    let room = capacity
    guard needed <= room, room - needed <= 64 + needed / 2, setMarks(marks) else { return false }
    withUnsafeMutablePointers { header, elements in
      copyBytes(value, to: UnsafeMutableRawPointer(elements + start))
      header.pointee.valueCount = value.count
    }
    return true
  }

  /// Puts more bytes behind the value; `false` if there is not enough room.
  func appendValue(_ suffix: UnsafeRawBufferPointer, marks: EntryMarks) -> Bool {
    let used = header.start + Int(header.keyCount) + header.valueCount
    guard used + suffix.count <= capacity, setMarks(marks) else { return false }
    withUnsafeMutablePointers { header, elements in
      copyBytes(suffix, to: UnsafeMutableRawPointer(elements + used))
      header.pointee.valueCount += suffix.count
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
