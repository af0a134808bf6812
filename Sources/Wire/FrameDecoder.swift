import Basics
import Checksums

/// Cuts the bytes of one connection into messages.
///
/// Bytes may come in any pieces. Each is copied at most twice, however small the pieces are, and
/// memory is used only for bytes that have come, never for lengths that are only announced.
package struct FrameDecoder: Sendable {
  /// For the frames that have not been read yet: to be widened once the greeting is done.
  package var limits: FrameLimits
  private var buffer: [UInt8] = []
  /// Where the first frame that has not been read begins in `buffer`.
  private var offset = 0
  private var failure: WireError?

  package init(limits: FrameLimits = .greeting) { self.limits = limits }

  /// Bytes that have come and are not part of a message read so far.
  package var bufferedBytes: Int { buffer.count - offset }

  package mutating func append(_ bytes: [UInt8]) { buffer.append(bytes, read: &offset) }

  /// The next message, or `nil` until more bytes have come. After an error the stream has lost its
  /// place, and every call throws the same.
  package mutating func next() throws(WireError) -> WireMessage? {
    if let failure { throw failure }
    do throws(WireError) {
      return try read()
    } catch {
      failure = error
      buffer = []
      offset = 0
      throw error
    }
  }

  private mutating func read() throws(WireError) -> WireMessage? {
    guard let first = peek(0) else { return nil }
    // By the first byte, so that a stranger who sends less than a header is answered too.
    guard let kind = FrameHeader.Kind(rawValue: first) else { throw .unknownKind(first) }
    guard buffer.count - offset >= FrameHeader.byteCount else { return nil }
    if let version = peek(1), version != FrameHeader.version { throw .unsupportedVersion(version) }
    let check = UInt16(truncatingIfNeeded: word(FrameHeader.checkOffset))
    guard check == FrameHeader.check(buffer, frameAt: offset) else { throw .headerDamaged }
    let jsonCount = Int(word(FrameHeader.jsonLengthOffset))
    let tailCount = Int(word(FrameHeader.tailLengthOffset))
    guard jsonCount <= limits.jsonBytesMax else {
      throw .jsonTooLong(bytes: jsonCount, limit: limits.jsonBytesMax)
    }
    guard tailCount <= limits.tailBytesMax else {
      throw .tailTooLong(bytes: tailCount, limit: limits.tailBytesMax)
    }
    let jsonStart = offset + FrameHeader.byteCount
    guard buffer.count - jsonStart >= jsonCount + tailCount else { return nil }

    let jsonEnd = jsonStart + jsonCount
    let end = jsonEnd + tailCount
    let headerSum = CRC32C.checksum(buffer, in: offset..<offset + FrameHeader.checksumOffset)
    let sum = CRC32C.checksum(buffer, in: jsonStart..<end, continuing: headerSum)
    let expected = word(FrameHeader.checksumOffset)
    guard sum == expected else { throw .checksumMismatch(expected: expected, found: sum) }

    offset = end
    return try message(kind, json: jsonStart..<jsonEnd, tail: jsonEnd..<end)
  }

  private func message(_ kind: FrameHeader.Kind, json: Range<Int>, tail: Range<Int>)
    throws(WireError) -> WireMessage
  {
    try buffer.withUnsafeBufferPointer { (bytes) throws(WireError) in
      let frame = FrameBytes(UnsafeRawBufferPointer(bytes), json: json, tail: tail)
      return try FrameCodec.decode(kind, frame)
    }
  }

  private func peek(_ distance: Int) -> UInt8? {
    offset + distance < buffer.count ? buffer[offset + distance] : nil
  }

  /// Four bytes of the header, which has come completely.
  private func word(_ distance: Int) -> UInt32 {
    var value: UInt32 = 0
    for byte in 0..<4 { value |= UInt32(peek(distance + byte) ?? 0) << (8 * byte) }
    return value
  }
}
