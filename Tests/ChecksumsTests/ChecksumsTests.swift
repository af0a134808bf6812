import Basics
import Checksums
import Testing

struct ChecksumsTests {
  static let digits = Array("123456789".utf8)

  @Test func crc32cGivesTheCheckValueOfItsCatalogue() {
    #expect(CRC32C.checksum(Self.digits) == 0xE306_9283)
    #expect(CRC32C.checksum([]) == 0)
    // RFC 3720 appendix B.4: 32 bytes of zeros, and of ones.
    #expect(CRC32C.checksum(Array(repeating: 0, count: 32)) == 0x8A91_36AA)
    #expect(CRC32C.checksum(Array(repeating: 0xFF, count: 32)) == 0x62A8_AB43)
  }

  @Test func crc32cByTableAndInPiecesIsTheSame() {
    var generator = SeededGenerator(seed: 1)
    for count in 0..<100 {
      let bytes = (0..<count).map { _ in UInt8(truncatingIfNeeded: generator.next()) }
      let whole = CRC32C.checksum(bytes)
      #expect(bytes.withUnsafeBytes { CRC32C.portableChecksum($0, continuing: 0) } == whole)
      let cut = generator.next(in: 0...count)
      let head = CRC32C.checksum(bytes, in: 0..<cut)
      #expect(CRC32C.checksum(bytes, in: cut..<count, continuing: head) == whole)
    }
  }

  @Test func crc16GivesTheCheckValueOfTheClusterSpecification() {
    #expect(CRC16.xmodem(Self.digits) == 0x31C3)
    #expect(CRC16.xmodem([]) == 0)
    #expect(CRC16.xmodem(Self.digits, in: 0..<100) == 0x31C3)
  }
}
