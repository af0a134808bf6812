import Checksums

/// Makes the checksums of damaged files right again, as far as they can be found, so that what
/// stands behind them is read: a disk does not do that, but a bug or an enemy could.
enum Seals {
  static func renew(_ bytes: inout [UInt8]) {
    guard bytes.count >= 16 else { return }
    let magic = word(bytes, 0)
    let length = Int(word(bytes, 8))
    guard length <= bytes.count - 16 else { return }
    let envelope = CRC32C.checksum(
      bytes, in: 16..<16 + length, continuing: CRC32C.checksum(bytes, in: 0..<12))
    put(envelope, in: &bytes, at: 12)
    switch magic {
    case 0x57_56_4B_53: renewRecords(&bytes, from: 16 + length, salt: envelope)
    case 0x53_56_4B_53: renewSections(&bytes, from: 16 + length)
    default: break
    }
  }

  /// Bodies, the frames of batches, the chain of records and their headers.
  private static func renewRecords(_ bytes: inout [UInt8], from start: Int, salt: UInt32) {
    var place = start
    var batch = start
    var records: UInt32 = 0
    var chain = salt
    while place + 48 <= bytes.count {
      guard word(bytes, place) == 0x52_56_4B_53 else {
        place += 8
        continue
      }
      let length = Int(word(bytes, place + 8))
      let body = place + 48..<place + 48 + min(length, bytes.count - place - 48)
      if bytes[place + 4] == 6, body.count == 8 {
        put(
          CRC32C.checksum(bytes, in: batch..<place, continuing: salt), in: &bytes,
          at: body.lowerBound)
        put(records, in: &bytes, at: body.lowerBound + 4)
      }
      put(chain, in: &bytes, at: place + 12)
      put(CRC32C.checksum(bytes, in: body, continuing: salt), in: &bytes, at: place + 40)
      let checksum = CRC32C.checksum(bytes, in: place..<place + 44, continuing: salt)
      put(checksum, in: &bytes, at: place + 44)
      let isMark = bytes[place + 4] == 7
      let isFrame = bytes[place + 4] == 6
      if !isMark { chain = checksum }
      place = (body.upperBound + 7) & ~7
      if isMark { place = body.lowerBound }
      records += 1
      if isFrame { (batch, records) = (place, 0) }
    }
  }

  private static func renewSections(_ bytes: inout [UInt8], from start: Int) {
    var place = start
    var all: UInt32 = 0
    while place + 16 <= bytes.count, word(bytes, place) == 0x43_53_4B_53 {
      let end = place + 16 + min(Int(word(bytes, place + 8)), bytes.count - place - 16)
      let checksum = CRC32C.checksum(
        bytes, in: place + 16..<end,
        continuing: CRC32C.checksum(bytes, in: place..<place + 12))
      put(checksum, in: &bytes, at: place + 12)
      all = CRC32C.checksum(bytes, in: place + 12..<place + 16, continuing: all)
      place = end
    }
    guard place + 24 <= bytes.count else { return }
    put(all, in: &bytes, at: place + 16)
    put(CRC32C.checksum(bytes, in: place..<place + 20), in: &bytes, at: place + 20)
  }

  private static func word(_ bytes: [UInt8], _ place: Int) -> UInt32 {
    (0..<4).reduce(0) { $0 | UInt32(bytes[place + $1]) << UInt32(8 * $1) }
  }

  private static func put(_ word: UInt32, in bytes: inout [UInt8], at place: Int) {
    for number in 0..<4 { bytes[place + number] = UInt8(truncatingIfNeeded: word >> (8 * number)) }
  }
}
