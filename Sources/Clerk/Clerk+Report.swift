import ShardMap

extension Clerk {
  /// For people who ask why something takes so long: a line for each operation under way.
  package var report: [String] {
    operations.keys { _ in true }.compactMap { key in
      guard let pending = operations[OperationID(rawValue: key)] else { return nil }
      return "\(pending.work.summary) is \(pending.state) after \(pending.attempts) attempts, last "
        + "at \(pending.lastEndpoint ?? "nobody"): \(pending.lastProblem)"
    }
  }
}

extension Pending.Work {
  fileprivate var summary: String {
    switch self {
    case .refresh: "question for the newest configuration"
    case .openSession(let shard): "session at \(shard.map { "shard \($0)" } ?? "the controller")"
    case .user(.get): "read"
    case .user(.write): "write"
    case .user(.query): "query"
    case .user(.control): "change of the configuration"
    case .user(.plan): "plan"
    case .user(.register): "registration"
    case .user(.toGroup): "request to a group"
    case .user(.redis): "request of a Redis client"
    case .user(.membership): "change of replicas"
    case .user(.status): "question for the status"
    }
  }
}
