import Checksums
import Raft

/// Gives a captured state piece by piece, to be hashed: the same bytes on every replica.
package protocol DigestCapture: Sendable {
  /// The next piece and the number of the part that it belongs to; `nil` after the last. The
  /// numbers of parts do not descend.
  mutating func nextPiece() -> (part: Int, bytes: [UInt8])?
}

/// The hashing of one state by a ``BackgroundWorker``.
struct DigestTask: Sendable {
  /// So many bytes are hashed without a rest: a few hundred microseconds.
  private static let stepBytes = 512 << 10

  private let index: LogIndex
  private let format: Int
  private var capture: any DigestCapture
  private var parts: [StateDigest.Part] = []
  private var checksum: UInt32 = 0
  private var byteCount = 0
  private var startedAt: UInt64 = 0
  /// Monotonic nanoseconds.
  private(set) var restsUntil: UInt64 = 0

  init(_ index: LogIndex, format: Int, capture: any DigestCapture) {
    self.index = index
    self.format = format
    self.capture = capture
  }

  /// Hashes the next pieces; the digest when there are no more.
  mutating func advance(_ now: UInt64) -> StateDigest? {
    startedAt = now
    var room = Self.stepBytes
    while room > 0 {
      guard let piece = capture.nextPiece() else {
        return StateDigest(index: index, format: format, parts: parts)
      }
      if parts.last?.number != piece.part {
        (checksum, byteCount) = (0, 0)
        parts.append(StateDigest.Part(number: piece.part, hash: 0))
      }
      // A checksum of so few bits sees each flipped bit for certain. The count of bytes makes it
      // less likely still that states that have nothing to do with each other have the same.
      checksum = CRC32C.checksum(piece.bytes, continuing: checksum)
      byteCount += piece.bytes.count
      parts[parts.count - 1].hash =
        UInt64(UInt32(truncatingIfNeeded: byteCount)) << 32 | UInt64(checksum)
      room -= piece.bytes.count
    }
    return nil
  }

  /// It took until now.
  mutating func rest(_ now: UInt64, factor: Double) {
    guard now > startedAt else { return }
    restsUntil = now + UInt64(Double(now - startedAt) * factor)
  }
}
