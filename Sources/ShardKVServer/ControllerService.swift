import Basics
import Clerk
import Journal
import Raft
import Sessions
import ShardCtrler
import ShardKV
import ShardMap
import Wire

extension ControllerMachine.Capture: SnapshotCapture {}
extension ControllerMachine.Restorer: SnapshotRestorer {}
extension ControllerMachine.Pieces: DigestCapture {}

/// The controller as a node replicates it.
package struct ControllerService: NodeService {
  package var machine: ControllerMachine
  private let layout: ShardLayout
  private let bugs: PlantedBugs

  package init(identity: ReplicaIdentity, settings: NodeSettings) {
    layout = identity.layout
    bugs = settings.bugs
    machine = ControllerMachine(layout: identity.layout)
  }

  package mutating func apply(_ entry: Entry) -> Applied {
    switch machine.apply(stamp: entry.stamp, payload: entry.payload) {
    case .done(let number): .reply(.done(number))
    case .expired: .reply(.refused(.sessionExpired))
    case .stale: .again
    case .refused(let reason): .reply(.refused(.invalid(reason)))
    }
  }

  package mutating func advanceClock(to stamp: UInt64) { machine.advanceClock(to: stamp) }

  package func admit(_ body: Request.Body, nonce: UInt64) -> Admission {
    switch body {
    case .query, .plan: .read
    case .control(let id, let command, let expected):
      admit(
        machine.plan(
          id, command, expected: bugs.contains(.changesUnfenced) ? nil : expected))
    case .register(let group, let record): admit(group, record)
    case .openSession(nil): .reply(.session(machine.issueSession(nonce: nonce)))
    default:
      .reply(
        .refused(
          .invalid("this is a controller: it knows configurations, and no keys or shards")))
    }
  }

  private func admit(_ plan: ControlPlan) -> Admission {
    switch plan {
    case .propose(let command): .propose(ControllerMachine.encode(command))
    case .answered(let number): .reply(.done(number))
    // A leader that was deposed unawares must not refuse by an old state: confirm it first.
    case .refused: .read
    case .expired: .reply(.refused(.sessionExpired))
    }
  }

  private func admit(_ group: GroupID, _ record: GroupRecord) -> Admission {
    switch machine.planRegistration(group, record) {
    case .propose(let command): .propose(ControllerMachine.encode(command))
    case .unchanged: .reply(.done(machine.current.number))
    case .refused: .read
    }
  }

  package func read(_ body: Request.Body) -> Reply.Body {
    switch body {
    case .query(let number): return .configuration(machine.configuration(number), controllers: [])
    case .control(let id, let command, let expected):
      if case .refused(let reason) = machine.plan(id, command, expected: expected) {
        return .refused(.invalid(reason))
      }
    case .plan(let command):
      switch machine.preview(command) {
      case .change(let configuration): return .planned(configuration)
      case .unchanged: return .done(machine.current.number)
      case .refused(let reason): return .refused(.invalid(reason))
      }
    case .register(let group, let record):
      if case .refused(let reason) = machine.planRegistration(group, record) {
        return .refused(.invalid(reason))
      }
    default: break
    }
    // It was to be refused when it came and is not any more.
    return .refused(.notReady)
  }

  package func answerAnywhere(_ body: Request.Body) -> Reply.Body? { nil }

  package var nextErrands: UInt64 { .max }

  package mutating func errands(_ leader: LeaderContext) -> [Errand] { [] }

  package mutating func finished(_ errand: Errand, _ outcome: ClerkOutcome) -> [[UInt8]] { [] }

  package mutating func takeDiscarded() -> [any Sendable] { [] }

  package func capture() -> ControllerMachine.Capture { machine.capture() }

  package func makeRestorer() -> ControllerMachine.Restorer {
    ControllerMachine.Restorer(layout: layout)
  }

  package func pieces() -> ControllerMachine.Pieces { machine.pieces() }

  package mutating func flipBit(_ bit: Int, ofValueOf key: [UInt8]) -> Bool {
    machine.flipBit(bit)
  }

  package static var piecesFormat: Int { ControllerMachine.piecesFormat }

  package static func name(ofPart part: Int) -> String { "the configurations" }

  package var clock: UInt64 { machine.clock }

  package func stateHash() -> UInt64 { machine.stateHash() }

  package func withKeys<Result>(_ body: (ShardGroupMachine) -> Result) -> Result? { nil }

  package var configurationNumber: ConfigNumber { machine.current.number }

  package func shardReports() -> [NodeStatus.ShardReport] { [] }
}
