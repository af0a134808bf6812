import RESP
import ShardMap
import Testing

@testable import RedisCommands

/// What the server tells of itself, from values.
@Suite struct ServerReplyTests {
  private func answers(_ lines: [String], _ change: (inout ModelServer) -> Void = { _ in })
    -> [String]
  {
    var server = ModelServer()
    change(&server)
    var session = RedisSession(id: 7, settings: server.settings)
    return lines.map { server.answer($0, &session) }
  }

  private func name(_ digit: Character) -> String { String(repeating: digit, count: 40) }

  private func node(_ digit: Character, _ host: String) -> ClusterMap.Node {
    ClusterMap.Node(id: name(digit), host: host, port: 6379, peerPort: 7000)
  }

  private func map(own: Character) -> ClusterMap {
    var lost = node("c", "10.0.0.3")
    lost.health = .fail
    let first = ClusterMap.Group(
      slots: [0...99, 200...200], nodes: [node("a", "10.0.0.1"), node("b", "10.0.0.2"), lost],
      leader: 1, epoch: 5)
    let second = ClusterMap.Group(
      slots: [100...199], nodes: [node("d", "::1")], leader: nil, epoch: 6)
    return ClusterMap(groups: [second, first], epoch: 6, own: name(own))
  }

  private func withMap(own: Character, _ lines: [String]) -> [String] {
    answers(lines) {
      $0.settings.isCluster = true
      $0.map = map(own: own)
    }
  }

  @Test func rangesOfSlotsNameTheLeaderFirstAndNoLostReplica() {
    let a = "*4 $8 10.0.0.1 :6379 $40 \(name("a")) *0"
    let b = "*4 $8 10.0.0.2 :6379 $40 \(name("b")) *0"
    let d = "*4 $3 ::1 :6379 $40 \(name("d")) *0"
    #expect(
      withMap(own: "a", ["CLUSTER SLOTS"])[0]
        == "*3 *4 :0 :99 \(b) \(a) *3 :100 :199 \(d) *4 :200 :200 \(b) \(a)")
  }

  @Test func nodesAreDescribedInLines() {
    let text = withMap(own: "a", ["CLUSTER NODES"])[0]
    let lines = text.split(separator: "\n").map(String.init)
    #expect(lines[0].hasSuffix("\(name("b")) 10.0.0.2:6379@7000 master - 0 0 5 connected 0-99 200"))
    #expect(lines[1] == "\(name("a")) 10.0.0.1:6379@7000 myself,slave \(name("b")) 0 0 5 connected")
    #expect(lines[2].contains(" slave,fail \(name("b")) 0 0 5 disconnected"))
    #expect(lines[3] == "\(name("d")) ::1:6379@7000 master - 0 0 6 connected 100-199")
    #expect(withMap(own: "a", ["CLUSTER MYID"]) == ["$40 \(name("a"))"])
  }

  @Test func aClusterWithoutAllSlotsIsNotWell() {
    let text = withMap(own: "a", ["CLUSTER INFO"])[0]
    for line in [
      "cluster_state:fail", "cluster_slots_assigned:201", "cluster_slots_ok:101",
      "cluster_known_nodes:4", "cluster_size:2", "cluster_current_epoch:6", "cluster_my_epoch:5",
    ] {
      #expect(text.contains(line), "\(line)")
    }
  }

  @Test func keysOfOtherNodesAreRefused() {
    func key(_ slots: ClosedRange<Int>) -> [UInt8] {
      (0...).lazy.map { Array("k\($0)".utf8) }.first { slots.contains(ShardLayout.slot(of: $0)) }
        ?? []
    }
    let map = map(own: "b")
    let own = key(0...99)
    func text(_ keys: [[UInt8]], _ map: ClusterMap, stale: Bool = false) -> String? {
      map.refusal(of: KeySlots(of: keys), mayBeStale: stale).map {
        String(decoding: $0.text, as: UTF8.self)
      }
    }
    #expect(text([own], map) == nil)
    #expect(text([own, own], map) == nil)
    let slot = ShardLayout.slot(of: own)
    let replica = self.map(own: "a")
    #expect(text([own], replica) == "MOVED \(slot) 10.0.0.2:6379")
    #expect(text([own], replica, stale: true) == nil)
    #expect(text([own], self.map(own: "d"), stale: true) == "MOVED \(slot) 10.0.0.2:6379")
    #expect(text([key(100...199)], map) == "CLUSTERDOWN The cluster is down")
    #expect(text([key(300...400)], map) == "CLUSTERDOWN Hash slot not served")
    #expect(
      text([own, key(100...199)], map) == "CROSSSLOT Keys in request don't hash to the same slot")
    #expect(text([], map) == nil)
  }

  @Test func withoutAClusterItsCommandsAreRefused() {
    let refused = "-ERR This instance has cluster support disabled"
    #expect(
      answers(["CLUSTER SLOTS", "CLUSTER COUNTKEYSINSLOT x", "READONLY", "CLUSTER HELP"])
        == [refused, refused, refused, refused])
    #expect(
      withMap(own: "a", ["SELECT 1", "CLUSTER COUNTKEYSINSLOT 16384", "CLUSTER KEYSLOT foo"])
        == ["-ERR SELECT is not allowed in cluster mode", "-ERR Invalid slot", ":12182"])
  }

  @Test func parametersAreToldAndNotChanged() {
    let answers = answers([
      "CONFIG GET SAVE append* nothing", "CONFIG SET timeout 0", "CONFIG SET appendonly no",
      "CONFIG SET timeout 0 nothing x", "CONFIG GET maxmemory",
    ])
    #expect(answers[0] == "*6 $11 appendfsync $6 always $10 appendonly $3 yes $4 SAVE $0 ")
    #expect(answers[1] == "+OK")
    #expect(
      answers[2].hasPrefix("-ERR CONFIG SET failed (possibly related to argument 'appendonly'"))
    #expect(answers[3] == "-ERR Unknown option or number of arguments for CONFIG SET - 'nothing'")
    #expect(answers[4] == "*2 $9 maxmemory $1 0")
  }

  @Test func infoHasTheLinesThatToolsRead() {
    var facts = InfoFacts()
    facts.keys = 3
    facts.keysWithDeadline = 1
    facts.process.usedMemory = 1_610_613
    facts.commands = [.init(name: "get", calls: 3, microseconds: 10)]
    facts.errors = [.init(word: "ERR", count: 2)]
    func info(_ sections: String...) -> String {
      let bytes = InfoReply(facts, ServerSettings()).bytes(sections.map { Array($0.utf8) })
      return String(decoding: bytes, as: UTF8.self)
    }
    #expect(info("keyspace") == "# Keyspace\r\ndb0:keys=3,expires=1,avg_ttl=0\r\n")
    #expect(
      info("KEYSPACE", "cluster").hasPrefix("# Cluster\r\ncluster_enabled:0\r\n\r\n# Keyspace"))
    #expect(info("none") == "")
    #expect(info("memory").contains("\r\nused_memory_human:1.54M\r\n"))
    #expect(
      info("commandstats").contains(
        "cmdstat_get:calls=3,usec=10,usec_per_call=3.33,rejected_calls=0,failed_calls=0\r\n"))
    #expect(info("errorstats") == "# Errorstats\r\nerrorstat_ERR:count=2\r\n")
    let titles = info().split(separator: "\r\n").filter { $0.hasPrefix("# ") }
    #expect(
      titles.map { $0.dropFirst(2) } == [
        "Server", "Clients", "Memory", "Persistence", "Stats", "Replication", "CPU", "Modules",
        "Errorstats", "Cluster", "Keyspace",
      ])
    for line in ["redis_version:7.0.15", "role:master", "connected_clients:0", "loading:0"] {
      #expect(info().contains("\r\n\(line)\r\n"), "\(line)")
    }
    #expect(info("all").contains("# Commandstats") && !info("all").contains("# Modules"))
  }

  @Test func numbersAreShownAsRedisShowsThem() {
    #expect(InfoReply.short(1023) == "1023B")
    #expect(InfoReply.short(1024) == "1.00K")
    #expect(InfoReply.short(1_572_864) == "1.50M")
    #expect(InfoReply.short(5 << 40) == "5.00T")
    #expect(InfoReply.decimal(1.005, places: 6) == "1.005000")
    #expect(InfoReply.decimal(-0.5, places: 2) == "-0.50")
    #expect(InfoReply.decimal(.infinity, places: 2) == "0.00")
  }

  @Test func theFiguresOfSlotsAreOrdered() {
    func shown(_ line: String) -> [Int64] {
      let request = line.split(separator: " ").map { Array($0.utf8) }
      guard let query = try? SlotStatisticsQuery(request),
        case .array(let slots) = query.reply([
          SlotFigures(slot: 3, keys: 1), SlotFigures(slot: 9, keys: 5),
          SlotFigures(slot: 1, keys: 5),
        ])
      else { return [] }
      return slots.compactMap {
        guard case .array(let pair) = $0, case .integer(let slot)? = pair.first else { return nil }
        return slot
      }
    }
    #expect(shown("CLUSTER SLOT-STATS SLOTSRANGE 2 9") == [3, 9])
    #expect(shown("CLUSTER SLOT-STATS ORDERBY key-count") == [1, 9, 3])
    #expect(shown("CLUSTER SLOT-STATS ORDERBY key-count LIMIT 2 ASC") == [3, 1])
    #expect(shown("CLUSTER SLOT-STATS ORDERBY none") == [])
  }
}
