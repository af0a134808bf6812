import RESP
import Testing

@testable import RedisCommands

/// Stories of connections with the replies of Redis 7.0; random ones are in `SessionOracleTests`.
@Suite struct SessionTests {
  private struct Scene {
    var server = ModelServer()
    var sessions: [RedisSession] = []

    init(password: String? = nil) {
      server.settings.password = password.map { Array($0.utf8) }
      sessions = (1...2).map { RedisSession(id: $0, settings: server.settings) }
    }

    /// Lines of the first connection; those that begin with `2:` are of the second.
    mutating func play(_ lines: [String]) -> [String] {
      lines.map { line in
        line.hasPrefix("2:")
          ? server.answer(String(line.dropFirst(2)), &sessions[1])
          : server.answer(line, &sessions[0])
      }
    }
  }

  private func play(_ lines: [String], password: String? = nil) -> [String] {
    var scene = Scene(password: password)
    return scene.play(lines)
  }

  @Test func aTransactionIsCarriedOutAtOnce() {
    let story = ["MULTI", "SET a 1", "INCR a", "2:GET a", "EXEC", "2:GET a", "EXEC"]
    #expect(
      play(story) == [
        "+OK", "+QUEUED", "+QUEUED", "$-1", "*2 +OK :2", "$1 2", "-ERR EXEC without MULTI",
      ])
    #expect(
      play(["MULTI", "SET a 1", "DISCARD", "DISCARD", "GET a"])
        == ["+OK", "+QUEUED", "+OK", "-ERR DISCARD without MULTI", "$-1"])
  }

  @Test func errorsBeforeExecEndTheTransactionAndLaterOnesDoNot() {
    let aborted = "-EXECABORT Transaction discarded because of previous errors."
    let unknown = "-ERR unknown command 'FOO', with args beginning with: "
    #expect(
      play(["MULTI", "SET a 1", "FOO", "EXEC", "GET a"])
        == ["+OK", "+QUEUED", unknown, aborted, "$-1"])
    #expect(
      play(["MULTI", "SET a x", "INCR a", "SET b 1 EX y", "PING a b", "EXEC"]).last
        == "*4 +OK -ERR value is not an integer or out of range "
        + "-ERR value is not an integer or out of range "
        + "-ERR wrong number of arguments for 'ping' command")
    #expect(
      play(["MULTI", "MULTI", "WATCH a", "EXEC"])
        == [
          "+OK", "-ERR MULTI calls can not be nested", "-ERR WATCH inside MULTI is not allowed",
          "*0",
        ])
    #expect(
      play(["MULTI", "EXEC x", "EXEC"])
        == [
          "+OK",
          "-EXECABORT Transaction discarded because of: wrong number of arguments for 'exec' command",
          "-ERR EXEC without MULTI",
        ])
  }

  @Test func aWatchedKeyThatChangedStopsExec() {
    func exec(_ between: [String], watch: String = "WATCH a", before: [String] = []) -> String? {
      play(before + [watch] + between + ["MULTI", "PING", "EXEC"]).last
    }
    #expect(exec([]) == "*1 +PONG")
    #expect(exec(["2:SET a 1"]) == "*-1")
    #expect(exec(["SET a 1"]) == "*-1")
    #expect(exec(["2:SET b 1"]) == "*1 +PONG")
    #expect(exec(["2:SET a 1"], before: ["SET a 1"]) == "*-1")
    // Made anew with the same value: it is another one.
    #expect(exec(["2:DEL a", "2:SET a 1"], before: ["SET a 1"]) == "*-1")
    #expect(exec(["2:SET a 1", "UNWATCH"]) == "*1 +PONG")
    #expect(exec(["2:SET a 1", "WATCH a"]) == "*-1")
    #expect(exec(["MULTI", "DISCARD", "2:SET a 1"]) == "*1 +PONG")
    #expect(exec(["MULTI", "EXEC", "2:SET a 1"]) == "*1 +PONG")
  }

  @Test func aWatchedKeyThatExpiresHasChanged() {
    var scene = Scene()
    _ = scene.play(["SET a 1 PX 10", "WATCH a", "MULTI"])
    scene.server.store.now += 11
    #expect(scene.play(["EXEC"]) == ["*-1"])
    // It was gone when it was watched.
    #expect(scene.play(["WATCH a", "MULTI", "EXEC"]).last == "*0")
  }

  @Test func commandsOfTheConnectionTakePartInATransaction() {
    let story = [
      "MULTI", "CLIENT SETNAME x", "SET a 1", "CLIENT GETNAME", "HELLO 3", "GET b", "EXEC",
    ]
    let answer = play(story).last ?? ""
    #expect(answer.hasPrefix("*5 +OK +OK $1 x %7 "))
    #expect(answer.hasSuffix(" _"))
    // Not carried out: the name stays as it was.
    #expect(
      play([
        "WATCH a", "SET a 1", "MULTI", "CLIENT SETNAME x", "EXEC", "CLIENT GETNAME",
      ]).last == "$-1")
  }

  @Test func transactionsHaveLimits() {
    var scene = Scene()
    scene.server.settings.transaction.commandsMax = 2
    #expect(
      scene.play(["MULTI", "GET a", "GET a", "GET a", "EXEC"])[3...]
        == [
          "-ERR a transaction has at most 2 commands",
          "-EXECABORT Transaction discarded because of previous errors.",
        ])
    scene.server.settings.transaction.bytesMax = 40
    #expect(
      scene.play(["MULTI", "GET a", "GET a"])[2]
        == "-ERR the arguments of a transaction have at most 40 bytes")
    scene.server.settings.transaction.watchedMax = 2
    #expect(
      scene.play(["DISCARD", "WATCH a b", "WATCH b a", "WATCH c"])
        == ["+OK", "+OK", "+OK", "-ERR at most 2 keys can be watched"])
  }

  @Test func commandsOnAllShardsAreNoPartOfATransaction() {
    for line in ["KEYS *", "SCAN 0", "DBSIZE", "RANDOMKEY", "FLUSHALL"] {
      #expect(play(["MULTI", line, "EXEC"]).last?.hasPrefix("-EXECABORT") == true, "\(line)")
    }
  }

  @Test func strangersMayOnlyLogIn() {
    let refused = "-NOAUTH Authentication required."
    let wrong = "-WRONGPASS invalid username-password pair or user is disabled."
    #expect(
      play(
        ["GET a", "PING", "GET", "AUTH no", "AUTH no word", "AUTH word", "PING"], password: "word")
        == [
          refused, refused, "-ERR wrong number of arguments for 'get' command", wrong, wrong, "+OK",
          "+PONG",
        ])
    #expect(
      play(["AUTH word", "RESET", "PING", "QUIT"], password: "word")
        == ["+OK", "+RESET", refused, "+OK"])
    let greeting = play(
      ["HELLO 3", "HELLO 3 AUTH default word SETNAME n", "CLIENT GETNAME"], password: "word")
    #expect(greeting[0].hasPrefix("-NOAUTH HELLO must be called"))
    #expect(greeting[1].hasPrefix("%7 $6 server $5 redis"))
    #expect(greeting[2] == "$1 n")
    #expect(
      play(["EXEC"], password: "w")
        == ["-EXECABORT Transaction discarded because of: NOAUTH Authentication required."])
  }

  @Test func passwordsAreComparedInFull() {
    for wrong in ["wor", "wordd", "wore", "wordword", "w"] {
      #expect(play(["AUTH \(wrong)"], password: "word")[0].hasPrefix("-WRONGPASS"), "\(wrong)")
    }
  }

  @Test func repliesAreTurnedOffAndOn() {
    #expect(
      play(["CLIENT REPLY OFF", "PING", "GET a", "CLIENT REPLY ON", "PING"])
        == ["", "", "", "+OK", "+PONG"])
    #expect(play(["CLIENT REPLY SKIP", "PING", "PING"]) == ["", "", "+PONG"])
    #expect(play(["CLIENT REPLY SKIP", "GET a", "GET a"]) == ["", "", "$-1"])
    #expect(play(["CLIENT REPLY SKIP", "WATCH a", "PING"]) == ["", "", "+PONG"])
  }

  @Test func theAgreedVersionIsThatOfTheRequest() {
    var session = RedisSession(id: 1, settings: ServerSettings())
    let server = ModelServer()
    let step = session.receive([Array("GET".utf8), Array("a".utf8)], server)
    _ = session.receive([Array("HELLO".utf8), Array("3".utf8)], server)
    guard case .run(_, let style, _) = step.action else {
      Issue.record("GET is not carried out")
      return
    }
    #expect(style.bytes(.null) == Array("$-1\r\n".utf8))
  }

  @Test func aLibraryTellsItsNameInRedis72sWay() {
    #expect(
      play(["CLIENT SETINFO LIB-NAME redis-py", "CLIENT SETINFO lib-ver 5.0", "CLIENT NO-TOUCH on"])
        == ["+OK", "+OK", "+OK"])
    #expect(
      play(["CLIENT SETINFO foo x", "CLIENT SETINFO lib-name a\u{1}"])
        == [
          "-ERR Unrecognized option 'foo'",
          "-ERR lib-name cannot contain spaces, newlines or special characters.",
        ])
    #expect(play(["CLIENT SETINFO lib-name x", "CLIENT INFO"])[1].contains(" lib-name=x lib-ver="))
  }

  @Test func connectionsAreClosedByTheirProperties() {
    var scene = Scene()
    scene.server.others = [
      scene.sessions[1].description(.init(address: Array("1.2.3.4:5".utf8), localAddress: []))
    ]
    #expect(
      scene.play(["CLIENT KILL ID 2", "CLIENT KILL 1.2.3.4:5", "CLIENT KILL 1.2.3.4:6"])
        == [":1", "+OK", "-ERR No such client"])
    #expect(scene.server.effects == [.closeClients([2]), .closeClients([2])])
    scene.server.effects = []
    #expect(scene.play(["CLIENT KILL TYPE normal", "CLIENT KILL TYPE pubsub"]) == [":1", ":0"])
    let request = "CLIENT KILL SKIPME no".split(separator: " ").map { Array($0.utf8) }
    let own = scene.server.answer(request, &scene.sessions[0])
    #expect(own.closes && own.bytes == Array(":2\r\n".utf8))
  }

  @Test func whatWasNotCarriedOutIsSaid() {
    var session = RedisSession(id: 1, settings: ServerSettings())
    var server = ModelServer()
    for line in ["MULTI", "SET a 1"] { _ = server.answer(line, &session) }
    let step = session.receive([Array("EXEC".utf8)], server)
    guard case .commit(let transaction) = step.action else {
      Issue.record("EXEC is not carried out")
      return
    }
    #expect(transaction.isWrite && transaction.keys == [Array("a".utf8)])
    #expect(session.isWaiting)
    let failure = CommandError("ERR outcome unknown: the leader changed")
    guard case .answer(let bytes) = session.finishTransaction(.failed(failure), server).action
    else {
      return
    }
    #expect(bytes == Array("-ERR outcome unknown: the leader changed\r\n".utf8))
    #expect(server.answer("EXEC", &session) == "-ERR EXEC without MULTI")
    #expect(!session.isWaiting)
  }
}
