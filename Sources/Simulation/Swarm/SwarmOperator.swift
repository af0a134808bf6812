import Basics
import Clerk
import Raft
import ShardMap
import Wire

/// Changes the replicas of groups as people do with `shardkv-cli group`: step by step, several at
/// once, given up half-way and gone on with later, and sometimes wrongly.
final class SwarmOperator {
  /// A change of the replicas of one group.
  struct Plan {
    /// The position in ``ClusterPlan/groups``.
    var group: Int
    var goal: RosterGoal
  }

  enum Ending {
    case done, givenUp, refused
  }

  /// What operators share: changes that were begun and not ended, and counts.
  final class Desk {
    var unfinished: [Plan] = []
    var counters = Counters()
  }

  struct Counters: Sendable {
    var begun = 0
    var done = 0
    var refused = 0
    var interrupted = 0
    var resumed = 0
    var replaced = 0
    var transfers = 0
    var transfersDone = 0
    var transfersRefused = 0
    /// Commands that nobody thought about, and those that were taken all the same.
    var blunders = 0
    var blundersDone = 0
  }

  let cluster: SimulatedCluster
  let options: SwarmOptions
  let desk: Desk
  private let client: SimulatedCluster.Client
  var generator: SeededGenerator
  private(set) var isBusy = false
  var isStopping = false
  /// It only ends what others began.
  private var isLast = false

  /// Nanoseconds that an operator goes on with one change.
  private static let patience: UInt64 = 15_000_000_000
  /// Replicas that a group ever has, but for those that come at the end of a run.
  static let replicasMax = 8

  init(
    _ cluster: SimulatedCluster, _ options: SwarmOptions, _ desk: Desk, generator: SeededGenerator
  ) {
    self.cluster = cluster
    self.options = options
    self.desk = desk
    self.generator = generator
    client = cluster.addClient()
  }

  var now: UInt64 { cluster.simulator.now }

  func begin() {
    let pause = options.memberPause
    after(milliseconds: generator.next(in: pause / 2...pause * 3 / 2)) { [unowned self] in
      if isStopping || isLast { return }
      isBusy = true
      next { [unowned self] in
        isBusy = false
        begin()
      }
    }
  }

  private func after(milliseconds: Int, _ act: @escaping () -> Void) {
    cluster.simulator.after(UInt64(milliseconds) * nanosecondsPerMillisecond, act)
  }

  private func next(_ then: @escaping () -> Void) {
    if !desk.unfinished.isEmpty, generator.chance(0.5) {
      var plan = desk.unfinished.remove(at: generator.next(in: 0..<desk.unfinished.count))
      plan.goal = feasible(plan.goal)
      desk.counters.resumed += 1
      return carryOut(plan, then)
    }
    let group = generator.next(in: 0..<cluster.plan.groups.count)
    switch generator.next(in: 0..<12) {
    case 0...6:
      guard let plan = draw(group) else { return then() }
      desk.counters.begun += 1
      carryOut(plan, then)
    case 7...9: transfer(group, then)
    default: blunder(group, then)
    }
  }

  /// A change that a person might want: those that are lost are replaced first.
  private func draw(_ group: Int) -> Plan? {
    let members = cluster.watches[group].memberships.current
    let voters = cluster.voters(of: cluster.plan.groups[group].id)
    guard !voters.isEmpty else { return nil }
    let lost = voters.filter { !$0.host.isIntact }
    var old = voters[generator.next(in: 0..<voters.count)]
    if let leader = cluster.leader(of: cluster.plan.groups[group].id), generator.chance(0.35) {
      old = leader
    }
    if !lost.isEmpty, generator.chance(0.7) { old = lost[generator.next(in: 0..<lost.count)] }
    let mayGrow = cluster.replicas.count { $0.group == group } < Self.replicasMax
    switch generator.next(in: 0..<6) {
    case 0, 1:
      guard members.everyone.count < 5, mayGrow else { return nil }
      return Plan(group: group, goal: .add(joiner(group)))
    case 2:
      guard members.voters.count > 2 else { return nil }
      return Plan(group: group, goal: .remove(old.member.id))
    default:
      guard mayGrow else { return nil }
      return Plan(group: group, goal: .replace(old.member.id, with: joiner(group)))
    }
  }

  /// A new replica; one in eight is never started, as after a mistyped address.
  private func joiner(_ group: Int) -> ReplicaAddress {
    let replica = cluster.addJoiner(to: group)
    if group == 0 ? false : generator.chance(0.12) {
      replica.host.isRetired = true
    } else {
      cluster.simulator.start(replica.host)
    }
    return replica.member
  }

  private func carryOut(_ plan: Plan, _ then: @escaping () -> Void) {
    let isShort = generator.chance(options.interruption)
    let patience =
      isShort
      ? UInt64(generator.next(in: 1...2_000)) * nanosecondsPerMillisecond : Self.patience
    cluster.simulator.trace("operator: \(plan)")
    pursue(plan, until: now + patience) { [unowned self] ending in
      cluster.simulator.trace("operator: \(plan) \(ending)")
      note(ending, of: plan)
      then()
    }
  }

  private func note(_ ending: Ending, of plan: Plan) {
    switch ending {
    case .done:
      desk.counters.done += 1
      switch plan.goal {
      case .remove(let old): stop(old, of: plan.group)
      case .replace(let old, _):
        desk.counters.replaced += 1
        if let old { stop(old, of: plan.group) }
      case .add: break
      }
    case .refused: desk.counters.refused += 1
    case .givenUp:
      desk.counters.interrupted += 1
      desk.unfinished.append(plan)
    }
  }

  /// One that was removed is stopped for good, or forgotten and goes on.
  private func stop(_ replica: ReplicaID, of group: Int) {
    guard generator.chance(0.4),
      let found = cluster.replicas.first(where: { $0.group == group && $0.member.id == replica }),
      !cluster.isBelieved(found)
    else { return }
    cluster.simulator.crash(found.host, losesUnsynced: false, silently: false)
    found.host.isRetired = true
  }

  // Step by step.

  /// Goes on as `shardkv-cli group` does: looks who leads, takes the next step, waits a little.
  func pursue(_ plan: Plan, until deadline: UInt64, then: @escaping (Ending) -> Void) {
    look(plan.group) { [unowned self] roster in
      if now >= deadline || isStopping { return then(.givenUp) }
      guard let roster else { return again(plan, deadline, then) }
      switch plan.goal.next(roster) {
      case .done: then(.done)
      case .impossible: then(.refused)
      case .wait: again(plan, deadline, then)
      case .ask(let command):
        ask(command, of: plan.group, roster) { [unowned self] outcome in
          switch outcome {
          case .reply(.done): pursue(plan, until: deadline, then: then)
          case .failed(let error) where error.code == .invalid && plan.goal.isRemoval:
            then(.refused)
          default: again(plan, deadline, then)
          }
        }
      }
    }
  }

  private func again(_ plan: Plan, _ deadline: UInt64, _ then: @escaping (Ending) -> Void) {
    after(milliseconds: 200) { [unowned self] in pursue(plan, until: deadline, then: then) }
  }

  private func look(_ group: Int, _ then: @escaping (Roster?) -> Void) {
    let known = cluster.replicas.filter { $0.group == group && !$0.host.isRetired }
    search(
      LeaderSearch(of: cluster.plan.groups[group].id, among: known.map(\.member.peer)), then)
  }

  private func search(_ search: LeaderSearch, _ then: @escaping (Roster?) -> Void) {
    var search = search
    let addresses = search.next()
    guard !addresses.isEmpty else { return then(search.roster) }
    var statuses: [NodeStatus] = []
    var left = addresses.count
    for address in addresses {
      cluster.submit(.status(address: address), by: client, timeout: 1_500_000_000) {
        [unowned self] outcome in
        if case .reply(.status(let status)) = outcome { statuses.append(status) }
        left -= 1
        guard left == 0 else { return }
        for status in statuses { search.hear(status) }
        self.search(search, then)
      }
    }
  }

  private func ask(
    _ command: MembershipCommand, of group: Int, _ roster: Roster?,
    _ then: @escaping (ClerkOutcome) -> Void
  ) {
    let safe = cluster.changesAreSafe(in: group)
    guard now >= safe else {
      return cluster.simulator.after(safe - now) { [unowned self] in
        ask(command, of: group, roster, then)
      }
    }
    cluster.changesOpen[group, default: 0] += 1
    let party = cluster.plan.groups[group]
    let replicas =
      roster?.leader.replicas ?? cluster.voters(of: party.id).map(\.member)
    let record = GroupRecord(
      identity: party.identity, membershipIndex: roster?.leader.membershipIndex.rawValue ?? 0,
      replicas: replicas)
    cluster.submit(
      .membership(party.id, party.id == .none ? nil : record, command), by: client,
      timeout: 2_000_000_000
    ) { [unowned self] outcome in
      cluster.changeEndedAt[group] = now
      if case .failed(let error) = outcome, error.code == .outcomeUnknown {
        cluster.changeLostAt[group] = now
      }
      cluster.changesOpen[group, default: 0] -= 1
      then(outcome)
    }
  }

  // The end of a run.

  /// Replaces all that are lost and ends all that was begun.
  func finish(then: @escaping () -> Void) {
    isLast = true
    isStopping = false
    var plans: [Plan] = []
    for group in cluster.plan.groups.indices {
      for lost in cluster.voters(of: cluster.plan.groups[group].id) where !lost.host.isIntact {
        let new = cluster.addJoiner(to: group)
        cluster.simulator.start(new.host)
        plans.append(Plan(group: group, goal: .replace(lost.member.id, with: new.member)))
      }
    }
    let lostCount = plans.count
    plans += desk.unfinished
    desk.counters.resumed += desk.unfinished.count
    desk.unfinished = []
    finish(plans, lostCount, then)
  }

  /// One that nobody starts, or that was lost since, cannot be waited for.
  private func feasible(_ goal: RosterGoal) -> RosterGoal {
    switch goal {
    case .remove: return goal
    case .add(let new), .replace(_, let new):
      let isThere = cluster.replicas.contains { $0.member.id == new.id && $0.host.isIntact }
      return isThere ? goal : .remove(new.id)
    }
  }

  private func finish(_ plans: [Plan], _ lostCount: Int, _ then: @escaping () -> Void) {
    guard var plan = plans.first else { return then() }
    // Only now: a plan before this one may have ended the replica that this one is about.
    plan.goal = feasible(plan.goal)
    cluster.simulator.trace("operator ends: \(plan)")
    pursue(plan, until: now + SwarmRun.recoveryTime) { [unowned self] ending in
      cluster.simulator.trace("operator ends: \(plan) \(ending)")
      if ending == .givenUp || (ending == .refused && lostCount > 0) {
        let what = "\(plan.goal) in group \(cluster.plan.groups[plan.group].id)"
        cluster.simulator.fail(.noProgress, "a change of replicas is never done: \(what)")
      }
      note(ending, of: plan)
      finish(Array(plans.dropFirst()), max(0, lostCount - 1), then)
    }
  }

  // Without looking.

  /// Anybody who was ever named, and somebody who never was.
  private func anybody(_ group: Int) -> ReplicaAddress {
    let known = cluster.replicas.filter { $0.group == group }
    let choice = generator.next(in: 0...known.count)
    return choice < known.count
      ? known[choice].member : ClusterPlan.member(cluster.plan.groups[group].id, 99)
  }

  private func transfer(_ group: Int, _ then: @escaping () -> Void) {
    let target = generator.chance(0.2) ? nil : anybody(group).id
    desk.counters.transfers += 1
    ask(.transfer(to: target), of: group, nil) { [unowned self] outcome in
      switch outcome {
      case .reply(.done): desk.counters.transfersDone += 1
      case .failed(let error) where error.code == .invalid: desk.counters.transfersRefused += 1
      default: break
      }
      then()
    }
  }

  /// A command that leads nowhere, or somewhere else: the leader has to see to it. Or two at once,
  /// of which the second has to wait for the first.
  private func blunder(_ group: Int, _ then: @escaping () -> Void) {
    let commands = (0..<(options.doublesBlunders ? 2 : 1)).map { _ in drawBlunder(group) }
    var left = commands.count
    for command in commands {
      desk.counters.blunders += 1
      ask(command, of: group, nil) { [unowned self] outcome in
        if case .reply(.done) = outcome { desk.counters.blundersDone += 1 }
        left -= 1
        if left == 0 { then() }
      }
    }
  }

  private func drawBlunder(_ group: Int) -> MembershipCommand {
    let (some, other) = (anybody(group), anybody(group))
    switch generator.next(in: 0..<5) {
    case 0: return .promote(some.id)
    case 1: return .replace(some.id, with: other.id)
    case 2 where cluster.watches[group].memberships.current.voters.count > 2:
      return .remove(some.id)
    default:
      // A folder that was made anew is not to come back, even if its replica was removed.
      let isWiped = cluster.replicas.contains { $0.member.id == some.id && $0.host.isWiped }
      return isWiped ? .promote(some.id) : .add(some)
    }
  }
}
