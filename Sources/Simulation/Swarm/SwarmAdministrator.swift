import Basics
import Clerk
import ShardMap
import Wire

/// Changes groups and placement while the run goes on, one change after the other.
final class SwarmAdministrator {
  /// Changes that were done, by what was asked for.
  struct Counters: Sendable {
    var joins = 0
    var leaves = 0
    var moves = 0
    var weights = 0
    var policies = 0
    var drains = 0
    var undrains = 0
    var rebalances = 0
  }

  private let cluster: SimulatedCluster
  private let client: SimulatedCluster.Client
  private let options: SwarmOptions
  private var generator: SeededGenerator
  private var members: Set<GroupID> = []
  private(set) var counters = Counters()
  private(set) var isBusy = false
  var isStopping = false

  /// Nanoseconds for one change.
  private static let patience: UInt64 = 5_000_000_000

  init(_ cluster: SimulatedCluster, _ options: SwarmOptions, generator: SeededGenerator) {
    self.cluster = cluster
    self.options = options
    self.generator = generator
    client = cluster.addClient()
  }

  private var groups: [ClusterPlan.Group] { Array(cluster.plan.groups.dropFirst()) }

  /// Joins `first` as soon as they are registered, then goes on changing things.
  func begin(joining first: [GroupID]) {
    change(.join(groups.filter { first.contains($0.id) }.map(join))) { [unowned self] isDone in
      if isDone {
        members = Set(first)
        if options.controlPause > 0 { pause() }
      } else {
        after(milliseconds: 100) { [unowned self] in begin(joining: first) }
      }
    }
  }

  /// Makes every group a member that is not drained, so that the end of a run sees all of them at
  /// work. Each attempt names the replicas that the groups have by then.
  func joinAll(then: @escaping () -> Void) {
    change(.join(groups.map(join))) { [unowned self] isDone in
      if isDone {
        insist(on: [.undrain(groups.map(\.id)), .policy(.balanced)], then)
      } else {
        after(milliseconds: 100) { [unowned self] in joinAll(then: then) }
      }
    }
  }

  func insist(on commands: [ControlCommand], _ then: @escaping () -> Void) {
    guard let command = commands.first else { return then() }
    change(command) { [unowned self] isDone in
      if isDone {
        insist(on: Array(commands.dropFirst()), then)
      } else {
        after(milliseconds: 100) { [unowned self] in insist(on: commands, then) }
      }
    }
  }

  private func join(_ group: ClusterPlan.Group) -> JoinRequest {
    let voters = cluster.voters(of: group.id)
    return JoinRequest(group: group.id, seeds: voters.map(\.member.peer))
  }

  private func after(milliseconds: Int, _ act: @escaping () -> Void) {
    cluster.simulator.after(UInt64(milliseconds) * nanosecondsPerMillisecond, act)
  }

  private func pause() {
    let pause = options.movesOneShard ? 300 : options.controlPause
    after(milliseconds: generator.next(in: pause / 2...pause * 3 / 2)) { [unowned self] in
      if !isStopping { next() }
    }
  }

  private func next() {
    let group = groups[generator.next(in: 0..<groups.count)]
    if options.movesOneShard, generator.chance(0.8) {
      return change(.move(ShardID(0), to: group.id)) { [unowned self] _ in pause() }
    }
    let command: ControlCommand
    switch generator.next(in: 0..<12) {
    case 0...2:
      command = .move(ShardID(generator.next(in: 0..<options.shardCount)), to: group.id)
    case 3...4 where members.count > 1:
      command = .leave([group.id], force: false)
      members.remove(group.id)
    case 5: command = .weight(group.id, UInt32(generator.next(in: 0...4)))
    case 6: command = .policy(PlacementPolicy.allCases[generator.next(in: 0..<3)])
    case 7: command = .drain([group.id])
    case 8: command = .undrain([group.id])
    case 9: command = .rebalance
    default:
      command = .join([join(group)])
      members.insert(group.id)
    }
    change(command) { [unowned self] _ in pause() }
  }

  /// A refusal is an answer too: the administrator does not know what the controller knows.
  private func change(_ command: ControlCommand, then: @escaping (Bool) -> Void) {
    isBusy = true
    cluster.simulator.trace("administrator asks for \(command)")
    cluster.submit(.control(command), by: client, timeout: Self.patience) {
      [unowned self] outcome in
      isBusy = false
      cluster.simulator.trace("administrator is told \(outcome)")
      if case .reply(.done) = outcome {
        count(command)
        then(true)
      } else {
        then(false)
      }
    }
  }

  private func count(_ command: ControlCommand) {
    switch command {
    case .join: counters.joins += 1
    case .leave: counters.leaves += 1
    case .move: counters.moves += 1
    case .weight: counters.weights += 1
    case .policy: counters.policies += 1
    case .drain: counters.drains += 1
    case .undrain: counters.undrains += 1
    case .rebalance: counters.rebalances += 1
    }
  }
}
