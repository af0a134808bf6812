import Basics
import Checksums

/// What every file of the folder begins with: magic, format version, length of the body, CRC-32C of
/// these three and the body, then the body. It keeps this form in all later versions, so that a
/// newer file is told from a damaged one.
enum Envelope {
  static let prefixBytes = 16
  static let version: UInt32 = 2
  /// No body of a later version will be longer.
  static let bodyBytesMax = 1 << 20

  enum Magic: UInt32 {
    case identity = 0x49_56_4B_53
    case segment = 0x57_56_4B_53
    case snapshot = 0x53_56_4B_53
  }

  enum Problem: Error, Equatable {
    case damaged(String)
    case newer(UInt32)
    case older(UInt32)
  }

  static func encode(_ magic: Magic, _ body: [UInt8]) -> [UInt8] {
    var writer = ByteWriter(reserving: prefixBytes + body.count)
    writer.u32(magic.rawValue)
    writer.u32(version)
    writer.u32(UInt32(body.count))
    writer.u32(0)
    writer.raw(body)
    writer.patch(u32: checksum(writer.bytes), at: 12)
    return writer.bytes
  }

  /// The length of the body that the first 16 bytes of a file announce.
  static func bodyCount(_ prefix: [UInt8], _ magic: Magic) throws(Problem) -> Int {
    var reader = ByteReader(prefix)
    do {
      guard try reader.u32("magic") == magic.rawValue else { throw Problem.damaged("bad magic") }
      _ = try reader.u32("version")
      let count = Int(try reader.u32("length"))
      guard count <= bodyBytesMax else { throw Problem.damaged("impossible header length") }
      return count
    } catch let problem as Problem {
      throw problem
    } catch {
      throw .damaged("header is cut short")
    }
  }

  /// The body, and the checksum that stands before it, which names this very header.
  static func decode(
    _ bytes: [UInt8], _ magic: Magic
  ) throws(Problem) -> (body: [UInt8], checksum: UInt32) {
    let count = try bodyCount(bytes, magic)
    guard prefixBytes + count <= bytes.count else { throw .damaged("header is cut short") }
    var reader = ByteReader(bytes, in: 4..<prefixBytes + count)
    do {
      let version = try reader.u32("version")
      _ = try reader.u32("length")
      let stored = try reader.u32("checksum")
      let body = try reader.raw(count: count, "body")
      let whole =
        bytes.count == prefixBytes + count ? bytes : Array(bytes[..<(prefixBytes + count)])
      guard checksum(whole) == stored else {
        throw Problem.damaged("header checksum does not match")
      }
      guard version >= Self.version else { throw Problem.older(version) }
      guard version == Self.version else { throw Problem.newer(version) }
      return (body, stored)
    } catch let problem as Problem {
      throw problem
    } catch {
      throw .damaged("header is cut short")
    }
  }

  private static func checksum(_ bytes: [UInt8]) -> UInt32 {
    let start = CRC32C.checksum(bytes, in: 0..<12)
    return CRC32C.checksum(bytes, in: prefixBytes..<bytes.count, continuing: start)
  }
}
