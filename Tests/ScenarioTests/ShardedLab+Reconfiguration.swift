import Basics
import Clerk
import ShardMap
import Simulation
import Testing
import Wire

/// What the scenarios of 2025 ask beside those of 2023.
extension ShardedLab {
  /// Joins and waits until the shards have moved.
  func joinAndSettle(_ group: Int) throws {
    try join(group)
    try settle()
  }

  func leaveAndSettle(_ group: Int) throws {
    try leave(group)
    try settle()
  }

  /// A change is over when every member's leader is in the newest configuration, serves what it
  /// owns, and no source has a copy left.
  func settle(within seconds: Double = 20) throws {
    let newest = try lab.query()
    try lab.require("configuration \(newest.number) to be carried out", within: seconds) {
      isSettled(newest.number, members: newest.groupIDs)
    }
  }

  func isSettled(_ number: ConfigNumber, members: [GroupID]) -> Bool {
    members.allSatisfy { group in
      guard let node = lab.cluster.leader(of: group)?.node,
        node.observation.configuration >= number
      else { return false }
      return node.shardReports().allSatisfy { $0.status == .serving || !$0.isOwned }
    }
  }

  /// Without a group exactly the keys of the others can be read: a client for each key asks, until
  /// nothing has come for two seconds. Then the group comes back, and so do the other answers.
  func checkShutdownSharding(_ group: Int) throws {
    let served = try model.count - keys(of: group).count
    stop(group)
    var completed = 0
    var last = lab.seconds
    for key in model.indices {
      lab.makeClient().begin(.get, key: "\(key)") { [self] output in
        guard case .value(let value, _) = output, value == Array(model[key].utf8) else {
          return lab.simulator.fail(.wrongResult, "key \(key) holds \(output)")
        }
        completed += 1
        last = lab.seconds
      }
    }
    try lab.require("two seconds of silence", within: 60) { lab.seconds > last + 2 }
    #expect(completed == served && served < model.count)
    start(group)
    try lab.require("the other keys", within: 10) { completed == model.count }
  }

  /// Clients that read and replace, at random among fifteen keys of their own.
  final class Clerks {
    fileprivate var isOver = false
    fileprivate var clients: [LabClient] = []
    fileprivate(set) var replaced = 0
  }

  func startClerks(_ count: Int, pauseMilliseconds: Int = 10) -> Clerks {
    let clerks = Clerks()
    for number in 0..<count {
      let client = lab.makeClient()
      clerks.clients.append(client)
      var step = 0
      var key = ""
      var held: [UInt8]?
      client.work { [self] in
        guard !clerks.isOver else { return nil }
        step += 1
        switch step % 3 {
        case 1:
          key = "clerk\(lab.random(0...14))"
          return .operation(.get, key: key) { output in
            if case .value(let value, _) = output { held = value }
          }
        case 2:
          let value = Array("\(number).\(step)".utf8)
          return .operation(.compareAndSet(expected: held, value: value), key: key) { output in
            if case .written = output { clerks.replaced += 1 }
          }
        default: return .pause(milliseconds: pauseMilliseconds)
        }
      }
    }
    return clerks
  }

  func finish(_ clerks: Clerks) throws {
    clerks.isOver = true
    try lab.require("the clerks to finish") { clerks.clients.allSatisfy { $0.openCount == 0 } }
    #expect(clerks.replaced > 0)
    try lab.checkHistory()
  }
}
