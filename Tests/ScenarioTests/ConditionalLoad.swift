import Basics
import ShardMap
import Simulation

/// The load of the 2025 key-value labs: clients that read a key and then replace what they read,
/// all at the same key, or at a hundred.
final class ConditionalLoad {
  private let stage: KeyValueLab
  private let lab: LabCluster
  /// By key: how often it was replaced.
  private var replaced: [String: UInt64] = [:]
  private var written = 0
  private var isOver = false

  init(_ stage: KeyValueLab, _ lab: LabCluster) {
    self.stage = stage
    self.lab = lab
  }

  /// Three rounds; after each the version of every key is how often it was replaced.
  func run() throws {
    let checker = lab.makeClient()
    for _ in 0..<3 {
      let before = replaced.values.reduce(0, +)
      isOver = false
      let clients = (0..<stage.clients).map { _ in lab.makeClient() }
      for client in clients { start(client) }
      try stage.disturb(lab, seconds: stage.partitions ? 3 : 1) { isOver = true }
      try lab.require("the clients to finish") { clients.allSatisfy { $0.openCount == 0 } }
      // A lost message costs a client a second, which is a whole round.
      guard stage.isUnreliable || replaced.values.reduce(0, +) > before else {
        throw LabFailure("nothing was replaced in a round")
      }
      for key in replaced.keys.sorted() {
        let version = try checker.read(key).version
        guard version == replaced[key] else {
          throw LabFailure("\(key) was replaced \(replaced[key] ?? 0) times, and is at \(version)")
        }
      }
      try lab.run(milliseconds: 200)
      try lab.checkLogs()
    }
  }

  private func start(_ client: LabClient) {
    var step = 0
    var key = "k"
    var held: [UInt8]?
    client.work { [self] in
      guard !isOver else { return nil }
      step += 1
      switch step % 3 {
      case 1:
        if stage.randomKeys { key = "\(lab.random(0...99))" }
        return .operation(.get, key: key) { output in
          if case .value(let value, _) = output { held = value }
        }
      case 2:
        written += 1
        let value = Array("value \(written)".utf8)
        return .operation(.compareAndSet(expected: held, value: value), key: key) { output in
          if case .written = output { self.replaced[key, default: 0] += 1 }
        }
      default: return .pause(milliseconds: 5)
      }
    }
  }
}
