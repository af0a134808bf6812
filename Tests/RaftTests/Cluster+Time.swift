import Basics
import Raft

/// Processes that are stopped, and clocks that run fast.
extension Cluster {
  func tickMicroseconds(_ number: Int) -> UInt64 {
    RaftSettings.tickMilliseconds * 1000 * 100 / nodes[number].clockPercent
  }

  func pause(_ number: Int) { nodes[number].isPaused = true }

  /// Keeps what is meant for a stopped process.
  func hold(_ event: Event) -> Bool {
    switch event {
    case .deliver(let message):
      let to = number(of: message.to)
      guard nodes[to].isPaused else { return false }
      nodes[to].pending.append(event)
    case .tick(let number, let life):
      guard nodes[number].isPaused, nodes[number].life == life else { return false }
      nodes[number].pending.append(event)
      queue.add(event, at: now + tickMicroseconds(number))
    case .synced(let number, let life):
      guard nodes[number].isPaused, nodes[number].life == life else { return false }
      nodes[number].pending.append(event)
    }
    return true
  }

  /// As the server does it: receipts, then mail, then `input`, then all ticks that are due, all in
  /// one turn.
  func resume(_ number: Int, _ input: (inout RaftNode) -> Void = { _ in }) {
    let pending = nodes[number].pending
    nodes[number].pending = []
    nodes[number].isPaused = false
    guard nodes[number].raft != nil else { return }
    for case .synced(let node, let life) in pending { handle(.synced(node: node, life: life)) }
    turn(number) { raft in
      for case .deliver(let message) in pending { raft.step(message) }
      input(&raft)
      for case .tick in pending.prefix(4000) { raft.tick() }
    }
  }
}

/// Reads that are checked: none may miss what was applied when it began.
extension Cluster {
  var applied: LogIndex { LogIndex(UInt64(truth.count)) }

  /// - Returns: the read's context.
  @discardableResult
  func beginRead(_ number: Int) -> UInt64 {
    let context = UInt64(readFloors.count) + 1
    readFloors[context] = applied
    if nodes[number].isPaused {
      resume(number) { $0.readAnywhere(context: context) }
    } else {
      turn(number) { $0.readAnywhere(context: context) }
    }
    return context
  }

  func outcome(of context: UInt64) -> ReadOutcome? {
    reads.map(\.outcome).first {
      switch $0 {
      case .confirmed(context, _), .dropped(context): true
      default: false
      }
    }
  }

  func note(_ outcome: ReadOutcome, on number: Int) {
    reads.append((number, outcome))
    if case .confirmed(let context, let index) = outcome, let floor = readFloors[context],
      index < floor
    {
      fail("node \(number) reads at \(index) what was at \(floor) before")
    }
  }
}
