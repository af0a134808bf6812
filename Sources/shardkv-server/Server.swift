import Basics
import EventLoop
import Glibc
import RedisCommands
import ShardKVServer
import Storage
import Wire

/// The shell of one node: waits, lets the node decide, and carries out what it wants.
struct Server<Service: NodeService>: ~Copyable where Service.Machine: Sendable {
  /// How long a node that was asked to stop may take, its last bytes included.
  static var stopNanoseconds: UInt64 { 2_000 * nanosecondsPerMillisecond }

  var node: Node<Service>
  let loop: Loop
  let storage: ServerStorage
  let log: Log
  private var inputs: [NodeInput] = []
  private var links: [LinkInput] = []
  private var stopAt: UInt64?
  /// Keys are still to be freed: the next turn is at once.
  private var keysWait = false
  private var turns = TurnMeasure()
  /// When the node is told again what the process uses.
  private var measureAt: UInt64 = 0
  private static var measureNanoseconds: UInt64 { 1_000 * nanosecondsPerMillisecond }
  /// When the node is told again what is left on the disk, and what it wrote since the last time.
  private var lookAtDiskAt: UInt64 = 0
  private var writtenBytes = 0
  private static var lookAtDiskNanoseconds: UInt64 { 100 * nanosecondsPerMillisecond }
  private static var lookAtDiskBytes: Int { 1 << 20 }

  init(node: consuming Node<Service>, loop: Loop, storage: ServerStorage, log: Log) {
    self.node = node
    self.loop = loop
    self.storage = storage
    self.log = log
    loop.watch(storage.wakeup)
  }

  /// Turns until the node is done. Throws when the disk fails: nothing has been sent after it then.
  mutating func run() throws(StorageError) -> NodeStop {
    freeKeysInThisThread()
    while true {
      takeInputs()
      var effects = node.turn(Loop.now(), inputs)
      inputs.removeAll(keepingCapacity: true)
      if case .rebuild(let reason)? = effects.stop {
        loop.perform(effects.links)
        loop.flush()
        log.write(effects.events)
        try storage.orderDiscard()
        return .rebuild(reason)
      }
      // On the loop the records of this turn are written before anything is sent, so that a disk
      // that fails here leaves nothing said that is not written. A thread may write them later:
      // what leaves now promises nothing, and what does waits for the receipt, which never comes
      // when the thread fails.
      try storage.write(effects)
      for case .write(_, _, let bytes) in effects.files { writtenBytes += bytes.count }
      // What need not wait for the disk leaves before the sync, so that the others sync meanwhile.
      loop.perform(effects.links)
      loop.flush()
      log.write(effects.events)
      // What waits for the disk is decided in a later turn, which the receipt makes immediate: the
      // receipt is an input like any other.
      if let number = try storage.sync(effects) { inputs.append(.synced(number)) }
      storage.order(&effects.background)
      keysWait = freeKeys()
      turns.note(since: loop.wokeAt)
      if let stop = effects.stop { return finish(stop) }
      if let stopAt, Loop.now().monotonic >= stopAt {
        log.write(.warning, "stopping without having finished what was under way")
        return finish(.drained)
      }
    }
  }

  /// Waits, unless something is to be told already, and gathers what happened.
  private mutating func takeInputs() {
    var deadline: UInt64? = 0
    if inputs.isEmpty, !keysWait {
      deadline = min(node.nextDeadline, stopAt ?? .max, node.watchesDisk ? lookAtDiskAt : .max)
    }
    loop.poll(until: deadline, into: &links)
    for number in loop.takeSignals() where stopAt == nil {
      log.write(.info, "stopping: \(number == SIGTERM ? "SIGTERM" : "SIGINT")")
      stopAt = Loop.now().monotonic + Self.stopNanoseconds
      inputs.append(.stop)
    }
    // What came from threads is of before this wait's mail.
    inputs += storage.takeResults()
    let now = Loop.now().monotonic
    if now >= lookAtDiskAt || writtenBytes >= Self.lookAtDiskBytes {
      lookAtDiskAt = now + Self.lookAtDiskNanoseconds
      writtenBytes = 0
      if let space = storage.space() { inputs.append(.diskSpace(space)) }
    }
    for link in links { inputs.append(.link(link)) }
    if now >= measureAt {
      measureAt = now + Self.measureNanoseconds
      var measure = ProcessMeasure.current()
      (measure.longestTurnMicroseconds, measure.longestRecentTurnMicroseconds) = turns.next()
      inputs.append(.measured(measure))
    }
    links.removeAll(keepingCapacity: true)
  }

  /// Sends what still waits, as long as that may take.
  private mutating func finish(_ stop: NodeStop) -> NodeStop {
    let end = stopAt ?? Loop.now().monotonic
    while loop.pendingBytes > 0, Loop.now().monotonic < end {
      loop.poll(until: end, into: &links)
      links.removeAll(keepingCapacity: true)
    }
    log.write(.info, "stopped")
    return stop
  }
}

/// How long the loop was away from its sockets, by turns.
private struct TurnMeasure {
  /// What is recent: so many seconds, the one under way included.
  private static let secondsMax = 60

  private var longest: UInt64 = 0
  /// The longest turn of each of the last seconds, the present one last.
  private var recent: [UInt64] = [0]

  /// A turn ends that began then, monotonic nanoseconds.
  mutating func note(since start: UInt64) {
    let now = Loop.now().monotonic
    let microseconds = (now - min(start, now)) / 1_000
    longest = max(longest, microseconds)
    recent[recent.count - 1] = max(recent[recent.count - 1], microseconds)
  }

  /// The longest turn ever and the longest recent one, in microseconds; begins another second.
  mutating func next() -> (UInt64, UInt64) {
    let most = recent.max() ?? 0
    recent.append(0)
    if recent.count > Self.secondsMax { recent.removeFirst() }
    return (longest, most)
  }
}
