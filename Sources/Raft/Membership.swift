import Basics

/// The replicas of a group: who votes and who only listens.
///
/// While `outgoing` is not empty the group is in joint consensus, and a majority of both `voters`
/// and `outgoing` is needed (Raft §6).
package struct Membership: Hashable, Sendable {
  /// Ascending and without duplicates, as `outgoing` and `learners` are.
  package var voters: [ReplicaID]
  package var outgoing: [ReplicaID]
  package var learners: [ReplicaID]
  /// What the shell has to know of its replicas, such as their addresses: Raft carries it in the
  /// log and in snapshots, and never looks into it. At most ``contextBytesMax`` bytes each.
  package private(set) var contexts: [ReplicaID: [UInt8]]

  /// Contexts of strangers are left out.
  package init(
    voters: [ReplicaID], outgoing: [ReplicaID] = [], learners: [ReplicaID] = [],
    contexts: [ReplicaID: [UInt8]] = [:]
  ) {
    self.voters = voters.sorted()
    self.outgoing = outgoing.sorted()
    self.learners = learners.sorted()
    self.contexts = [:]
    for replica in everyone { self.contexts[replica] = contexts[replica] }
  }

  package func isVoter(_ replica: ReplicaID) -> Bool {
    voters.contains(replica) || outgoing.contains(replica)
  }

  package func includes(_ replica: ReplicaID) -> Bool {
    isVoter(replica) || learners.contains(replica)
  }

  /// Everyone that the leader replicates to, itself included, in ascending order.
  package var everyone: [ReplicaID] { Set(voters + outgoing + learners).sorted() }
}
