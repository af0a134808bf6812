import Basics
import Fuzzing

/// Changes that make good bytes bad, or other good ones.
enum Mutation {
  /// One to five changes, each at a random place.
  static func apply(to bytes: inout [UInt8], _ random: inout SeededGenerator) {
    for _ in 0..<random.next(in: 1...5) {
      guard !bytes.isEmpty else { return }
      let place = random.next(in: 0..<bytes.count)
      let length = random.next(in: 1...min(12, bytes.count - place))
      switch random.next(in: 0..<8) {
      case 0: bytes[place] ^= 1 << UInt8(random.next(in: 0..<8))
      case 1: bytes[place] = random.element(of: structure)
      case 2: bytes.insert(contentsOf: random.element(of: tokens), at: place)
      case 3: bytes.removeSubrange(place..<place + length)
      case 4: bytes.insert(contentsOf: Array(bytes[place..<place + length]), at: place)
      case 5: bytes.removeSubrange(place...)
      case 6: replaceNumber(in: &bytes, from: place, &random)
      default: bytes.swapAt(place, random.next(in: 0..<bytes.count))
      }
    }
  }

  /// The next run of digits becomes another number.
  private static func replaceNumber(
    in bytes: inout [UInt8], from place: Int, _ random: inout SeededGenerator
  ) {
    func isDigit(_ byte: UInt8) -> Bool { (0x30...0x39) ~= byte }
    guard let first = bytes[place...].firstIndex(where: isDigit) else { return }
    let end = bytes[first...].firstIndex { !isDigit($0) } ?? bytes.count
    let zeros = [UInt8](repeating: UInt8(ascii: "0"), count: random.next(in: 15...40))
    bytes.replaceSubrange(
      first..<end, with: random.chance(0.15) ? zeros : random.element(of: numbers))
  }

  private static let structure = Array("*$\r\n\0-+:%~>|,#_=!(\"'\\ 0129ft".utf8)

  private static let numbers = [
    "0", "1", "2", "9", "10", "11", "-1", "-10", "00", "01", "+5", " 5", "4096", "4097", "16384",
    "65536", "1048576", "1048577", "2147483647", "2147483648", "3000000000", "536870912",
    "536870913", "9223372036854775807", "9223372036854775808", "-9223372036854775808",
    "99999999999999999999", "4194304", "4194305", "67108865", "",
  ].map { Array($0.utf8) }

  private static let tokens =
    numbers
    + [
      "\r\n", "\n", "\r", "\0", "*1\r\n", "*3\r\n$3\r\n", "$0\r\n\r\n", "$1\r\n", "$-1\r\n",
      "*-1\r\n",
      "*1048576\r\n", "$1048576\r\n", "POST / HTTP/1.1\r\n", "Host: a\r\n", "\"", "'", "\\x4",
      "|1\r\n",
      "%1\r\n", "~0\r\n", ">2\r\n", "#t\r\n", ",inf\r\n", ",nan\r\n", "(1\r\n", "=4\r\ntxt:\r\n",
      "!1\r\n", "*1\r\n*1\r\n*1\r\n*1\r\n*1\r\n", "\u{16}\u{3}\u{1}\u{2}\0\u{1}", "_\r\n",
    ].map { Array($0.utf8) }
}
