import Basics
import Journal
import Raft
import ShardKVServer
import ShardMap
import Wire

/// A node as the simulation sees it, whatever it replicates.
package protocol SimulatedNode: SimulatedProcess {
  /// As it was after its last turn.
  var observation: NodeObservation { get }
  func stateHash() -> UInt64
  func shardReports() -> [NodeStatus.ShardReport]
  /// Flips a bit of the state, of a group in the value of that key; false if there is none.
  func flipBit(_ bit: Int, ofValueOf key: [UInt8]) -> Bool
  func status() -> NodeStatus
  /// The membership that is in force for it, committed or not.
  var membership: Membership { get }
  /// What it is and what it knows of its group, for reports.
  var summary: String { get }
  /// What it counted since it started.
  var counters: NodeCounters { get }
  /// Bytes of the log behind the newest snapshot, and of that snapshot.
  var logBytes: UInt64 { get }
  var snapshotBytes: UInt64 { get }
  /// Messages to other replicas since it started that were no replies.
  var callsSent: Int { get }
}

/// A ``Node`` of either kind on a simulated host.
///
/// What is asked after each turn is taken during the turn, where the node is at hand: to look into
/// a large value behind a reference is to copy it.
package final class NodeProcess<Service: NodeService>: SimulatedNode
where Service.Machine: Sendable {
  @exclusivity(unchecked) private var node: Node<Service>
  @exclusivity(unchecked) package private(set) var nextDeadline: UInt64?
  @exclusivity(unchecked) package private(set) var observation: NodeObservation

  /// Starts from what is on the host's disk, repairs included.
  package init(
    _ host: SimulatedHost, _ settings: NodeSettings, seed: UInt64, now: Moment,
    note: (String) -> Void
  ) throws {
    let start = try Node<Service>.recover(
      host.disk.reader, settings: settings, seed: seed, now: now)
    for effect in start.repairs { try host.disk.execute(effect) }
    for text in start.notes { note(text) }
    nextDeadline = start.node.nextDeadline
    observation = NodeObservation(start.node)
    node = start.repaired()
  }

  package func turn(_ now: Moment, _ inputs: [NodeInput]) -> NodeEffects {
    Self.turn(&node, now, inputs, &nextDeadline, &observation)
  }

  package var simulatedNode: (any SimulatedNode)? { self }

  @_specialize(where Service == ShardGroupService)
  @_specialize(where Service == ControllerService)
  private static func turn(
    _ node: inout Node<Service>, _ now: Moment, _ inputs: [NodeInput],
    _ nextDeadline: inout UInt64?, _ observation: inout NodeObservation
  ) -> NodeEffects {
    let effects = node.turn(now, inputs)
    nextDeadline = node.nextDeadline
    observation = NodeObservation(node)
    return effects
  }

  package func stateHash() -> UInt64 { node.service.stateHash() }

  package func shardReports() -> [NodeStatus.ShardReport] { node.service.shardReports() }

  package func flipBit(_ bit: Int, ofValueOf key: [UInt8]) -> Bool {
    node.flipBit(bit, ofValueOf: key)
  }

  package func status() -> NodeStatus { node.status() }

  package var membership: Membership { node.raft.membership }

  package var summary: String {
    let raft = node.raft
    let peers = raft.progress.map { "\($0)" }.joined(separator: "; ")
    return "\(raft.role) term \(raft.term) log \(raft.firstIndex)...\(raft.lastID) commit "
      + "\(raft.commitIndex) applied \(node.applied) \(raft.membership.text) at "
      + "\(raft.membershipIndex) \(peers)"
  }

  package var counters: NodeCounters { node.counters }

  package var logBytes: UInt64 { node.journalBytesSinceSnapshot }

  package var callsSent: Int { Int(clamping: node.counters.callsSent) }

  package var snapshotBytes: UInt64 { node.newestSnapshotBytes }
}
