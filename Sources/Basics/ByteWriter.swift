/// Builds binary records: what stands in the log and on disk, little-endian.
package struct ByteWriter: Sendable {
  package private(set) var bytes: [UInt8] = []

  package init() {}

  package init(reserving capacity: Int) { bytes.reserveCapacity(capacity) }

  /// Writes into the memory of an array, which is empty afterwards: to have much memory from the
  /// system each time anew costs more than to write it.
  package init(inMemoryOf array: inout [UInt8], reserving capacity: Int = 0) {
    swap(&bytes, &array)
    bytes.removeAll(keepingCapacity: true)
    bytes.reserveCapacity(capacity)
  }

  package var count: Int { bytes.count }

  /// Room for so many bytes more, all that are still to come: what is reserved bit by bit is copied
  /// each time.
  package mutating func reserve(_ more: Int) { bytes.reserveCapacity(bytes.count + more) }

  package mutating func u8(_ value: UInt8) { bytes.append(value) }

  package mutating func u16(_ value: UInt16) { fixed(value) }

  package mutating func u32(_ value: UInt32) { fixed(value) }

  package mutating func u64(_ value: UInt64) { fixed(value) }

  /// LEB128: seven bits a byte, low bits first.
  package mutating func varint(_ value: UInt64) {
    var rest = value
    while rest >= 0x80 {
      bytes.append(UInt8(truncatingIfNeeded: rest) | 0x80)
      rest >>= 7
    }
    bytes.append(UInt8(rest))
  }

  package mutating func varint(_ value: Int) {
    invariant(value >= 0, "a negative count of \(value) cannot be written")
    varint(UInt64(value))
  }

  /// A length as varint, then the bytes.
  package mutating func blob(_ content: [UInt8]) {
    varint(content.count)
    bytes.append(contentsOf: content)
  }

  /// A length as varint, then UTF-8.
  package mutating func text(_ content: String) { blob(Array(content.utf8)) }

  /// The bytes alone.
  package mutating func raw(_ content: [UInt8]) { bytes.append(contentsOf: content) }

  /// The bytes alone.
  package mutating func raw(_ content: UnsafeRawBufferPointer) { bytes.append(contentsOf: content) }

  /// A length as varint, then the bytes.
  package mutating func blob(_ content: UnsafeRawBufferPointer) {
    varint(content.count)
    bytes.append(contentsOf: content)
  }

  /// Overwrites four bytes at `offset`, for lengths and checksums known only afterwards.
  package mutating func patch(u32 value: UInt32, at offset: Int) {
    invariant(offset >= 0 && offset + 4 <= bytes.count, "patch at \(offset) of \(bytes.count)")
    for byte in 0..<4 { bytes[offset + byte] = UInt8(truncatingIfNeeded: value >> (8 * byte)) }
  }

  private mutating func fixed<Number: FixedWidthInteger>(_ value: Number) {
    withUnsafeBytes(of: value.littleEndian) { bytes.append(contentsOf: $0) }
  }
}
