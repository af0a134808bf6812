import Basics
import Raft
import ShardKVServer
import ShardMap

/// What a node shows of itself after a turn.
///
/// A class, because it is handed around after every turn, and to copy so many fields each time
/// costs more than to allocate them once.
package final class NodeObservation: Sendable {
  package let replica: ReplicaID
  package let role: Role
  package let term: Term
  package let commitIndex: LogIndex
  package let appliedIndex: LogIndex
  package let configuration: ConfigNumber
  package let promises: HardState
  /// Whether its disk may have forgotten some of them.
  package let trust: Trust
  /// The term of the entry at `appliedIndex`, if it is still in the log.
  package let appliedTerm: Term?
  package let lastIndex: LogIndex
  /// Where the membership in force stands, and whether it is committed and not joint.
  package let membershipIndex: LogIndex
  package let isSettled: Bool
  /// It leads though a membership without it is committed.
  package let leadsAsStranger: Bool
  package let transferTarget: ReplicaID?
  /// The membership in force there.
  package let membership: Membership
  /// What a leader knows each of the others to have, by id.
  package let matches: [LogIndex]
  /// How often each of them was in doubt.
  package let peerDoubts: [UInt64]
  /// The first entry of the log in memory, and the end of the newest snapshot of it.
  package let firstIndex: LogIndex
  package let snapshotIndex: LogIndex
  /// The end of the oldest snapshot that it is sending to anybody.
  package let sending: LogIndex?
  /// It may answer reads without asking anybody.
  package let holdsLease: Bool
  /// It leads, and no power cut can take its election back.
  package let isElected: Bool
  /// It leads, and an entry of its own term is committed.
  package let isReadyToServe: Bool
  /// Messages of other replicas since it started.
  package let messagesReceived: UInt64

  @_specialize(where Service == ShardGroupService)
  @_specialize(where Service == ControllerService)
  init<Service: NodeService>(_ node: borrowing Node<Service>) {
    replica = node.identity.replica
    role = node.raft.role
    term = node.raft.term
    commitIndex = node.raft.commitIndex
    appliedIndex = node.applied
    configuration = node.service.configurationNumber
    promises = node.raft.hardState
    trust = node.raft.trust
    appliedTerm = appliedIndex == .zero ? nil : node.raft.term(at: appliedIndex)
    lastIndex = node.raft.lastIndex
    membershipIndex = node.raft.membershipIndex
    isSettled = node.raft.isMembershipSettled
    membership = node.raft.membership
    leadsAsStranger = role == .leader && isSettled && !membership.isVoter(node.raft.id)
    transferTarget = node.raft.transferTarget
    matches = node.raft.matches
    peerDoubts = node.raft.peerDoubts
    firstIndex = node.raft.firstIndex
    snapshotIndex = node.raft.snapshot.index
    sending = node.raft.snapshotSent
    holdsLease = node.raft.holdsLease
    isElected = node.raft.isElected
    isReadyToServe = node.raft.isReadyToServe
    messagesReceived = node.counters.messagesReceived
  }
}

extension NodeObservation: CustomStringConvertible {
  package var description: String {
    "\(role) of term \(term) with log \(firstIndex)...\(lastIndex), commit \(commitIndex), "
      + "applied \(appliedIndex), configuration \(configuration)"
  }
}
