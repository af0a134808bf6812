import Basics
import Journal
import Raft
import ShardKVServer
import ShardMap
import Wire

/// A node as the simulation sees it, whatever it replicates.
package protocol SimulatedNode: SimulatedProcess {
  var observation: NodeObservation { get }
  func stateHash() -> UInt64
  func shardReports() -> [NodeStatus.ShardReport]
  /// What was applied since the last call, in order.
  func takeApplied() -> [AppliedEntry]
  /// What it is and what it knows of its group, for reports.
  var summary: String { get }
  /// Bytes of the log behind the newest snapshot, and of that snapshot.
  var logBytes: UInt64 { get }
  var snapshotBytes: UInt64 { get }
}

/// A ``Node`` of either kind on a simulated host.
package final class NodeProcess<Service: NodeService>: SimulatedNode
where Service.Machine: Sendable {
  private var node: Node<WatchedService<Service>>

  /// Starts from what is on the host's disk, repairs included.
  package init(_ host: SimulatedHost, _ settings: NodeSettings, seed: UInt64, now: Moment) throws {
    let start = try Node<WatchedService<Service>>.recover(
      host.disk.reader, settings: settings, seed: seed, now: now)
    for effect in start.repairs { try host.disk.execute(effect) }
    node = start.node
  }

  package func turn(_ now: Moment, _ inputs: [NodeInput]) -> NodeEffects {
    node.turn(now, inputs)
  }

  package var nextDeadline: UInt64? { node.nextDeadline }

  package var observation: NodeObservation {
    NodeObservation(
      role: node.raft.role, term: node.raft.term, commitIndex: node.raft.commitIndex,
      appliedIndex: node.applied, configuration: node.service.configurationNumber,
      promises: node.raft.hardState,
      appliedTerm: node.raft.metadata(at: node.applied)?.last.term)
  }

  package func stateHash() -> UInt64 { node.service.stateHash() }

  package func shardReports() -> [NodeStatus.ShardReport] { node.service.shardReports() }

  package func takeApplied() -> [AppliedEntry] {
    let log = node.service.log
    guard !log.entries.isEmpty else { return [] }
    defer { log.entries = [] }
    return log.entries
  }

  package var summary: String {
    let raft = node.raft
    let peers = raft.progress.map { "\($0)" }.joined(separator: "; ")
    return "\(raft.role) term \(raft.term) log \(raft.firstIndex)...\(raft.lastID) commit "
      + "\(raft.commitIndex) applied \(node.applied) \(peers)"
  }

  package var logBytes: UInt64 { node.journalBytesSinceSnapshot }

  package var snapshotBytes: UInt64 { node.newestSnapshotBytes }
}
