import Basics
import Clerk
import ShardMap
import Wire

/// What the nodes of a cluster say of themselves, put together.
struct ClusterView {
  var configuration: Configuration?
  /// Why there is none.
  var problem: String?
  /// The controllers first, then the groups in ascending order.
  var groups: [GroupView]
  var moves: [Move]

  /// A shard that is changing hands.
  struct Move: Hashable {
    var shard: ShardID
    var from: GroupID
    var to: GroupID
    /// `Waiting`, `Pulling`, `GCing` or `BePulling`.
    var state: String
  }

  /// Asks the controllers for the newest configuration and every node for its status.
  static func gather(
    _ app: App, _ clients: Clients, needsConfiguration: Bool
  ) throws(Failure) -> ClusterView {
    var configuration: Configuration?
    var problem: String?
    let patience = needsConfiguration ? app.timeout : min(app.timeout, 2_000_000_000)
    switch clients.run(.query(nil), timeout: patience) {
    case .reply(.configuration(let newest, _)): configuration = newest
    case .reply(let body): throw app.unexpected(body)
    case .failed(let error):
      if needsConfiguration { throw App.failure(error, .unavailable) }
      problem = error.message
    }
    let records = configuration?.allGroups ?? []
    let peers = records.flatMap { $0.1.replicas.map(\.peer) }
    let addresses = Array(Set(app.endpoints + peers)).sorted()
    let outcomes = clients.runAll(
      addresses.map { .status(address: $0) }, timeout: min(app.timeout, 1_500_000_000))
    var statuses: [String: NodeStatus] = [:]
    for (address, outcome) in zip(addresses, outcomes) {
      if case .reply(.status(let status)) = outcome { statuses[address] = status }
    }
    if configuration == nil, statuses.isEmpty {
      throw Failure(
        .unavailable,
        "no answer from \(app.endpoints.joined(separator: ", "))\n"
          + "Is the cluster up? 'scripts/cluster.sh up' starts one; --endpoints names another.")
    }
    return ClusterView(configuration, problem, controllers: app.endpoints, statuses)
  }

  init(
    _ configuration: Configuration?, _ problem: String?, controllers: [String],
    _ statuses: [String: NodeStatus]
  ) {
    self.configuration = configuration
    self.problem = problem
    groups = [GroupView(group: .none, isMember: true, addresses: controllers, statuses)]
    for (group, record, word) in configuration?.allGroups ?? [] {
      groups.append(
        GroupView(
          group: group, isMember: word == "member", addresses: record.replicas.map(\.peer),
          statuses))
    }
    moves = []
    moves = findMoves()
  }

  private func findMoves() -> [Move] {
    guard let configuration else { return [] }
    var found: [ShardID: Move] = [:]
    for view in groups where view.group != .none {
      for report in view.freshest?.shards ?? []
      where report.shard.index < configuration.shards.count {
        let assignment = configuration.shards[report.shard.index]
        switch report.status {
        case .serving: break
        case .pulling, .gcing:
          found[report.shard] = Move(
            shard: report.shard, from: assignment.source, to: view.group,
            state: report.status.name)
        case .bePulling:
          if found[report.shard] != nil { break }
          found[report.shard] = Move(
            shard: report.shard, from: view.group, to: assignment.owner,
            state: report.status.name)
        }
      }
    }
    for (index, assignment) in configuration.shards.enumerated() {
      let shard = ShardID(index)
      guard found[shard] == nil, let owner = groups.first(where: { $0.group == assignment.owner }),
        owner.group != .none, let status = owner.freshest,
        status.configuration < assignment.since
      else { continue }
      found[shard] = Move(
        shard: shard, from: assignment.source, to: assignment.owner, state: "Waiting")
    }
    return found.values.sorted { $0.shard < $1.shard }
  }

  /// Those worth showing: a group that left and holds nothing any more is history.
  var present: [GroupView] {
    groups.filter { view in
      if view.isMember || view.freshest?.shards.isEmpty == false { return true }
      let isSource = moves.contains { $0.from == view.group }
      return isSource
        || configuration?.shards.contains { $0.owner == .none && $0.source == view.group } == true
    }
  }

  /// Why moves are not over yet, or a group that shall be empty still holds something; `nil`: all
  /// is done.
  func unsettled(empty: [GroupID]) -> String? {
    guard let configuration else { return "the controllers do not answer" }
    if let move = moves.first(where: { $0.to != .none }) {
      let keys = groups.first { $0.group == move.to }?.report(of: move.shard)?.keys ?? 0
      return "\(moves.count) shards are moving, shard \(move.shard) from group \(move.from) to "
        + "group \(move.to) (\(move.state), \(grouped(keys)) keys there)"
    }
    for view in groups where view.group != .none && view.isMember {
      guard let leader = view.leader else { return "group \(view.group) has no leader" }
      if leader.configuration < configuration.number {
        return "group \(view.group) is in configuration \(leader.configuration) of "
          + "\(configuration.number)"
      }
    }
    for group in empty {
      guard let view = groups.first(where: { $0.group == group }) else { continue }
      guard let leader = view.leader else { return "group \(group) has no leader" }
      if !leader.shards.isEmpty {
        return "group \(group) still holds \(leader.shards.count) shards"
      }
      let held = configuration.shards.contains {
        $0.source == group && $0.left > leader.configuration
      }
      if held { return "group \(group) has not seen yet that it lost its shards" }
    }
    return nil
  }
}

/// One group as its replicas report it.
struct GroupView {
  var group: GroupID
  var isMember: Bool
  var replicas: [Replica]

  struct Replica {
    var address: String
    var id: ReplicaID?
    /// `nil`: it did not answer.
    var status: NodeStatus?
  }

  init(group: GroupID, isMember: Bool, addresses: [String], _ statuses: [String: NodeStatus]) {
    self.group = group
    self.isMember = isMember
    var all = addresses
    var answered = addresses.compactMap { statuses[$0] }.filter { $0.group == group }
    // Endpoints may name only some of the controllers; the members know the rest.
    for member in answered.first?.replicas ?? [] where !all.contains(member.peer) {
      all.append(member.peer)
      if let status = statuses[member.peer] { answered.append(status) }
    }
    replicas = all.map { address in
      let status = statuses[address].flatMap { $0.group == group ? $0 : nil }
      let id =
        status?.replica
        ?? answered.lazy.flatMap(\.replicas).first { $0.peer == address }?.id
      return Replica(address: address, id: id, status: status)
    }
  }

  private var answered: [NodeStatus] { replicas.compactMap(\.status) }

  /// The leader of the highest term among those that say they lead.
  var leader: NodeStatus? {
    answered.filter { $0.role == .leader }.max { $0.term < $1.term }
  }

  var leaderAddress: String? {
    leader.flatMap { leader in replicas.first { $0.status?.replica == leader.replica }?.address }
  }

  /// The leader, or who has applied most.
  var freshest: NodeStatus? { leader ?? answered.max { $0.appliedIndex < $1.appliedIndex } }

  func report(of shard: ShardID) -> NodeStatus.ShardReport? {
    freshest?.shards.first { $0.shard == shard }
  }

  /// Replicas that vote, as those that answer know it.
  var voterCount: Int { freshest.map(\.voters.count) ?? replicas.count }

  private var quorum: Int { voterCount / 2 + 1 }

  /// The voters that answer.
  private var alive: [NodeStatus] {
    let voters = freshest.map { Set($0.voters) }
    return answered.filter { voters?.contains($0.replica) ?? true }
  }

  /// Those of them that count for nothing now.
  var doubtful: [Replica] {
    let names = Set(alive.lazy.filter { $0.doubt != nil }.map(\.replica))
    return replicas.filter { $0.status.map { names.contains($0.replica) } ?? false }
  }

  /// There are too many of them for the others to elect a leader without them.
  var isStoppedByDoubt: Bool { survives < 0 && alive.count >= quorum }

  /// Who answers together knows all that was acknowledged: an election that everyone grants counts.
  var knowsEverything: Bool { alive.count { $0.doubt != .damage } >= quorum }

  /// How many more replicas may fail before the group stops; negative: it has stopped.
  var survives: Int {
    let margin = alive.count { $0.doubt == nil } - quorum
    if margin >= 0 || alive.count < quorum { return min(margin, alive.count - quorum) }
    return leader != nil || alive.count == voterCount && knowsEverything ? 0 : margin
  }

  var name: String { group == .none ? "controllers" : "group \(group)" }

  var silent: [String] { replicas.filter { $0.status == nil }.map(\.address) }
}
