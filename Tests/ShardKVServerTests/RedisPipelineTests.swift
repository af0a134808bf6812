import ShardKV
import ShardKVServer
import ShardMap
import Testing
import Wire

/// Redis clients that ask for much at once, and perhaps do not read it.
@Suite struct RedisPipelineTests {
  /// More than the replies of one piece of work may have is asked for in several.
  @Test func aPipelineMayAskForMoreThanFitsIntoOneAnswer() throws {
    var seat = try Seat()
    let term = try seat.lead()
    let client = seat.table.redis(1)
    let value = String(repeating: "v", count: Limits.valueBytesMax)
    seat.table.receive(
      Array("*3\r\n$3\r\nSET\r\n$1\r\na\r\n$\(value.count)\r\n\(value)\r\n".utf8), on: client)
    let written = seat.table.node.raft.lastIndex.rawValue
    try seat.acknowledge(written, term: term)
    #expect(seat.table.text(on: client) == "+OK\r\n")
    let count = 2 * MachineLimits().replyBytesMax / value.count + 1
    seat.table.receive(
      Array((String(repeating: "GET a\r\n", count: count) + "PING\r\n").utf8), on: client)
    var answer = ""
    for part in 1...3 {
      #expect(!answer.hasSuffix("+PONG\r\n"), "part \(part)")
      try seat.acknowledge(written, term: term)
      answer += seat.table.text(on: client)
    }
    let one = "$\(value.count)\r\n\(value)\r\n"
    #expect(answer == String(repeating: one, count: count) + "+PONG\r\n")
  }

  @Test func nothingIsBegunForWhomDoesNotReadItsAnswers() throws {
    var seat = try Seat()
    let term = try seat.lead()
    let client = seat.table.redis(1)
    let last = seat.table.node.raft.lastIndex.rawValue
    #expect(seat.ask("GET a", on: client) == "")
    seat.table.take([.link(.congested(client, true))])
    #expect(seat.ask("PING", "SET a 2", on: client) == "")
    try seat.acknowledge(last, term: term)
    #expect(seat.table.text(on: client) == "$1\r\n\u{1}\r\n")
    seat.table.pass(milliseconds: 200)
    #expect(seat.table.text(on: client) == "" && !seat.table.closed.contains(client))
    seat.table.take([.link(.congested(client, false))])
    #expect(seat.table.text(on: client) == "+PONG\r\n")
    #expect(seat.table.node.raft.lastIndex.rawValue == last + 1)
  }

  /// The loop has to tell that nobody reads before more is answered.
  @Test func aTurnAnswersABoundedNumberOfBytes() throws {
    var seat = try Seat()
    try seat.follow()
    let client = seat.table.redis(1)
    let one = seat.ask("COMMAND", on: client)
    let count = 4 * (1 << 20) / one.utf8.count
    seat.table.receive(
      Array((String(repeating: "COMMAND\r\n", count: count) + "PING\r\n").utf8), on: client)
    #expect(seat.table.largestTurnBytes < 2 << 20)
    let answer = seat.table.text(on: client)
    #expect(answer.hasSuffix("+PONG\r\n"))
    #expect(answer.utf8.count == count * one.utf8.count + "+PONG\r\n".utf8.count)
  }
}
