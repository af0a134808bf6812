import Basics
import RESP
import ShardMap
import Testing

@testable import RedisCommands

extension AgainstRedis {
  /// Random stories of three connections for a real redis-server and for `RedisSession`: the bytes
  /// of all answers must be equal. What is known to differ is left out by the generator or by
  /// ``isKnownToDiffer(_:_:isCluster:)``, and listed in docs/parts/redis.md.
  @Suite struct SessionOracleTests {
    private struct Client {
      let oracle: RedisOracle
      var session: RedisSession
      var isClosed = false
    }

    private func text(_ bytes: [UInt8]) -> String {
      bytes.prefix(300).reduce(into: "") { text, byte in
        text += (0x20...0x7E) ~= byte ? String(UnicodeScalar(byte)) : "\\\(byte)"
      }
    }

    private static let requestsOfAStory = 60

    private func server(isCluster: Bool, hasPassword: Bool) -> ModelServer {
      var model = ModelServer()
      model.settings.isCluster = isCluster
      model.settings.password = hasPassword ? Array("word".utf8) : nil
      model.settings.allowsDebug = true
      let node = ClusterMap.Node(id: "own", host: "", port: 1, peerPort: 2)
      model.map = ClusterMap(
        groups: [.init(slots: [0...16_383], nodes: [node], leader: 0, epoch: 0)], epoch: 0,
        own: "own"
      )
      return model
    }

    @Test(arguments: [false, true])
    func connectionsAreThoseOfRedis(isCluster: Bool) throws {
      let control = try RedisOracle(isCluster: isCluster)
      defer { control.close() }
      _ = try control.reply("CONFIG SET slowlog-log-slower-than -1 latency-tracking no timeout 0")
      _ = try control.reply("CONFIG RESETSTAT")
      var generator = SessionGenerator(
        random: SeededGenerator(seed: RedisOracle.seed &+ (isCluster ? 7 : 0)), isCluster: isCluster
      )
      var differences = 0
      var requests = 0
      var now: Int64 = 1_893_456_000_000
      while requests < RedisOracle.commands / 2, differences < 10 {
        let hasPassword = generator.random.chance(0.4)
        _ = try control.reply("FLUSHALL")
        var clients: [Client] = []
        for _ in 0..<3 {
          let oracle = try RedisOracle(isCluster: isCluster)
          guard case .integer(let id) = try oracle.reply("CLIENT ID") else { continue }
          clients.append(
            Client(oracle: oracle, session: RedisSession(id: id, settings: ServerSettings())))
        }
        if hasPassword { _ = try control.reply("CONFIG SET requirepass word") }
        var model = server(isCluster: isCluster, hasPassword: hasPassword)
        var isSound = true
        var story: [String] = []
        for _ in 0..<Self.requestsOfAStory where isSound {
          now += Int64(generator.random.next(in: 0...400))
          model.store.now = now
          try control.setClock(now)
          let place = generator.random.next(in: 0..<clients.count)
          if clients[place].isClosed { continue }
          requests += 1
          let request = generator.next()
          story.append("\(place): " + request.map(text).joined(separator: " "))
          isSound = try compare(request, &clients[place], &model, story)
        }
        if !isSound { differences += 1 }
        _ = try control.reply([
          Array("CONFIG".utf8), Array("SET".utf8), Array("requirepass".utf8), [],
        ])
        for client in clients { client.oracle.close() }
      }
      print("cluster \(isCluster): \(requests) requests, \(differences) stories differ")
    }

    /// Whether both answer alike; if not, it is recorded with the story so far.
    private func compare(
      _ request: [[UInt8]], _ client: inout Client, _ model: inout ModelServer, _ story: [String]
    )
      throws -> Bool
    {
      if isKnownToDiffer(request, client.session, isCluster: model.settings.isCluster) {
        return true
      }
      let answer = model.answer(request, &client.session)
      client.isClosed = answer.closes
      let theirs = try client.oracle.exchange(request, count: answer.bytes.count)
      if theirs == answer.bytes { return true }
      Issue.record(
        """
        \(story.suffix(60).joined(separator: "; "))
          redis \(text(theirs))
          here  \(text(answer.bytes))
        """)
      return false
    }

    @Test func aClusterIsDescribedAsByRedis() throws {
      let oracle = try RedisOracle(isCluster: true)
      defer { oracle.close() }
      guard case .bulk(let id) = try oracle.reply("CLUSTER MYID"),
        let port = RedisOracle.clusterPort
      else {
        Issue.record("no cluster")
        return
      }
      var model = server(isCluster: true, hasPassword: false)
      let own = String(decoding: id, as: UTF8.self)
      let node = ClusterMap.Node(id: own, host: "", port: port, peerPort: port + 10_000)
      model.map = ClusterMap(
        groups: [.init(slots: [0...16_383], nodes: [node], leader: 0, epoch: 0)], epoch: 0, own: own
      )
      var session = RedisSession(id: 1, settings: model.settings)
      for version in ["2", "3"] {
        _ = try oracle.reply("HELLO \(version)")
        _ = model.answer("HELLO \(version)", &session)
        for question in ["MYID", "SLOTS", "SHARDS", "NODES", "INFO"] {
          let request = ["CLUSTER", question].map { Array($0.utf8) }
          let answer = model.answer(request, &session).bytes
          let theirs = try oracle.exchange(request, count: answer.count)
          #expect(text(answer) == text(theirs), "\(question)")
        }
      }
    }

    private func isKnownToDiffer(
      _ request: [[UInt8]], _ session: RedisSession, isCluster: Bool
    ) -> Bool {
      let words = request.map { option($0) }
      // What a transaction keeps of CLIENT REPLY OFF and SKIP is half a reply, for which nobody can
      // wait.
      if session.open != nil, words.starts(with: ["client", "reply"]) { return true }
      // Figures and lists of everything.
      if [["info"], ["client", "list"], ["command"], ["command", "info"]].contains(words) {
        return true
      }
      if words.starts(with: ["memory", "usage"]), words.count == 3 { return true }
      // Watched keys of another slot than those of the commands; and what Redis does not queue
      // since it knows that a watched key has changed.
      guard isCluster, words == ["exec"], let open = session.open, !session.watched.isEmpty else {
        return false
      }
      let keys = open.queue.flatMap { $0.description.keys(in: $0.arguments) }
      return Set((keys + session.watched.map(\.key)).map(ShardLayout.slot(of:))).count > 1
    }
  }
}
