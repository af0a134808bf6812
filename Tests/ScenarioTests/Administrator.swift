import Basics
import Clerk
import ShardMap
import Simulation
import Wire

/// Somebody who lets a group join and leave without end, each time until the shards have moved: the
/// "controller" of the 2025 labs.
///
/// Each change names the configuration that it was made for, the one that its own last change made.
/// So whoever was cut off while another administrator went on changes nothing when coming back.
final class Administrator {
  enum Phase: Equatable {
    case idle
    case asking
    /// Its change is configuration `number`, and the shards move.
    case moving(ConfigNumber, isMember: Bool)
    /// Another administrator made a change since its own.
    case superseded
  }

  let client: LabClient
  private let stage: ShardedLab
  private let group: GroupID
  private(set) var phase = Phase.idle
  /// Changes that were carried out, and those that another's made void.
  private(set) var finished = 0
  private(set) var refused = 0
  /// It makes no further change.
  var isOver = false
  /// Looks at what there is once it is superseded, and goes on from there.
  var goesOn = false
  /// It cannot see how far the groups are.
  private var isCutOff = false
  private var known: Configuration?

  init(_ stage: ShardedLab, of group: Int) {
    self.stage = stage
    self.group = stage.groups[group]
    client = stage.lab.makeClient()
  }

  func setCutOff(_ isCutOff: Bool) {
    self.isCutOff = isCutOff
    client.setReachesNobody(isCutOff)
  }

  /// Looks at the newest configuration, and begins to change it.
  func begin() {
    submit(.query(nil)) { [self] body in
      guard case .configuration(let configuration, _) = body else { return }
      known = configuration
      change()
    }
  }

  private func change() {
    guard !isOver, let known else {
      phase = .idle
      return
    }
    let isMember = known.groups[group] != nil
    let member = stage.lab.cluster.plan.groups.first { $0.id == group }
    let seeds = member?.members.map(\.peer) ?? []
    let command: ControlCommand =
      isMember ? .leave([group], force: false) : .join([JoinRequest(group: group, seeds: seeds)])
    phase = .asking
    submit(.control(command, expected: known.number)) { [self] body in
      guard case .done(let number) = body else { return }
      phase = .moving(number, isMember: !isMember)
      var members = known.groupIDs.filter { $0 != group }
      if !isMember { members.append(group) }
      awaitMoves(number, members)
    }
  }

  private func awaitMoves(_ number: ConfigNumber, _ members: [GroupID]) {
    if !isCutOff, stage.isSettled(number, members: members) {
      finished += 1
      // What it made is what it knows; nobody told it of anything newer.
      if goesOn { return begin() }
      known?.number = number
      known?.groups[group] =
        members.contains(group)
        ? GroupRecord(identity: GroupIdentity(rawValue: 0), membershipIndex: 0, replicas: []) : nil
      return change()
    }
    stage.lab.simulator.after(20 * nanosecondsPerMillisecond) { [self] in
      awaitMoves(number, members)
    }
  }

  private func submit(_ operation: ClerkOperation, _ then: @escaping (Reply.Body) -> Void) {
    let timeout = UInt64(LabCluster.callSeconds * 1e9)
    stage.lab.cluster.submit(operation, by: client.client, timeout: timeout) { [self] outcome in
      switch outcome {
      case .reply(let body): then(body)
      case .failed(let error) where error.code == .invalid:
        phase = .superseded
        refused += 1
        if goesOn, !isOver { begin() }
      case .failed(let error):
        stage.lab.simulator.fail(.noProgress, "an administrator's \(operation): \(error)")
      }
    }
  }
}
