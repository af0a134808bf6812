import RESP

@testable import RedisCommands

/// A server that is a value: one store, and sessions that its tests hold.
struct ModelServer: ServerFacts {
  var store = ModelStore()
  var settings = ServerSettings()
  var link = ClientDescription.Link(
    address: Array("127.0.0.1:5".utf8), localAddress: Array("127.0.0.1:6379".utf8))
  var others: [ClientDescription] = []
  var map = ClusterMap(groups: [], epoch: 0, own: "")
  var facts = InfoFacts()
  var effects: [SessionEffect] = []

  var takesWrites = true
  var wallMicroseconds: Int64 { store.now * 1000 }
  func otherClients() -> [ClientDescription] { others }
  func information() -> InfoFacts { facts }
  func clusterMap() -> ClusterMap { map }
  func refusal(of keys: KeySlots, mayBeStale: Bool, isAsking: Bool) -> CommandError? {
    settings.isCluster ? map.refusal(of: keys, mayBeStale: mayBeStale) : nil
  }

  /// Carries one request out to its end. Gives the bytes of the answer, and whether the connection
  /// ends.
  mutating func answer(_ request: [[UInt8]], _ session: inout RedisSession)
    -> (bytes: [UInt8], closes: Bool)
  {
    let step = session.receive(request, self)
    effects += step.effects
    switch step.action {
    case .answer(let bytes): return (bytes, step.closes)
    case .run(let command, let style, _): return (style.bytes(store.run(command)), false)
    case .runOnAll(let command, let style): return (style.bytes(store.run(command)), false)
    case .watch(let keys): return (session.finishWatch(.success(store.versions(keys))), false)
    case .commit(let transaction):
      let done = session.finishTransaction(store.run(transaction), self)
      effects += done.effects
      guard case .answer(let bytes) = done.action else { return ([], done.closes) }
      return (bytes, done.closes)
    }
  }

  /// The same for a line, whose answer is shown without line ends.
  mutating func answer(_ line: String, _ session: inout RedisSession) -> String {
    let request = line.split(separator: " ").map { Array($0.utf8) }
    return String(decoding: answer(request, &session).bytes, as: UTF8.self)
      .split(separator: "\r\n", omittingEmptySubsequences: false).dropLast()
      .joined(separator: " ")
  }
}
