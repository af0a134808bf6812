import Checksums

/// The largest frame that is accepted, told from its header before anything is allocated for it.
package struct FrameLimits: Hashable, Sendable {
  /// Bytes of the JSON document.
  package var jsonBytesMax: Int
  /// Bytes of the binary tail.
  package var tailBytesMax: Int

  package init(jsonBytesMax: Int, tailBytesMax: Int) {
    self.jsonBytesMax = jsonBytesMax
    self.tailBytesMax = tailBytesMax
  }

  /// Before the hello and its welcome have been exchanged: 4 KiB, no tail.
  package static let greeting = FrameLimits(jsonBytesMax: 4 << 10, tailBytesMax: 0)
  /// Afterwards: 16 MiB each, which holds every legal message.
  package static let conversation = FrameLimits(jsonBytesMax: 16 << 20, tailBytesMax: 16 << 20)
}

/// The layout of the 16 bytes that open each frame, little-endian; `docs/WIRE.md` shows it.
package enum FrameHeader {
  static let byteCount = 16
  /// Of the frame's layout; what the JSON says is versioned by ``Hello/versions``.
  static let version: UInt8 = 1
  static let checkOffset = 2
  static let jsonLengthOffset = 4
  static let tailLengthOffset = 8
  /// The checksum covers the bytes before it, the JSON document and the tail.
  static let checksumOffset = 12

  /// Guards kind, version and lengths by themselves: a damaged length must not make the reader wait
  /// for bytes that never come, or swallow the frames after it. The low half of their CRC-32C.
  static func check(_ bytes: [UInt8], frameAt start: Int) -> UInt16 {
    let kindAndVersion = CRC32C.checksum(bytes, in: start..<start + checkOffset)
    let whole = CRC32C.checksum(
      bytes, in: start + jsonLengthOffset..<start + checksumOffset, continuing: kindAndVersion)
    return UInt16(truncatingIfNeeded: whole)
  }

  /// What the JSON document is about, so that a stranger is known by the first byte.
  package enum Kind: UInt8 {
    case hello = 1
    case welcome = 2
    case goodbye = 3
    case raft = 4
    case request = 5
    case reply = 6
  }
}
