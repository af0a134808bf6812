import Basics
import Testing

@testable import RESP

/// What a parser made of a stream: its requests, and the error that ended it.
struct Parsed: Equatable {
  var requests: [[[UInt8]]] = []
  var failure: ProtocolError?

  init(_ pieces: [[UInt8]], limits: RequestLimits) {
    var parser = RequestParser(limits: limits)
    for piece in pieces {
      parser.append(piece)
      do throws(ProtocolError) {
        while let request = try parser.next() { requests.append(request) }
      } catch {
        failure = error
      }
    }
  }

  init(_ text: String, limits: RequestLimits = .known) {
    self.init([Array(text.utf8)], limits: limits)
  }

  var texts: [[String]] {
    requests.map { $0.map { String(decoding: $0, as: UTF8.self) } }
  }

  var reply: String? {
    failure?.reply.map { String(decoding: $0, as: UTF8.self) }
  }
}

@Suite struct RequestParserTests {
  @Test func aPipelineIsCutIntoRequests() {
    let parsed = Parsed(
      "*2\r\n$3\r\nGET\r\n$1\r\na\r\n*1\r\n$4\r\nPING\r\nECHO \"a b\"\r\nPING\n*1\r\n$4")
    #expect(parsed.texts == [["GET", "a"], ["PING"], ["ECHO", "a b"], ["PING"]])
    #expect(parsed.failure == nil)
  }

  @Test(arguments: [
    "\r\n", "\n", "   \r\n", "*-10\r\n", "*0\r\n", "*-1\r\n", "\t\u{0B}\u{0C} \r\n",
  ])
  func emptyRequestsAreIgnored(text: String) {
    #expect(Parsed(text + "PING\r\n").texts == [["PING"]])
    #expect(Parsed(text + "*1\r\n$4\r\nPING\r\n").texts == [["PING"]])
  }

  /// The inputs of Redis' own tests and those that every front door has to survive.
  @Test(arguments: [
    ("*3000000000\r\n", "invalid multibulk length"),
    ("*1048577\r\n", "invalid multibulk length"),
    ("*9223372036854775808\r\n", "invalid multibulk length"),
    ("*\r\n", "invalid multibulk length"), ("*+1\r\n", "invalid multibulk length"),
    ("*01\r\n", "invalid multibulk length"), ("*x\r\n", "invalid multibulk length"),
    ("*3\r\n$3\r\nSET\r\n$1\r\nx\r\nfooz\r\n", "expected '$', got 'f'"),
    ("*1\r\nfoo\r\n", "expected '$', got 'f'"), ("*1\r\n\r\n", "expected '$', got ' '"),
    ("*1\r\n*1\r\n$4\r\nPING\r\n", "expected '$', got '*'"),
    ("*1\r\n:1\r\n", "expected '$', got ':'"),
    ("*1\r\n$-10\r\n", "invalid bulk length"), ("*1\r\n$2000000000\r\n", "invalid bulk length"),
    ("*1\r\n$blabla\r\n", "invalid bulk length"), ("*1\r\n$+5\r\n", "invalid bulk length"),
    ("*1\r\n$ 5\r\n", "invalid bulk length"), ("*1\r\n$05\r\n", "invalid bulk length"),
    ("*1\r\n$-0\r\n", "invalid bulk length"), ("*1\r\n$-1\r\n", "invalid bulk length"),
    ("*1\r\n$1048577\r\n", "invalid bulk length"), ("*1\r\n$\r\n", "invalid bulk length"),
    ("*1\r\n$9223372036854775807\r\n", "invalid bulk length"),
    ("*1\r\n$9223372036854775808\r\n", "invalid bulk length"),
    ("SET a \"b\r\n", "unbalanced quotes in request"),
    ("SET a 'b\r\n", "unbalanced quotes in request"),
    ("\"a\"b\r\n", "unbalanced quotes in request"),
    ("'a'b\r\n", "unbalanced quotes in request"),
  ])
  func badBytesEndTheConnection(text: String, error: String) {
    let parsed = Parsed("PING\r\n" + text)
    #expect(parsed.texts == [["PING"]])
    #expect(parsed.reply == "ERR Protocol error: \(error)")
  }

  @Test(arguments: [
    ("\0", "too big inline request"), ("*\0", "too big mbulk count string"),
    ("*1\r\n$\0", "too big bulk count string"), ("x", "too big inline request"),
    ("*1", "too big mbulk count string"), ("*1\r\n$1", "too big bulk count string"),
  ])
  func aLineWithoutAnEndEndsTheConnection(start: String, error: String) {
    let line = start.utf8.count - (start.hasPrefix("*1\r\n") ? 4 : 0)
    let filler = String(repeating: "A", count: 65536 - line)
    #expect(Parsed(start + filler).failure == nil)
    #expect(Parsed(start + filler + "A").reply == "ERR Protocol error: \(error)")
    if start.utf8.contains(0) {
      #expect(Parsed("\(start)\r\n\(filler)").reply == "ERR Protocol error: \(error)")
    }
  }

  @Test func aLineOf64KiBIsRead() {
    let word = String(repeating: "a", count: 65535)
    #expect(Parsed(word + "\r\n").texts == [[word]])
    #expect(Parsed(word + "a\n").texts == [[word + "a"]])
    #expect(Parsed(word + "a\r\n").reply == "ERR Protocol error: too big inline request")
  }

  @Test(arguments: [
    (#"SET "a\x41\n\r\t\b\a\"\\\q" ' b\'c\n'"#, ["SET", "aA\n\r\t\u{8}\u{7}\"\\q", " b'c\\n"]),
    (#"a"b c""#, ["ab c"]), (#"a'b c'"#, ["ab c"]), (#""" ''"#, ["", ""]),
    (#""\x4" "\xg1""#, ["x4", "xg1"]), (#"a\nb"#, ["a\\nb"]),
    ("a\u{0B}b\u{0C} c", ["a\u{0B}b\u{0C}", "c"]),
  ])
  func linesAreQuotedAsRedisDoes(line: String, arguments: [String]) {
    #expect(Parsed(line + "\r\n").texts == [arguments])
  }

  @Test func hexadecimalBytesNeedNotBeText() {
    #expect(Parsed("\"\\xff\\x00\"\r\n").requests == [[[0xFF, 0]]])
  }

  @Test func whatFollowsAnArgumentIsNotLookedAt() {
    #expect(Parsed("*2\rx$1\r!axx$0\r\n\r\n").texts == [["a", ""]])
  }

  @Test(arguments: [
    "POST / HTTP/1.1\r\n", "post x\r\n", "Host: example.org\r\n", "*1\r\n$5\r\nhOST:\r\n",
    "GET / HTTP/1.1\r\nHost: localhost:7311\r\n",
  ])
  func anotherProtocolEndsTheConnectionWithoutAWord(text: String) {
    let parsed = Parsed(text)
    #expect(parsed.failure == .anotherProtocol)
    #expect(parsed.reply == nil)
  }

  @Test func strangersMaySendLittle() {
    func reply(_ text: String) -> String? { Parsed(text, limits: .stranger).reply }
    let count = "ERR Protocol error: unauthenticated multibulk length"
    let length = "ERR Protocol error: unauthenticated bulk length"
    #expect(reply("*100\r\n") == count)
    #expect(reply("*11\r\n") == count)
    #expect(reply("*10\r\n") == nil)
    #expect(reply("*1\r\n$100000000\r\n") == length)
    #expect(reply("*1\r\n$4097\r\n") == length)
    #expect(reply("*1\r\n$4096\r\n") == nil)
    #expect(reply("*3000000000\r\n") == "ERR Protocol error: invalid multibulk length")
    #expect(reply("*1\r\n$2000000000\r\n") == "ERR Protocol error: invalid bulk length")
    let argument = "$4096\r\n" + String(repeating: "a", count: 4096) + "\r\n"
    let parsed = Parsed("*9\r\n" + String(repeating: argument, count: 4), limits: .stranger)
    #expect(parsed.failure == .requestTooLong)
  }

  @Test func limitsCanChangeBetweenRequests() throws {
    var parser = RequestParser(limits: .stranger)
    parser.append(Array("*1\r\n$4\r\nAUTH\r\n*11\r\n".utf8))
    #expect(try parser.next() == [Array("AUTH".utf8)])
    parser.limits = .known
    #expect(try parser.next() == nil)
    parser.append(Array(String(repeating: "$1\r\na\r\n", count: 11).utf8))
    #expect(try parser.next()?.count == 11)
    #expect(parser.bufferedBytes == 0)
  }

  @Test func whatIsAnnouncedTakesNoMemory() throws {
    var parser = RequestParser(limits: .known)
    parser.append(Array("*1048576\r\n$1048576\r\n".utf8))
    #expect(try parser.next() == nil)
    #expect(parser.bufferedBytes < 64)
  }

  @Test func anErrorStays() {
    var parser = RequestParser(limits: .known)
    parser.append(Array("*x\r\n".utf8))
    #expect(throws: ProtocolError.badArgumentCount) { try parser.next() }
    parser.append(Array("PING\r\n".utf8))
    #expect(throws: ProtocolError.badArgumentCount) { try parser.next() }
  }

  @Test func numbersAreStrict() {
    let good: [(String, Int64)] = [
      ("0", 0), ("7", 7), ("-7", -7), ("9223372036854775807", .max), ("-9223372036854775808", .min),
    ]
    for (text, value) in good { #expect(strictInteger(Array(text.utf8)) == value) }
    for text in [
      "", "-", "+1", "01", "-0", "-01", " 1", "1 ", "1a", "9223372036854775808",
      "-9223372036854775809", "99999999999999999999", "100000000000000000000",
    ] {
      #expect(strictInteger(Array(text.utf8)) == nil, "\(text)")
    }
    #expect(strictInteger([0x31], in: 0..<2) == nil)
  }
}
