import Basics

/// Random requests of connections, valid and not: transactions, greetings, settings, and commands
/// on a few keys in between.
struct SessionGenerator {
  var random: SeededGenerator
  let isCluster: Bool

  mutating func next() -> [[UInt8]] {
    let line = pick(lines())
    var words = line.split(separator: " ").map(String.init)
    if random.chance(0.3), !words.isEmpty { words[0] = words[0].lowercased() }
    var request = words.map { Array($0.utf8) }
    if random.chance(0.02) { request.append(Array("x".utf8)) }
    if random.chance(0.02), request.count > 1 { request.removeLast() }
    return request
  }

  private mutating func lines() -> [String] {
    switch random.next(in: 0..<20) {
    case 0...4: return ["MULTI", "MULTI", "EXEC", "EXEC", "DISCARD", "UNWATCH", "EXEC x"]
    case 5, 6: return ["WATCH \(key())", "WATCH \(key()) \(key())"]
    case 7...11:
      return [
        "SET \(key()) \(random.next(in: 0..<9))", "GET \(key())", "INCR \(key())",
        "APPEND \(key()) x", "MGET \(key()) \(key())", "MSET \(key()) 1 \(key()) 2",
        "SET \(key()) 1 EX x", "SETEX \(key()) 0 x", "GET \(strangeKey())",
        "MGET \(key()) \(strangeKey())", "OBJECT ENCODING none", "MEMORY USAGE none SAMPLES 0",
        "STRLEN \(key())", "TYPE \(key())",
      ]
    case 12: return Self.greetings
    case 13: return Self.logIns
    case 14, 15: return Self.clients
    case 16: return Self.servers
    case 17: return Self.cluster
    default: return Self.plain
    }
  }

  /// All in one slot.
  private mutating func key() -> String { "{t}\(random.next(in: 0..<4))" }

  /// In another one.
  private mutating func strangeKey() -> String { "{u}\(random.next(in: 0..<2))" }

  private static let greetings = [
    "HELLO", "HELLO 2", "HELLO 3", "HELLO 3 SETNAME n", "HELLO 2 SETNAME m", "HELLO 4", "HELLO x",
    "HELLO 3 AUTH default word", "HELLO 3 AUTH default no", "HELLO 2 AUTH a", "HELLO 3 FOO",
    "HELLO 3 SETNAME", "HELLO 2 AUTH default word SETNAME k", "HELLO 3 SETNAME \u{1}", "HELLO 03",
    "HELLO 3 AUTH none word", "HELLO 9223372036854775808",
  ]
  private static let logIns = [
    "AUTH word", "AUTH word", "AUTH no", "AUTH default word", "AUTH default no", "AUTH none word",
    "AUTH a b c", "AUTH", "RESET", "RESET", "RESET x",
  ]
  private static let clients = [
    "CLIENT SETNAME a", "CLIENT SETNAME ä", "CLIENT GETNAME", "CLIENT ID", "CLIENT REPLY OFF",
    "CLIENT REPLY ON", "CLIENT REPLY ON", "CLIENT REPLY SKIP", "CLIENT REPLY x",
    "CLIENT NO-EVICT on", "CLIENT NO-EVICT off", "CLIENT NO-EVICT x", "CLIENT LIST TYPE x",
    "CLIENT LIST ID x", "CLIENT LIST x", "CLIENT LIST ID", "CLIENT LIST TYPE pubsub",
    "CLIENT KILL 1.2.3.4:5", "CLIENT KILL ID x", "CLIENT KILL ID 0", "CLIENT KILL ID 999999999",
    "CLIENT KILL TYPE x", "CLIENT KILL x y", "CLIENT KILL ID 999999999 x", "CLIENT KILL USER x",
    "CLIENT KILL SKIPME x", "CLIENT KILL LADDR x SKIPME no", "CLIENT KILL TYPE slave",
    "CLIENT PAUSE x", "CLIENT PAUSE -1 x", "CLIENT PAUSE -1", "CLIENT",
    "CLIENT UNPAUSE", "CLIENT x", "CLIENT REPLY", "CLIENT PAUSE -1 ALL x",
    "CLIENT LIST ID 999999999",
  ]
  private static let servers = [
    "TIME", "SLOWLOG GET x", "SLOWLOG GET -2", "SLOWLOG GET 1 2", "SLOWLOG x", "SLOWLOG RESET",
    "LATENCY LATEST", "LATENCY HISTORY x", "LATENCY RESET x", "LATENCY HISTOGRAM none",
    "FUNCTION FLUSH", "FUNCTION FLUSH x", "FUNCTION FLUSH SYNC", "FUNCTION FLUSH SYNC x",
    "FUNCTION LIST", "FUNCTION LIST x", "FUNCTION LIST WITHCODE LIBRARYNAME x", "FUNCTION KILL",
    "FUNCTION LIST LIBRARYNAME", "FUNCTION LIST WITHCODE WITHCODE", "FUNCTION DELETE x",
    "CONFIG GET none", "CONFIG SET none x", "CONFIG SET a b c", "CONFIG SET timeout 0",
    "CONFIG SET timeout 0 timeout 0", "CONFIG GET timeout", "CONFIG GET DATABASES none",
    "CONFIG RESETSTAT", "CONFIG REWRITE", "INFO none", "COMMAND GETKEYS get a", "COMMAND x",
    "COMMAND GETKEYS foo", "COMMAND GETKEYS ping a", "COMMAND INFO none", "DEBUG PROTOCOL string",
    "DEBUG PROTOCOL map", "DEBUG PROTOCOL set", "DEBUG PROTOCOL double", "DEBUG PROTOCOL null",
    "DEBUG PROTOCOL bignum", "DEBUG PROTOCOL true", "DEBUG PROTOCOL false", "DEBUG PROTOCOL array",
    "DEBUG PROTOCOL integer", "DEBUG PROTOCOL verbatim", "DEBUG SLEEP 0", "DEBUG x y z",
    "OBJECT x", "OBJECT FREQ none", "OBJECT IDLETIME none", "MEMORY USAGE {t}1 x",
    "MEMORY USAGE {t}1 SAMPLES x", "MEMORY USAGE {t}1 SAMPLES -1", "MEMORY USAGE {t}1 SAMPLES",
    "INFO modules",
  ]
  private static let cluster = [
    "READONLY", "READWRITE", "ASKING", "CLUSTER KEYSLOT {t}1", "CLUSTER KEYSLOT foo", "CLUSTER x",
    "CLUSTER", "READONLY x", "CLUSTER KEYSLOT",
  ]
  private static let plain = [
    "PING", "PING a", "PING a b", "ECHO a", "ECHO", "SELECT 0", "SELECT 1", "SELECT x", "SELECT -1",
    "SELECT 99999999999", "SELECT 0 0", "FOO", "FOO a b", "QUIT", "GET", "SELECT 00", "PING",
  ]

  private mutating func pick(_ list: [String]) -> String { list[random.next(in: 0..<list.count)] }
}
