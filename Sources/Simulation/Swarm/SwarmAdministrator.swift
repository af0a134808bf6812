import Basics
import Clerk
import ShardMap
import Wire

/// Joins, removes and moves while the run goes on, one change after the other.
final class SwarmAdministrator {
  private let cluster: SimulatedCluster
  private let client: SimulatedCluster.Client
  private let options: SwarmOptions
  private var generator: SeededGenerator
  private var members: Set<GroupID> = []
  private(set) var changes = 0
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
    change(.join(groups.filter { first.contains($0.id) }.map(Self.join))) { [unowned self] isDone in
      if isDone {
        members = Set(first)
        if options.controlPause > 0 { pause() }
      } else {
        after(milliseconds: 100) { [unowned self] in begin(joining: first) }
      }
    }
  }

  /// Makes every group a member, so that the end of a run sees all of them at work.
  func joinAll(then: @escaping () -> Void) {
    change(.join(groups.map(Self.join))) { [unowned self] isDone in
      if isDone {
        then()
      } else {
        after(milliseconds: 100) { [unowned self] in joinAll(then: then) }
      }
    }
  }

  private static func join(_ group: ClusterPlan.Group) -> JoinRequest {
    JoinRequest(group: group.id, seeds: group.members.map(\.peer))
  }

  private func after(milliseconds: Int, _ act: @escaping () -> Void) {
    cluster.simulator.after(UInt64(milliseconds) * nanosecondsPerMillisecond, act)
  }

  private func pause() {
    let pause = options.controlPause
    after(milliseconds: generator.next(in: pause / 2...pause * 3 / 2)) { [unowned self] in
      if !isStopping { next() }
    }
  }

  private func next() {
    let group = groups[generator.next(in: 0..<groups.count)]
    let command: ControlCommand
    switch generator.next(in: 0..<3) {
    case 0:
      command = .move(ShardID(generator.next(in: 0..<options.shardCount)), to: group.id)
    case 1 where members.count > 1:
      command = .leave([group.id], force: false)
      members.remove(group.id)
    default:
      command = .join([Self.join(group)])
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
        changes += 1
        then(true)
      } else {
        then(false)
      }
    }
  }
}
