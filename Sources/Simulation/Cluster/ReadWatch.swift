import Raft
import ShardKVServer

/// What must hold of linearizable reads of one group: a replica answers them by a state that has
/// everything that anybody knew to be committed when they were asked (thesis §6.4).
struct ReadWatch {
  private struct Reads {
    var incarnation: Int
    /// What was committed when a read was asked, by context; only ever asked for one.
    var floors: [UInt64: LogIndex] = [:]
  }

  /// By host.
  private var hosts: [Reads?] = []

  /// Takes note of the reads of a turn.
  /// - Parameter committed: the highest index that any replica knew to be committed before it.
  /// - Returns: what is wrong.
  mutating func observe(
    _ effects: NodeEffects, host: Int, incarnation: Int, committed: LogIndex
  ) -> String? {
    if effects.readsAsked.isEmpty, effects.readsConfirmed.isEmpty { return nil }
    while hosts.count <= host { hosts.append(nil) }
    if hosts[host]?.incarnation != incarnation { hosts[host] = Reads(incarnation: incarnation) }
    for context in effects.readsAsked { hosts[host]?.floors[context] = committed }
    for (context, index) in effects.readsConfirmed {
      guard let floor = hosts[host]?.floors.removeValue(forKey: context) else {
        return "confirmed read \(context), which nobody waits for"
      }
      if index < floor {
        return "answers a read as of \(index) that was asked when \(floor) was committed"
      }
    }
    return nil
  }
}
