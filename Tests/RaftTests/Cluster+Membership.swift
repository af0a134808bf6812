import Basics
import Raft

extension Cluster {
  func membership(_ number: Int) -> Membership? { nodes[number].raft?.membership }

  func id(_ number: Int) -> ReplicaID { ids[number] }

  func propose(_ change: MembershipChange, at number: Int) -> MembershipAnswer? {
    var answer: MembershipAnswer?
    turn(number) { answer = $0.propose(change) }
    return answer
  }

  /// Proposes a change at whoever leads, again while it is too early, and waits until it is done.
  func change(_ change: MembershipChange) throws {
    let wasAccepted = try run(upToMilliseconds: 10_000) {
      try check()
      guard let leader = connectedNodes.first(where: isLeader),
        let answer = propose(change, at: leader)
      else { return false }
      switch answer {
      case .accepted: return true
      case .refused(.notCaughtUp), .refused(.notReady), .refused(.changePending),
        .refused(.transferring):
        return false
      case .refused(let refusal): throw Failed(description: "\(change): \(refusal)")
      }
    }
    guard wasAccepted else { throw Failed(description: "\(change) is refused for ever") }
    let isDone = run(upToMilliseconds: 5000) {
      connectedNodes.contains { isLeader($0) && nodes[$0].raft?.isMembershipSettled == true }
    }
    guard isDone else { throw Failed(description: "\(change) is never done") }
    try check()
  }
}
