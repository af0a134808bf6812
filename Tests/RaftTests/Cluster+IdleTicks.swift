import Raft

/// Ticks that a replica may sleep through.
extension Cluster {
  /// A tick that was said to do nothing does what skipping it does, and the one that will do
  /// something comes no later for it. So any number of them, skipped at once, are as many ticks.
  func checkIdleTick(of raft: RaftNode) {
    ticksSeen += 1
    let quiet = raft.ticksUntilAction
    guard idleCheckInterval > 0, ticksSeen % idleCheckInterval == 0, quiet > 1 else { return }
    idleTicksSeen += 1
    var ticked = raft
    ticked.tick()
    var skipped = raft
    skipped.skip(idleTicks: 1)
    if ticked.hasReady { failure = "\(raft.id) has something to do after an idle tick" }
    if "\(ticked)" != "\(skipped)" {
      failure = "an idle tick of \(raft)\nmade\n\(ticked)\ninstead of\n\(skipped)"
    }
    if quiet < .max, skipped.ticksUntilAction < quiet - 1 {
      failure = "\(raft.id) said \(quiet) ticks, and after one \(skipped.ticksUntilAction)"
    }
  }
}
