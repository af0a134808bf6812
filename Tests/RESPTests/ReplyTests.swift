import Basics
import Testing

@testable import RESP
@testable import resp_fuzz

@Suite struct ReplyTests {
  /// Bytes that Redis 7.0 sent for `DEBUG PROTOCOL` and others, in both versions.
  @Test(arguments: [
    (Reply.simple("OK"), "+OK\r\n", "+OK\r\n"),
    (.error("ERR a\r\nb"), "-ERR a  b\r\n", "-ERR a  b\r\n"),
    (.integer(12345), ":12345\r\n", ":12345\r\n"), (.integer(-1), ":-1\r\n", ":-1\r\n"),
    (.integer(0), ":0\r\n", ":0\r\n"),
    (.integer(.min), ":-9223372036854775808\r\n", ":-9223372036854775808\r\n"),
    (.bulk("Hello World"), "$11\r\nHello World\r\n", "$11\r\nHello World\r\n"),
    (.bulk(""), "$0\r\n\r\n", "$0\r\n\r\n"),
    (.null, "$-1\r\n", "_\r\n"), (.nullArray, "*-1\r\n", "_\r\n"),
    (.array([.integer(0), .null]), "*2\r\n:0\r\n$-1\r\n", "*2\r\n:0\r\n_\r\n"),
    (.array([]), "*0\r\n", "*0\r\n"),
    (.set([.integer(0), .integer(1)]), "*2\r\n:0\r\n:1\r\n", "~2\r\n:0\r\n:1\r\n"),
    (
      .map([.init(.integer(0), .boolean(false)), .init(.integer(1), .boolean(true))]),
      "*4\r\n:0\r\n:0\r\n:1\r\n:1\r\n", "%2\r\n:0\r\n#f\r\n:1\r\n#t\r\n"
    ),
    (.double(3.141), "$5\r\n3.141\r\n", ",3.141\r\n"),
    (.double(.infinity), "$3\r\ninf\r\n", ",inf\r\n"),
    (.double(-.infinity), "$4\r\n-inf\r\n", ",-inf\r\n"),
    (
      .bigNumber(Array("1234567999999999999999999999999999999".utf8)),
      "$37\r\n1234567999999999999999999999999999999\r\n",
      "(1234567999999999999999999999999999999\r\n"
    ),
    (
      .verbatim(format: Array("txt".utf8), Array("This is a verbatim\nstring".utf8)),
      "$25\r\nThis is a verbatim\nstring\r\n", "=29\r\ntxt:This is a verbatim\nstring\r\n"
    ),
    (.push([.bulk("a"), .integer(42)]), "*2\r\n$1\r\na\r\n:42\r\n", ">2\r\n$1\r\na\r\n:42\r\n"),
  ])
  func repliesAreWrittenAsRedisDoes(reply: Reply, two: String, three: String) {
    for (version, expected) in [(RESPVersion.two, two), (.three, three)] {
      var writer = ReplyWriter(version: version)
      writer.write(reply)
      #expect(String(decoding: writer.bytes, as: UTF8.self) == expected)
    }
  }

  /// Texts of C's `printf("%.17g")`.
  @Test(arguments: [
    (0.0, "0"), (-0.0, "-0"), (1, "1"), (0.1, "0.10000000000000001"), (100, "100"),
    (1e16, "10000000000000000"), (1e17, "1e+17"), (1e22, "1e+22"), (1e23, "9.9999999999999992e+22"),
    (0.0001, "0.0001"), (0.00001, "1.0000000000000001e-05"), (-2.5, "-2.5"),
    (.greatestFiniteMagnitude, "1.7976931348623157e+308"),
    (.leastNonzeroMagnitude, "4.9406564584124654e-324"),
    (.leastNormalMagnitude, "2.2250738585072014e-308"), (123456789.125, "123456789.125"),
    (0.3, "0.29999999999999999"), (1 / 3.0, "0.33333333333333331"),
    (.nan, "nan"),
  ])
  func doublesHave17Digits(value: Double, text: String) {
    #expect(String(decoding: DoubleText.bytes(value), as: UTF8.self) == text)
  }

  /// 17 digits are enough to tell every double.
  @Test func doublesCanBeReadBack() {
    var random = SeededGenerator(seed: 1)
    for _ in 0..<2000 {
      let value = Double(bitPattern: random.next())
      guard value.isFinite else { continue }
      let text = String(decoding: DoubleText.bytes(value), as: UTF8.self)
      #expect(Double(text) == value, "\(text)")
    }
  }

  @Test(arguments: 0..<200)
  func whatIsWrittenIsRead(seed: Int) throws {
    var random = SeededGenerator(seed: UInt64(seed))
    let replies = (0..<5).map { _ in RandomReply.reply(&random, depth: 3) }
    var writer = ReplyWriter(version: .three)
    for reply in replies { writer.write(reply) }
    var whole = ReplyParser()
    whole.append(writer.bytes)
    var slow = ReplyParser()
    var slowly: [Reply] = []
    for byte in writer.bytes {
      slow.append([byte])
      while let reply = try slow.next() { slowly.append(reply) }
    }
    for reply in replies { #expect(try whole.next() == reply) }
    #expect(try whole.next() == nil)
    #expect(slowly == replies)
  }

  @Test func oldNullsAndAttributesAreRead() throws {
    var parser = ReplyParser()
    parser.append(
      Array("$-1\r\n*-1\r\n|1\r\n+a\r\n*1\r\n:1\r\n*2\r\n|0\r\n:1\r\n:2\r\n!3\r\nERR\r\n".utf8))
    #expect(try parser.next() == .null)
    #expect(try parser.next() == .nullArray)
    #expect(try parser.next() == .array([.integer(1), .integer(2)]))
    #expect(try parser.next() == .error("ERR"))
  }

  @Test(arguments: [
    "x\r\n", ":\r\n", ":1a\r\n", "#x\r\n", "$-2\r\n", "$1\r\nabc", "*-2\r\n", "~-1\r\n", "_1\r\n",
    ",a\r\n", "(\r\n", "(1a\r\n", "=3\r\ntxt\r\n", "\r\n", "$99999999999999999999\r\n",
    "$67108865\r\n", "*4194305\r\n", String(repeating: "*1\r\n", count: 17), "%99999999999\r\n",
  ])
  func badRepliesAreRefused(text: String) {
    var parser = ReplyParser()
    parser.append(Array(text.utf8))
    #expect(throws: ReplyError.self) { try parser.next() }
    parser.append(Array("+OK\r\n".utf8))
    #expect(throws: ReplyError.self) { try parser.next() }
  }
}
