import Basics
import Raft
import ShardKV
import ShardKVServer
import ShardMap
import Testing
import Wire

/// Redis clients of a node: what they are answered, in which order, and what becomes of their
/// requests when leadership, shards or time change.
@Suite struct RedisPortTests {
  private static let moved = "-MOVED 15495 127.0.0.1:7312\r\n"

  @Test func whatConcernsTheConnectionIsAnsweredAtOnce() throws {
    var seat = try Seat()
    let client = seat.table.redis(1)
    #expect(seat.ask("PING", "ECHO hi", on: client) == "+PONG\r\n$2\r\nhi\r\n")
    #expect(
      seat.ask("NONSENSE 1", on: client)
        == "-ERR unknown command 'NONSENSE', with args beginning with: '1' \r\n")
    #expect(seat.ask("QUIT", on: client) == "+OK\r\n")
    #expect(seat.table.closed.contains(client))
  }

  @Test func followerSendsClientsToItsLeader() throws {
    var seat = try Seat()
    try seat.follow()
    let client = seat.table.redis(1)
    #expect(seat.ask("GET a", "SET a 1", on: client) == Self.moved + Self.moved)
    #expect(seat.ask("READONLY", "GET a", on: client) == "+OK\r\n$1\r\n\u{1}\r\n")
    #expect(seat.ask("SET a 2", on: client) == Self.moved)
    #expect(
      seat.ask("FLUSHALL", on: client)
        == "-READONLY You can't write against a read only replica.\r\n")
    #expect(
      seat.ask("MGET a b", on: client)
        == "-CROSSSLOT Keys in request don't hash to the same slot\r\n")
  }

  @Test func pipelineWithAWriteIsOneEntryAndAnsweredInOrder() throws {
    var seat = try Seat()
    let term = try seat.lead()
    let client = seat.table.redis(1)
    let before = seat.table.node.raft.lastIndex
    #expect(
      seat.ask("SET a 1", "GET a", "INCR a", "PING", "APPEND a x", "NONSENSE", on: client) == "")
    let last = seat.table.node.raft.lastIndex
    #expect(last.rawValue == before.rawValue + 1)
    try seat.acknowledge(last.rawValue, term: term)
    #expect(
      seat.table.text(on: client)
        == "+OK\r\n$1\r\n1\r\n:2\r\n+PONG\r\n:2\r\n-ERR unknown command 'NONSENSE', with args "
        + "beginning with: \r\n")
  }

  /// What is sent while a write is under way waits for it, and sees it.
  @Test func requestsBehindOneThatIsUnderWayWait() throws {
    var seat = try Seat()
    let term = try seat.lead()
    let client = seat.table.redis(1)
    #expect(seat.ask("SET a 1", on: client) == "")
    #expect(seat.ask("SET a 2", "PING", on: client) == "")
    let first = seat.table.node.raft.lastIndex.rawValue
    try seat.acknowledge(first, term: term)
    #expect(seat.table.text(on: client) == "+OK\r\n")
    #expect(seat.table.node.raft.lastIndex.rawValue == first + 1)
    try seat.acknowledge(first + 1, term: term)
    #expect(seat.table.text(on: client) == "+OK\r\n+PONG\r\n")
  }

  @Test func readsTakeNoEntryAndWaitForTheirConfirmation() throws {
    var seat = try Seat()
    let term = try seat.lead()
    let client = seat.table.redis(1)
    let last = seat.table.node.raft.lastIndex.rawValue
    #expect(seat.ask("GET a", "STRLEN a", "EXISTS a a", on: client) == "")
    #expect(seat.table.node.raft.lastIndex.rawValue == last)
    try seat.acknowledge(last, term: term)
    #expect(seat.table.text(on: client) == "$1\r\n\u{1}\r\n:1\r\n:2\r\n")
  }

  /// The write may be in another leader's log: it is not sent again, and the client is told.
  @Test func lostLeadershipLeavesAWriteUnknownAndSendsAReadOn() throws {
    var seat = try Seat()
    let term = try seat.lead()
    let (writer, reader) = (seat.table.redis(1), seat.table.redis(2))
    #expect(seat.ask("INCR n{a}", on: writer) == "")
    #expect(seat.ask("GET a", on: reader) == "")
    seat.table.take([
      try seat.mail(
        4, term: term + 1, Seat.append(after: Seat.id(2, 1), commit: 2))
    ])
    let answer = seat.table.text(on: writer)
    #expect(answer.hasPrefix("-ERR outcome unknown: "))
    seat.table.pass(milliseconds: 20)
    #expect(seat.table.text(on: reader) == Self.moved)
    #expect(seat.ask("PING", on: writer) == "+PONG\r\n")
  }

  @Test func requestsWaitForALeaderAndNotForEver() throws {
    var seat = try Seat()
    try seat.follow()
    let client = seat.table.redis(1)
    // Nobody is heard of any more, and nobody votes.
    seat.table.pass(milliseconds: 3_000)
    #expect(seat.ask("GET a", on: client) == "")
    seat.table.pass(milliseconds: 1_900)
    #expect(seat.table.text(on: client) == "")
    seat.table.pass(milliseconds: 200)
    #expect(seat.table.text(on: client) == "-CLUSTERDOWN The cluster is down\r\n")
  }

  /// Nobody writes: the leader itself moves the clock on, and the key is gone on all replicas.
  @Test func keysExpireWithoutWrites() throws {
    var seat = try Seat()
    let term = try seat.lead()
    let client = seat.table.redis(1)
    var last = seat.table.node.raft.lastIndex.rawValue
    try seat.acknowledge(last, term: term, wall: seat.table.now.wall)
    _ = seat.ask("SET a 1 PX 100", on: client)
    last += 1
    try seat.acknowledge(last, term: term, wall: seat.table.now.wall)
    #expect(seat.table.text(on: client) == "+OK\r\n")
    seat.table.pass(milliseconds: 50)
    _ = seat.ask("PTTL a", on: client)
    try seat.acknowledge(last, term: term, wall: seat.table.now.wall)
    #expect(seat.table.text(on: client) == ":50\r\n")
    seat.table.pass(milliseconds: 60)
    #expect(seat.table.node.raft.lastIndex.rawValue == last + 1)
    last += 1
    // A read that comes before the clock's entry is committed waits for it.
    #expect(seat.ask("EXISTS a", on: client) == "")
    try seat.acknowledge(last, term: term, wall: seat.table.now.wall)
    seat.table.take([])
    #expect(seat.table.text(on: client) == ":0\r\n")
    _ = seat.ask("DBSIZE", on: client)
    try seat.acknowledge(last, term: term, wall: seat.table.now.wall)
    #expect(seat.table.text(on: client) == ":0\r\n")
  }

  @Test func transactionIsCarriedOutIfNothingChanged() throws {
    var seat = try Seat()
    let term = try seat.lead()
    let (first, second) = (seat.table.redis(1), seat.table.redis(2))
    func acknowledge(_ seat: inout Seat) throws {
      try seat.acknowledge(seat.table.node.raft.lastIndex.rawValue, term: term)
    }
    for interferes in [false, true] {
      _ = seat.ask("WATCH a", on: first)
      try acknowledge(&seat)
      #expect(seat.table.text(on: first) == "+OK\r\n")
      if interferes {
        _ = seat.ask("SET a 9", on: second)
        try acknowledge(&seat)
        #expect(seat.table.text(on: second) == "+OK\r\n")
      }
      #expect(
        seat.ask("MULTI", "SET a 5", "INCR a", "EXEC", on: first)
          == "+OK\r\n+QUEUED\r\n+QUEUED\r\n")
      try acknowledge(&seat)
      #expect(seat.table.text(on: first) == (interferes ? "*-1\r\n" : "*2\r\n+OK\r\n:6\r\n"))
    }
  }

  @Test func scanFindsAllKeysInPieces() throws {
    var seat = try Seat()
    let term = try seat.lead()
    let client = seat.table.redis(1)
    for key in 0..<40 { _ = seat.ask("SET k\(key) 1", on: client) }
    // They wait for each other, so each is acknowledged on its own.
    for _ in 0..<40 {
      try seat.acknowledge(seat.table.node.raft.lastIndex.rawValue, term: term)
    }
    _ = seat.table.text(on: client)
    var cursor = "0"
    var found: Set<String> = []
    var rounds = 0
    repeat {
      _ = seat.ask("SCAN \(cursor) COUNT 7 MATCH k*", on: client)
      try seat.acknowledge(seat.table.node.raft.lastIndex.rawValue, term: term)
      let lines = seat.table.text(on: client).split(separator: "\r\n")
      let words = lines.filter { !"*$".contains($0.first ?? "*") }.map(String.init)
      cursor = try #require(words.first)
      found.formUnion(words.dropFirst())
      rounds += 1
    } while cursor != "0" && rounds < 50
    #expect(found.count == 40 && rounds > 5)
  }

  // Protection.

  @Test func withoutAPasswordOnlyThisMachineIsServed() throws {
    var seat = try Seat()
    let stranger = seat.table.redis(1, from: "192.0.2.7")
    let denial = seat.table.text(on: stranger)
    #expect(denial.hasPrefix("-DENIED "))
    #expect(seat.table.closed.contains(stranger))
    for host in ["127.9.9.9", "[::1]", "[::ffff:127.0.0.1]"] {
      let client = seat.table.redis(2, from: host)
      #expect(seat.ask("PING", on: client) == "+PONG\r\n")
      seat.table.take([.link(.closed(client, reason: ""))])
    }
  }

  @Test func connectionsAreLimitedInAllAndByAddress() throws {
    var settings = NodeSettings()
    settings.redis.password = Array("secret".utf8)
    settings.redis.clientsMax = 4
    settings.redis.clientsPerAddressMax = 2
    var seat = try Seat(settings: settings)
    let full = "-ERR max number of clients reached\r\n"
    let crowd = (1...3).map { seat.table.redis($0, from: "192.0.2.7") }
    #expect(crowd.map { seat.table.text(on: $0) } == ["", "", full])
    let local = (4...6).map { seat.table.redis($0) }
    #expect(local.map { seat.table.text(on: $0) } == ["", "", full])
    // One that goes makes room.
    seat.table.take([.link(.closed(crowd[0], reason: "gone"))])
    let next = seat.table.redis(7, from: "192.0.2.7")
    #expect(seat.ask("PING", on: next) == "-NOAUTH Authentication required.\r\n")
    let wrong = seat.ask("AUTH wrong", on: next)
    #expect(wrong.hasPrefix("-WRONGPASS "))
    #expect(seat.ask("AUTH secret", "PING", on: next) == "+OK\r\n+PONG\r\n")
  }

  @Test func strangersMaySendLittleAndNotForLong() throws {
    var settings = NodeSettings()
    settings.redis.password = Array("secret".utf8)
    var seat = try Seat(settings: settings)
    let client = seat.table.redis(1)
    #expect(
      seat.ask("*11", on: client) == "-ERR Protocol error: unauthenticated multibulk length\r\n")
    #expect(seat.table.closed.contains(client))
    let slow = seat.table.redis(2)
    seat.table.pass(milliseconds: 9_900)
    #expect(!seat.table.closed.contains(slow))
    seat.table.pass(milliseconds: 700)
    #expect(seat.table.closed.contains(slow))
  }

  @Test func whoGuessesPasswordsIsClosed() throws {
    var settings = NodeSettings()
    settings.redis.password = Array("secret".utf8)
    var seat = try Seat(settings: settings)
    let client = seat.table.redis(1)
    for _ in 1..<settings.redis.wrongPasswordsMax { _ = seat.ask("AUTH guess", on: client) }
    #expect(!seat.table.closed.contains(client))
    let last = seat.ask("AUTH guess", on: client)
    #expect(last.hasPrefix("-WRONGPASS ") && seat.table.closed.contains(client))
  }

  /// A byte a second keeps nobody connected, and does not let others wait.
  @Test func requestThatDoesNotBecomeCompleteEndsItsConnection() throws {
    var seat = try Seat()
    let (slow, idle) = (seat.table.redis(1), seat.table.redis(2))
    seat.table.receive(Array("*1\r\n$4\r\n".utf8), on: slow)
    for byte in "PING".utf8.prefix(3) {
      seat.table.pass(milliseconds: 1_000)
      seat.table.receive([byte], on: slow)
      #expect(seat.ask("PING", on: idle) == "+PONG\r\n")
    }
    seat.table.pass(milliseconds: 8_000)
    #expect(seat.table.closed.contains(slow))
    seat.table.pass(milliseconds: 200)
    #expect(!seat.table.closed.contains(idle))
  }

  @Test func whoSendsTooMuchWhileItWaitsIsNotReceivedFrom() throws {
    var seat = try Seat()
    let term = try seat.lead()
    let client = seat.table.redis(1)
    #expect(seat.ask("SET a 1", on: client) == "")
    let more = Array(String(repeating: "PING\r\n", count: 200_000).utf8)
    seat.table.receive(more, on: client)
    #expect(seat.table.paused.contains(client))
    try seat.acknowledge(seat.table.node.raft.lastIndex.rawValue, term: term)
    #expect(!seat.table.paused.contains(client))
    let all = seat.table.text(on: client)
    #expect(all.utf8.count == 5 + 200_000 * 7)
  }

  /// A turn ends while requests are left, so that neither heartbeats nor other clients wait.
  @Test func longPipelineIsReadInSeveralTurns() throws {
    var seat = try Seat()
    let client = seat.table.redis(1)
    seat.table.receive(Array(String(repeating: "PING\r\n", count: 10_000).utf8), on: client)
    #expect(seat.table.text(on: client).utf8.count == 70_000)
    // Once as they come, and once at the end of that turn.
    #expect(seat.table.largestTurnBytes <= 2 * 2_048 * 7)
  }

  /// An entry that fits into no frame would end the leader that sends it.
  @Test func longKeysThatAreWatchedDoNotMakeAnEntryTooLong() throws {
    var seat = try Seat()
    let term = try seat.lead()
    let client = seat.table.redis(1)
    let tail = String(repeating: "x", count: 60_000)
    for number in 0..<150 {
      _ = seat.ask("WATCH {a}\(number)\(tail)", on: client)
      try seat.acknowledge(seat.table.node.raft.lastIndex.rawValue, term: term)
      #expect(seat.table.text(on: client) == "+OK\r\n")
    }
    let answer = seat.ask("MULTI", "SET {a} 1", "EXEC", on: client)
    #expect(answer.hasPrefix("+OK\r\n+QUEUED\r\n-ERR the keys and arguments are too long"))
    #expect(seat.ask("PING", on: client) == "+PONG\r\n")
  }

  @Test func badBytesEndOneConnectionWithRedisWords() throws {
    var seat = try Seat()
    for (bytes, answer) in [
      ("*3000000000\r\n", "-ERR Protocol error: invalid multibulk length\r\n"),
      ("*3\r\nfooz\r\n", "-ERR Protocol error: expected '$', got 'f'\r\n"),
      ("POST / HTTP/1.1\r\n", ""),
      (
        "PING\r\n*1\r\n$-10\r\n",
        "+PONG\r\n-ERR Protocol error: invalid bulk length\r\n"
      ),
    ] {
      let client = seat.table.redis(1)
      let other = seat.table.redis(2)
      seat.table.receive(Array(bytes.utf8), on: client)
      #expect(seat.table.text(on: client) == answer)
      #expect(seat.ask("PING", on: other) == "+PONG\r\n")
      seat.table.take([.link(.closed(other, reason: "gone"))])
    }
  }

  @Test func clusterIsTold() throws {
    var seat = try Seat()
    try seat.follow()
    let client = seat.table.redis(1)
    let slots = seat.ask("CLUSTER SLOTS", on: client)
    #expect(slots.hasPrefix("*1\r\n*5\r\n:0\r\n:16383\r\n*4\r\n$9\r\n127.0.0.1\r\n:7312\r\n"))
    let id = seat.ask("CLUSTER MYID", on: client)
    #expect(id.contains("0000000000000003"))
    let info = seat.ask("CLUSTER INFO", on: client)
    #expect(info.contains("cluster_state:ok\r\n"))
    let replication = seat.ask("INFO replication", on: client)
    #expect(replication.contains("master_port:7312\r\n"))
    let list = seat.ask("CLIENT LIST", on: client)
    #expect(list.contains("addr=127.0.0.1:51 "))
  }
}
