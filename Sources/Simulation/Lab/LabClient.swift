import Basics
import Clerk
import ShardMap
import Wire

/// A client of a scenario. Its calls return when the operation is done, in virtual time; with
/// ``begin(_:key:then:)`` several run at once.
package final class LabClient {
  /// What a worker does next.
  package enum Step {
    case operation(
      RegisterOperation.Input, key: String, then: (RegisterOperation.Output) throws -> Void)
    case pause(milliseconds: Int)
  }

  package let client: SimulatedCluster.Client
  private let lab: LabCluster
  private let number: Int
  /// Operations that were begun and are not done.
  package private(set) var openCount = 0

  init(_ lab: LabCluster, _ client: SimulatedCluster.Client) {
    self.lab = lab
    self.client = client
    number = lab.cluster.clients.count
  }

  /// Any operation of a clerk, with all the time that a call may take.
  package func outcome(of operation: ClerkOperation) throws -> ClerkOutcome {
    var result: ClerkOutcome?
    lab.cluster.submit(operation, by: client, timeout: UInt64(LabCluster.callSeconds * 1e9)) {
      result = $0
    }
    try lab.require("an outcome of \(operation)", within: LabCluster.callSeconds + 5) {
      result != nil
    }
    guard let result else { throw LabFailure("\(operation) has no outcome") }
    return result
  }

  /// The value of a key; empty where there is none, as in the labs.
  package func get(_ key: String) throws -> String {
    guard case .value(let value, _) = try call(.get, key: key) else {
      throw LabFailure("get \(key) was answered with something else than a value")
    }
    return String(decoding: value ?? [], as: UTF8.self)
  }

  package func put(_ key: String, _ value: String) throws {
    _ = try call(.put(Array(value.utf8)), key: key)
  }

  package func append(_ key: String, _ value: String) throws {
    _ = try call(.append(Array(value.utf8)), key: key)
  }

  /// What a key holds, `nil` where there is none, and its version.
  package func read(_ key: String) throws -> (text: String?, version: UInt64) {
    guard case .value(let value, let version) = try call(.get, key: key) else {
      throw LabFailure("get \(key) was answered with something else than a value")
    }
    return (value.map { String(decoding: $0, as: UTF8.self) }, version ?? 0)
  }

  /// Sets a key that holds `expected`, `nil` for one that is not there.
  /// - Returns: its version now; `nil` if it held something else.
  package func compareAndSet(
    _ key: String, expected: String?, value: String
  ) throws -> UInt64? {
    let input = RegisterOperation.Input.compareAndSet(
      expected: expected.map { Array($0.utf8) }, value: Array(value.utf8))
    guard case .written(let version) = try call(input, key: key) else { return nil }
    return version
  }

  private func call(_ input: RegisterOperation.Input, key: String) throws
    -> RegisterOperation.Output
  {
    var output: RegisterOperation.Output?
    begin(input, key: key) { output = $0 }
    try lab.require("an outcome of \(input) on key \(key)", within: LabCluster.callSeconds + 5) {
      output != nil
    }
    guard let output else { throw LabFailure("\(input) has no outcome") }
    return output
  }

  /// Begins an operation, notes it in the history, and calls `then` with its output. An operation
  /// that fails within ``LabCluster/callSeconds`` fails the scenario.
  package func begin(
    _ input: RegisterOperation.Input, key: String,
    then: @escaping (RegisterOperation.Output) -> Void
  ) {
    openCount += 1
    var operation = RegisterOperation(client: number, call: lab.simulator.now, input: input)
    let bytes = Array(key.utf8)
    lab.cluster.submit(
      input.clerkOperation(key: bytes), by: client,
      timeout: UInt64(LabCluster.callSeconds * 1e9)
    ) { [self] outcome in
      openCount -= 1
      switch Observed(outcome) {
      case .happened(let output):
        operation.return = lab.simulator.now
        operation.output = output
        lab.history.add(operation, key: bytes)
        lab.simulator.trace("key \(key) \(operation)")
        then(output)
      case .unknown, .didNotHappen, .nonsense:
        lab.simulator.fail(
          .noProgress,
          "client \(number): \(input) on key \(key): \(outcome)\n\(lab.cluster.summary)")
      }
    }
  }

  /// Does one step after the other until `next` has none.
  package func work(_ next: @escaping () throws -> Step?) {
    do {
      switch try next() {
      case nil: return
      case .pause(let milliseconds):
        openCount += 1
        lab.simulator.after(UInt64(milliseconds) * nanosecondsPerMillisecond) { [self] in
          openCount -= 1
          work(next)
        }
      case .operation(let input, let key, let then):
        begin(input, key: key) { [self] output in
          do {
            try then(output)
          } catch {
            lab.simulator.fail(.wrongResult, "\(error)")
          }
          work(next)
        }
      }
    } catch {
      lab.simulator.fail(.wrongResult, "\(error)")
    }
  }

  /// Cuts this client off from all servers, or lets it reach all.
  package func setReachesNobody(_ reachesNobody: Bool) {
    for group in lab.cluster.plan.groups {
      let servers = lab.servers(of: group.id).indices
      reach(only: reachesNobody ? [] : Array(servers), of: group.id)
    }
  }

  /// Cuts this client off from all servers of a group but these.
  package func reach(only servers: [Int], of group: GroupID) {
    let (lab, host) = (self.lab, client.host.index)
    lab.simulator.changeNetwork { network in
      for (number, server) in lab.servers(of: group).enumerated() {
        let other = server.host.index
        if servers.contains(number) {
          network.heal(from: host, to: other, now: lab.simulator.now)
          network.heal(from: other, to: host, now: lab.simulator.now)
        } else {
          network.cut(from: host, to: other)
          network.cut(from: other, to: host)
        }
      }
    }
  }
}
