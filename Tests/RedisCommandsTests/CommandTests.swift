import Basics
import RESP
import Testing

@testable import RedisCommands

/// Stories with the replies of Redis 7.0; random ones are in `OracleTests`.
@Suite struct CommandTests {
  private func replies(_ lines: [String], at now: Int64? = nil) -> [String] {
    var store = ModelStore()
    return lines.map { line in
      if line.hasPrefix("+") {
        store.now += Int64(line.dropFirst()) ?? 0
        return line
      }
      var writer = ReplyWriter()
      writer.write(store.run(line))
      return String(decoding: writer.bytes, as: UTF8.self)
        .split(separator: "\r\n").joined(separator: " ")
    }
  }

  @Test func aKeyLivesUpToItsDeadline() {
    let story = ["SET a b PX 100", "+100", "GET a", "PTTL a", "+1", "GET a", "PTTL a"]
    #expect(replies(story) == ["+OK", "+100", "$1 b", ":0", "+1", "$-1", ":-2"])
  }

  @Test func deadlinesSurviveChangesOfTheValueOnly() {
    let story = ["SET a 1 EX 10", "INCR a", "APPEND a 0", "TTL a", "SET a 2 KEEPTTL", "TTL a"]
    #expect(replies(story) == ["+OK", ":2", ":2", ":10", "+OK", ":10"])
    #expect(replies(["SET a 1 EX 10", "SET a 2", "TTL a"]) == ["+OK", "+OK", ":-1"])
    #expect(replies(["SET a 1 EX 10", "GETSET a 2", "TTL a"]) == ["+OK", "$1 1", ":-1"])
    #expect(
      replies(["SET a 1 EX 10", "RENAME a b", "TTL b", "COPY b c", "TTL c"])
        == ["+OK", "+OK", ":10", ":1", ":10"])
  }

  @Test func aDeadlineThatIsOverDeletes() {
    let story = ["SET a b", "EXPIRE a 0", "EXISTS a", "SET a b", "GETEX a PXAT 1", "GET a"]
    #expect(replies(story) == ["+OK", ":1", ":0", "+OK", "$1 b", "$-1"])
    #expect(replies(["SET a b", "SET a c PXAT 1", "GET a"]) == ["+OK", "+OK", "$-1"])
  }

  @Test func conditionsOfExpireAreKept() {
    let story = [
      "SET a b", "EXPIRE a 10 GT", "EXPIRE a 10 XX", "EXPIRE a 10 LT", "EXPIRE a 10 NX",
      "EXPIRE a 9 GT", "EXPIRE a 11 GT", "EXPIRE a 12 LT", "EXPIRE a 5 LT", "PTTL a",
    ]
    let answers = ["+OK", ":0", ":0", ":1", ":0", ":0", ":1", ":0", ":1", ":5000"]
    #expect(replies(story) == answers)
  }

  @Test(arguments: [
    ("SET a b EX 0", "-ERR invalid expire time in 'set' command"),
    ("SET a b EX x", "-ERR value is not an integer or out of range"),
    ("SET a b EX", "-ERR syntax error"), ("SET a b NX XX", "-ERR syntax error"),
    ("SET a b EX 1 KEEPTTL", "-ERR syntax error"), ("SET a b EX 1 PX 1", "-ERR syntax error"),
    ("SET a b PX 9223372036854775807", "-ERR invalid expire time in 'set' command"),
    ("PSETEX a -1 b", "-ERR invalid expire time in 'psetex' command"),
    ("GETEX a EX 0", "$-1"), ("GETEX a EX x", "$-1"), ("GETEX a KEEPTTL", "-ERR syntax error"),
    ("DECRBY a -9223372036854775808", "-ERR decrement would overflow"),
    ("SETRANGE a -1 b", "-ERR offset is out of range"), ("BITCOUNT a x", ":0"),
    (
      "SETRANGE a 1048576 b", "-ERR string exceeds maximum allowed size (proto-max-bulk-len)"
    ),
    ("SETBIT a -1 1", "-ERR bit offset is not an integer or out of range"),
    ("SETBIT a 8388608 1", "-ERR bit offset is not an integer or out of range"),
    ("SETBIT a 1 2", "-ERR bit is not an integer or out of range"),
    ("EXPIRE a 1 NX GT", "-ERR NX and XX, GT or LT options at the same time are not compatible"),
    ("EXPIRE a 1 GT LT", "-ERR GT and LT options at the same time are not compatible"),
    ("EXPIRE a 1 no", "-ERR Unsupported option no"), ("RENAME a b", "-ERR no such key"),
    ("COPY a a", "-ERR source and destination objects are the same"),
    ("COPY a b DB 1", "-ERR DB index is out of range"),
    ("MSET a b c", "-ERR wrong number of arguments for 'mset' command"),
    ("INCRBYFLOAT a nan", "-ERR value is not a valid float"),
    ("INCRBYFLOAT a inf", "-ERR increment would produce NaN or Infinity"),
    (
      "LCS a b LEN IDX",
      "-ERR If you want both the length and indexes, please just use IDX."
    ),
  ])
  func refusalsHaveRedisTexts(line: String, reply: String) {
    #expect(replies([line]) == [reply])
  }

  @Test func numbersOverflowAsInRedis() {
    let story = ["SET a 9223372036854775807", "INCR a", "DECR a", "SET a x", "INCR a"]
    let overflow = "-ERR increment or decrement would overflow"
    #expect(
      replies(story)
        == [
          "+OK", overflow, ":9223372036854775806", "+OK",
          "-ERR value is not an integer or out of range",
        ])
  }

  @Test(arguments: [
    ("0.1", "0.2", "0.3"), ("3.0e3", "200", "3200"), ("10.5", "0.1", "10.6"),
    ("5.0e3", "-5e3", "0"),
    ("0x1p-2", "0", "0.25"), ("1e-4940", "0", "0"), ("-0", "0", "0"), ("1", "1e-18", "1"),
    ("9007199254740993", "0.5", "9007199254740993.5"),
    ("17179869184", "1.5", "17179869185.5"), ("1e30", "1", "1000000000000000000024696061952"),
    ("0x1.fffffffffffffffffffp5", "0", "64"),
    ("1.17", "0.00000000000000001", "1.17000000000000001"),
  ])
  func fractionsAreCountedIn80Bits(value: String, addend: String, sum: String) {
    let found = replies(["SET a \(value)", "INCRBYFLOAT a \(addend)", "GET a"])
    #expect(found == ["+OK", "$\(sum.utf8.count) \(sum)", "$\(sum.utf8.count) \(sum)"])
  }

  @Test func keysNamedTwiceAreCountedAsRedisDoes() {
    let story = ["MSET a 1 a 2", "GET a", "EXISTS a a", "MGET a b", "DEL a a", "EXISTS a"]
    #expect(replies(story) == ["+OK", "$1 2", ":2", "*2 $1 2 $-1", ":1", ":0"])
    #expect(replies(["SET a 1", "MSETNX b 1 a 2", "GET b"]) == ["+OK", ":0", "$-1"])
  }

  @Test func theLongestCommonPartIsFound() {
    let story = [
      "MSET a ohmytext b mynewtext", "LCS a b", "LCS a b LEN",
      "LCS a b IDX MINMATCHLEN 4 WITHMATCHLEN",
    ]
    #expect(
      replies(story)
        == [
          "+OK", "$6 mytext", ":6",
          "*4 $7 matches *1 *3 *2 :4 :7 *2 :5 :8 :4 $3 len :6",
        ])
  }

  @Test func theTableOfTheLongestCommonPartIsBounded() {
    var store = ModelStore()
    for key in ["a", "b"] {
      _ = store.run([Array("SET".utf8), Array(key.utf8), [UInt8](repeating: 1, count: 512)])
    }
    #expect(store.run("LCS a b LEN").isError)
  }
}
