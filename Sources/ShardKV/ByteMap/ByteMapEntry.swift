import Basics
import CSharedBlock

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

/// A key, its marks and its value in one allocation; also, without a value, the bound between two
/// nodes. A pointer: who makes an entry has a reference to it, and hands it on or releases it.
///
/// Not an object of Swift's, whose header alone takes 16 bytes, and without room for what most keys
/// lack: a key takes 16 bytes less that way. Behind the ``Header`` come the version if it is wide,
/// the deadline if there is one, the key, and the value.
///
/// Changed only by a map that holds the one reference to it.
struct Entry {
  private let base: UnsafeMutableRawPointer

  /// What stands at the start of the block.
  private struct Header {
    /// The block's own; never set here.
    private let references: UInt32 = 1
    var valueCount: UInt32
    var modified: UInt64
    /// 0: it is wide.
    var version: UInt32
    /// The highest bit says that there is a deadline.
    var keyCountAndFlag: UInt32

    static let flag: UInt32 = 1 << 31

    init(_ marks: EntryMarks, keyCount: Int, valueCount: Int) {
      self.valueCount = UInt32(valueCount)
      modified = marks.modified
      version = UInt32(exactly: marks.version) ?? 0
      let count = UInt32(keyCount)
      invariant(count & Self.flag == 0, "a key of \(keyCount) bytes")
      keyCountAndFlag = marks.deadline == 0 ? count : count | Self.flag
    }

    @inline(__always)
    var isWide: Bool { version == 0 }
    @inline(__always)
    var hasDeadline: Bool { keyCountAndFlag & Self.flag != 0 }
    @inline(__always)
    var keyCount: Int { Int(keyCountAndFlag & ~Self.flag) }
    /// Where the deadline is.
    @inline(__always)
    var deadlineOffset: Int { MemoryLayout<Self>.size &+ (isWide ? 8 : 0) }
    /// Where the key begins.
    @inline(__always)
    var keyOffset: Int { deadlineOffset &+ (hasDeadline ? 8 : 0) }
    /// Where the value begins.
    @inline(__always)
    var valueOffset: Int { keyOffset &+ keyCount }
  }

  @inline(__always)
  private var header: UnsafeMutablePointer<Header> { base.assumingMemoryBound(to: Header.self) }

  /// An entry with one reference and room for a longer value. The parts of the value are put one
  /// behind the other.
  static func make(
    key: UnsafeRawBufferPointer, marks: EntryMarks, value: UnsafeRawBufferPointer,
    suffix: UnsafeRawBufferPointer = UnsafeRawBufferPointer(start: nil, count: 0), spare: Int = 0
  ) -> Entry {
    let valueCount = value.count + suffix.count
    let header = Header(marks, keyCount: key.count, valueCount: valueCount)
    let offset = header.valueOffset
    guard let base = shardkv_block_make(offset + valueCount + spare) else {
      fatalError("no memory for an entry of \(offset + valueCount + spare) bytes")
    }
    let entry = Entry(base: base)
    base.bindMemory(to: Header.self, capacity: 1).initialize(to: header)
    entry.storeMarks(marks)
    copyBytes(key, to: base + offset - key.count)
    copyBytes(value, to: base + offset)
    copyBytes(suffix, to: base + offset + value.count)
    return entry
  }

  @inline(__always)
  @discardableResult
  func retain() -> Entry {
    shardkv_block_retain(base)
    return self
  }

  /// Frees the entry with its last reference.
  @inline(__always)
  func release() { shardkv_block_release(base) }

  /// There is no other reference.
  @inline(__always)
  var isUnique: Bool { shardkv_block_is_unique(base) }

  var marks: EntryMarks {
    let (version, modified) = (header.pointee.version, header.pointee.modified)
    let wide = base + MemoryLayout<Header>.size
    return EntryMarks(
      version: header.pointee.isWide ? wide.load(as: UInt64.self) : UInt64(version),
      modified: modified,
      deadline: header.pointee.hasDeadline
        ? (base + header.pointee.deadlineOffset).load(as: UInt64.self) : 0)
  }

  /// There is room for these marks, and none that they do not need.
  private func fits(_ marks: EntryMarks) -> Bool {
    header.pointee.hasDeadline == (marks.deadline != 0)
      && header.pointee.isWide == (UInt32(exactly: marks.version) ?? 0 == 0)
  }

  private func storeMarks(_ marks: EntryMarks) {
    header.pointee.modified = marks.modified
    if header.pointee.isWide {
      (base + MemoryLayout<Header>.size).storeBytes(of: marks.version, as: UInt64.self)
    } else {
      header.pointee.version = UInt32(marks.version)
    }
    if header.pointee.hasDeadline {
      (base + header.pointee.deadlineOffset).storeBytes(of: marks.deadline, as: UInt64.self)
    }
  }

  /// Valid while the entry lives and is not changed.
  @inline(__always)
  var key: UnsafeRawBufferPointer {
    UnsafeRawBufferPointer(start: base + header.pointee.keyOffset, count: header.pointee.keyCount)
  }

  /// Valid while the entry lives and is not changed.
  @inline(__always)
  var value: UnsafeRawBufferPointer {
    UnsafeRawBufferPointer(
      start: base + header.pointee.valueOffset, count: Int(header.pointee.valueCount))
  }

  /// Puts another value in the place of the old one; `false` if there is not enough room, or so
  /// much that it would be wasted.
  func replaceValue(with value: UnsafeRawBufferPointer, marks: EntryMarks) -> Bool {
    let offset = header.pointee.valueOffset
    let needed = offset + value.count
    let room = shardkv_block_size(base)
    guard needed <= room, room - needed <= 64 + needed / 2, fits(marks) else { return false }
    storeMarks(marks)
    copyBytes(value, to: base + offset)
    header.pointee.valueCount = UInt32(value.count)
    return true
  }

  /// Puts more bytes behind the value; `false` if there is not enough room.
  func appendValue(_ suffix: UnsafeRawBufferPointer, marks: EntryMarks) -> Bool {
    let end = header.pointee.valueOffset + Int(header.pointee.valueCount)
    guard end + suffix.count <= shardkv_block_size(base), fits(marks) else { return false }
    storeMarks(marks)
    copyBytes(suffix, to: base + end)
    header.pointee.valueCount += UInt32(suffix.count)
    return true
  }
}

private func copyBytes(_ source: UnsafeRawBufferPointer, to target: UnsafeMutableRawPointer) {
  guard let base = source.baseAddress, source.count > 0 else { return }
  target.copyMemory(from: base, byteCount: source.count)
}
