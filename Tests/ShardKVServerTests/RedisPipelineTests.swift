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

  /// However many clients ask for much, the loop comes back to its sockets and timers soon.
  @Test func aTurnBeginsABoundedNumberOfRequests() throws {
    var seat = try Seat()
    try seat.follow()
    let clients = (1...20).map { seat.table.redis($0) }
    let pings = Array(String(repeating: "PING\r\n", count: 200).utf8)
    let pong = "+PONG\r\n"
    seat.table.take(clients.map { .link(.received($0, pings)) })
    let most = RedisSettings().requestsPerTurnMax + 200
    #expect(seat.table.mostSentBytes <= most * pong.utf8.count)
    for client in clients {
      #expect(seat.table.text(on: client) == String(repeating: pong, count: 200))
    }
  }

  @Test func whoAsksForLittleDoesNotWaitForTheEndOfALongPipeline() throws {
    var seat = try Seat()
    try seat.follow()
    let (long, short) = (seat.table.redis(1), seat.table.redis(2))
    let pings = Array(String(repeating: "PING\r\n", count: 10_000).utf8)
    seat.table.sendAndStop([
      .link(.received(long, pings)), .link(.received(short, Array("PING\r\n".utf8))),
    ])
    #expect(seat.table.text(on: short) == "")
    seat.table.sendAndStop([])
    #expect(seat.table.text(on: short) == "+PONG\r\n")
    #expect(seat.table.text(on: long).utf8.count < 70_000)
  }

  /// Small commands take as long to apply as larger ones.
  @Test func aTurnAppliesABoundedNumberOfCommands() throws {
    var seat = try Seat()
    let term = try seat.lead()
    let clients = (1...20).map { seat.table.redis($0) }
    let sets = Array(String(repeating: "SET a 1\r\n", count: 100).utf8)
    seat.table.take(clients.map { .link(.received($0, sets)) })
    let last = seat.table.node.raft.lastIndex.rawValue
    #expect(last >= seat.table.node.applied.rawValue + 20)
    try seat.acknowledge(last, term: term)
    #expect(1...10 ~= seat.table.mostApplied)
    for client in clients {
      #expect(seat.table.text(on: client) == String(repeating: "+OK\r\n", count: 100))
    }
  }

  /// Requests that wait for their turn close nobody, however many there are.
  @Test func whoSendsMuchWaitsWhenAllTogetherHoldMuch() throws {
    var settings = NodeSettings()
    settings.redis.inputTotalMax = 200_000
    var seat = try Seat(settings: settings)
    try seat.follow()
    let clients = (1...8).map { seat.table.redis($0) }
    let pings = Array(String(repeating: "PING\r\n", count: 3_000).utf8)
    var left = clients.map { ($0, 10) }
    while let place = left.firstIndex(where: { !seat.table.paused.contains($0.0) }) {
      let (client, count) = left.remove(at: place)
      seat.table.sendAndStop([.link(.received(client, pings))])
      if count > 1 { left.append((client, count - 1)) }
      while !left.isEmpty, left.allSatisfy({ seat.table.paused.contains($0.0) }) {
        seat.table.sendAndStop([])
      }
    }
    seat.table.take([])
    #expect(seat.table.closed.isEmpty)
    for client in clients { #expect(seat.table.text(on: client).utf8.count == 30_000 * 7) }
  }
}
