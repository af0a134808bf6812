import Basics
import Sessions
import ShardMap
import Wire

extension Pending.Work {
  /// The request; `nil` for a write without its number.
  func body(_ write: WriteID?) -> Request.Body? {
    switch self {
    case .refresh: .query(nil)
    case .openSession(let shard): .openSession(shard)
    case .user(.get(let key, .linearizable)): .get(key: key)
    case .user(.get(let key, .linearizableAnywhere)): .getAnywhere(key: key)
    case .user(.get(let key, .stale)): .staleGet(key: key)
    case .user(.write(let key, let operation)): write.map { .write($0, key: key, operation) }
    case .user(.query(let number)): .query(number)
    case .user(.control(let command, let expected)):
      write.map { .control($0, command, expected: expected) }
    case .user(.plan(let command)): .plan(command)
    case .user(.register(let group, let record)): .register(group, record)
    case .user(.toGroup(_, _, let body)): body
    case .user(.redis(let shard, let work, _)): .redis(shard, work: work)
    case .user(.membership(_, _, let command)): .membership(command)
    case .user(.status): .status
    }
  }

  /// Whether a reply, other than a refusal, is one to this.
  func isAnswered(by reply: Reply.Body) -> Bool {
    switch (self, reply) {
    case (.refresh, .configuration), (.openSession, .session),
      (.user(.get(_, .linearizable)), .value), (.user(.get(_, .linearizable)), .noKey),
      (.user(.get(_, .linearizableAnywhere)), .value),
      (.user(.get(_, .linearizableAnywhere)), .noKey), (.user(.get(_, .stale)), .stale),
      (.user(.write), .written), (.user(.query), .configuration),
      (.user(.control), .done), (.user(.plan), .planned), (.user(.plan), .done),
      (.user(.register), .done), (.user(.membership), .done),
      (.user(.toGroup(_, _, .shardData)), .shardChunk),
      (.user(.toGroup(_, _, .deleteShard)), .done), (.user(.status), .status),
      (.user(.redis), .redis):
      true
    default: false
    }
  }
}

extension Refusal {
  /// Whether a group says by it how things are, and not only that another replica should be asked.
  var isAnswerOfGroup: Bool {
    switch self {
    case .notReady, .wrongGroup, .sessionExpired, .invalid: true
    case .wrongLeader, .noLeader, .overloaded, .noRoom, .outcomeUnknown: false
    }
  }
}

extension Clerk {
  /// Why an operation is not even begun.
  func refusal(of operation: ClerkOperation) -> ClerkError? {
    func error(_ code: ClerkError.Code, _ message: String) -> ClerkError {
      ClerkError(
        code: code, message: message, endpoint: nil, attempts: 0, mayHaveBeenApplied: false)
    }
    if let problem = problem(of: operation) { return error(.invalid, problem) }
    if userCount >= settings.operationsMax {
      return error(
        .unavailable, "too many operations are under way: the limit is \(settings.operationsMax)")
    }
    return nil
  }

  private func problem(of operation: ClerkOperation) -> String? {
    switch operation {
    case .get(let key, _): return keyProblem(key)
    case .write(let key, let change):
      if let problem = keyProblem(key) { return problem }
      switch change {
      case .put(let value), .append(let value): return valueProblem(value)
      case .delete: return nil
      case .compareAndSet(let expected, let value):
        return expected.flatMap(valueProblem) ?? valueProblem(value)
      }
    case .control(let command, _), .plan(let command): return controlProblem(command)
    case .toGroup(_, let record, let body):
      switch body {
      case .shardData, .deleteShard: break
      default: return "only shardData and deleteShard go to a group as they are"
      }
      return record.peerAddresses.isEmpty ? "the group has no addresses" : nil
    case .membership(let group, let record, _):
      let isReachable = group == .none || record.map { !$0.peerAddresses.isEmpty } ?? false
      return isReachable ? nil : "the group has no addresses"
    case .status(let address): return address.isEmpty ? "an empty address" : nil
    case .query, .register, .redis: return nil
    }
  }

  private func controlProblem(_ command: ControlCommand) -> String? {
    switch command {
    case .join(let requests):
      let bytes = requests.reduce(0) { sum, request in
        request.seeds.reduce(sum + 16) { $0 + $1.utf8.count }
      }
      return bytes <= settings.controlBytesMax
        ? nil : "a join with \(bytes) bytes of addresses: the limit is \(settings.controlBytesMax)"
    case .leave(let groups, _), .drain(let groups), .undrain(let groups):
      return groups.count <= settings.controlBytesMax / 16
        ? nil : "a list of \(groups.count) groups: the limit is \(settings.controlBytesMax / 16)"
    case .move, .weight, .policy, .rebalance: return nil
    }
  }

  private func keyProblem(_ key: [UInt8]) -> String? {
    key.count <= Limits.keyBytesMax
      ? nil : "a key of \(key.count) bytes: the limit is \(Limits.keyBytesMax)"
  }

  private func valueProblem(_ value: [UInt8]) -> String? {
    value.count <= Limits.valueBytesMax
      ? nil : "a value of \(value.count) bytes: the limit is \(Limits.valueBytesMax)"
  }
}
