import Basics
import EventLoop
import Glibc
import Journal
import ShardKVServer
import Storage
import Wire

/// The shell of one node: waits, lets the node decide, and carries out what it wants.
struct Server<Service: NodeService> where Service.Machine: Sendable {
  /// How long a node that was asked to stop may take, its last bytes included.
  static var stopNanoseconds: UInt64 { 2_000 * nanosecondsPerMillisecond }

  var node: Node<Service>
  let loop: Loop
  let folder: Folder
  let log: Log
  private var inputs: [NodeInput] = []
  private var links: [LinkInput] = []
  private var stopAt: UInt64?
  /// When the node is told again what the process uses.
  private var measureAt: UInt64 = 0
  private static var measureNanoseconds: UInt64 { 1_000 * nanosecondsPerMillisecond }
  /// When the node is told again what is left on the disk, and what it wrote since the last time.
  private var lookAtDiskAt: UInt64 = 0
  private var writtenBytes = 0
  private static var lookAtDiskNanoseconds: UInt64 { 100 * nanosecondsPerMillisecond }
  private static var lookAtDiskBytes: Int { 1 << 20 }

  init(node: Node<Service>, loop: Loop, folder: Folder, log: Log) {
    self.node = node
    self.loop = loop
    self.folder = folder
    self.log = log
  }

  /// Turns until the node is done. Throws when the disk fails: nothing has been sent after it then.
  mutating func run() throws(StorageError) -> NodeStop {
    while true {
      takeInputs()
      let effects = node.turn(Loop.now(), inputs)
      inputs.removeAll(keepingCapacity: true)
      // The records of this turn are written before anything is sent, so that a disk that fails
      // here leaves nothing said that is not written.
      try folder.perform(effects.files)
      for case .write(_, _, let bytes) in effects.files { writtenBytes += bytes.count }
      // What need not wait for the disk leaves before the sync, so that the others sync meanwhile.
      loop.perform(effects.links)
      loop.flush()
      log.write(effects.events)
      // What waits for the disk is decided in the next turn, which the receipt makes immediate: the
      // receipt is an input like any other.
      if let sync = effects.sync {
        try folder.perform(sync.files)
        inputs.append(.synced(sync.number))
      }
      for read in effects.reads { inputs.append(.fileRead(read, bytes: try folder.read(read))) }
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
    if inputs.isEmpty {
      deadline = min(node.nextDeadline, stopAt ?? .max, node.watchesDisk ? lookAtDiskAt : .max)
    }
    loop.poll(until: deadline, into: &links)
    for number in loop.takeSignals() where stopAt == nil {
      log.write(.info, "stopping: \(number == SIGTERM ? "SIGTERM" : "SIGINT")")
      stopAt = Loop.now().monotonic + Self.stopNanoseconds
      inputs.append(.stop)
    }
    let now = Loop.now().monotonic
    if now >= lookAtDiskAt || writtenBytes >= Self.lookAtDiskBytes {
      lookAtDiskAt = now + Self.lookAtDiskNanoseconds
      writtenBytes = 0
      if let space = folder.space() { inputs.append(.diskSpace(space)) }
    }
    for link in links { inputs.append(.link(link)) }
    if now >= measureAt {
      measureAt = now + Self.measureNanoseconds
      inputs.append(.measured(.current()))
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
