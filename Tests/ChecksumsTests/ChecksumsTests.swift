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

  @Test func crc32GivesTheCheckValuesOfItsCatalogue() {
    #expect(CRC32.checksum(Self.digits) == 0xCBF4_3926)
    #expect(CRC32.checksum([]) == 0)
    #expect(CRC32.checksum([0]) == 0xD202_EF8D)
    #expect(CRC32.checksum(Array(repeating: 0xFF, count: 4)) == 0xFFFF_FFFF)
    // The end of every PNG file: its IEND chunk is empty.
    #expect(CRC32.checksum(Array("IEND".utf8)) == 0xAE42_6082)
  }

  @Test func crc32ByEightBytesIsWhatItIsBitByBit() {
    var generator = SeededGenerator(seed: 2)
    for count in 0..<100 {
      let bytes = (0..<count).map { _ in UInt8(truncatingIfNeeded: generator.next()) }
      var state = UInt32.max
      for byte in bytes {
        state ^= UInt32(byte)
        for _ in 0..<8 { state = state & 1 == 1 ? (state >> 1) ^ 0xEDB8_8320 : state >> 1 }
      }
      let whole = CRC32.checksum(bytes)
      #expect(whole == ~state)
      let cut = generator.next(in: 0...count)
      let head = CRC32.checksum(Array(bytes[..<cut]))
      #expect(CRC32.checksum(Array(bytes[cut...]), continuing: head) == whole)
    }
  }

  @Test func crc32OfANumberIsThatOfItsFourBytes() {
    #expect(
      CRC32.checksum(little: 0x0403_0201, continuing: 77)
        == CRC32.checksum([1, 2, 3, 4], continuing: 77))
  }
}
