import Basics
import RESP
import RedisCommands
import ShardKV
import ShardMap

/// Requests of one client that came together, in two parts that follow each other: answers that are
/// known and commands on keys, mixed; then perhaps one request that has to stand alone.
struct RedisWork: Sendable {
  enum Item: Sendable {
    case bytes([UInt8])
    /// The answer of the next command.
    case command(ReplyStyle)
    /// The answers of the next commands, joined to one.
    case joined(SpreadCommand, ReplyStyle)
  }

  /// What stands alone, since what follows depends on it or it concerns all keys.
  enum Tail: Sendable {
    case watch([[UInt8]])
    case commit(Transaction)
    case keyspace(KeyspaceCommand, ReplyStyle)
  }

  enum Stage: Sendable {
    /// Nothing was asked for, or not all of it was read.
    case idle
    case commands, tail
  }

  /// How far the stage is.
  enum Phase: Sendable {
    case new
    /// Waits for a leader, a shard or the end of a pause.
    case stalled
    /// Its entry is in the log, its read is being confirmed, or another group was asked.
    case underWay
  }

  /// Names it among all work of this node, so that a late result is known for one.
  private(set) var number: UInt64 = 0
  var items: [Item] = []
  private(set) var commands: [KeyedCommand] = []
  /// Of the commands, as far as they are known and not written.
  private var replies: [RESP.Reply?] = []
  /// How many items and replies are written.
  private var itemsWritten = 0
  private var repliesWritten = 0
  /// How many are not.
  private(set) var openCount = 0
  /// The places of those that are under way together, ascending.
  private(set) var run: [Int] = []
  /// Bytes of the arguments of all commands, and of the answers that are known.
  var bytes = 0
  /// Every command may be answered by a replica that does not lead.
  private(set) var mayBeStale = true
  var tail: Tail?
  /// How far a command on all keys has come.
  var sweep: KeyspaceSweep?
  var stage = Stage.idle
  var phase = Phase.new
  /// Since when it waits without having come further, monotonic nanoseconds.
  var waitsSince: UInt64?

  /// Begins another piece, after ``clear()``.
  mutating func begin(_ number: UInt64) {
    invariant(isIdle && isEmpty && commands.isEmpty, "work \(self.number) is not over")
    self.number = number
  }

  /// Ends what there was.
  mutating func clear() {
    let keeps = items.count <= Self.itemsKept
    items.removeAll(keepingCapacity: keeps)
    commands.removeAll(keepingCapacity: keeps)
    replies.removeAll(keepingCapacity: keeps)
    run.removeAll(keepingCapacity: keeps)
    itemsWritten = 0
    repliesWritten = 0
    openCount = 0
    bytes = 0
    mayBeStale = true
    tail = nil
    sweep = nil
    stage = .idle
    phase = .new
    waitsSince = nil
  }

  /// For so many the next piece finds room, which costs an idle client some hundred bytes.
  private static let itemsKept = 16

  var isIdle: Bool { stage == .idle }

  var isEmpty: Bool { items.isEmpty && tail == nil }

  mutating func add(_ answer: [UInt8]) {
    if answer.isEmpty { return }
    bytes += answer.count
    guard case .bytes(var before)? = items.last else { return items.append(.bytes(answer)) }
    items.removeLast()
    before += answer
    items.append(.bytes(before))
  }

  mutating func add(_ command: KeyedCommand, _ style: ReplyStyle, mayBeStale: Bool) {
    items.append(.command(style))
    add(command)
    self.mayBeStale = self.mayBeStale && mayBeStale
  }

  /// A command on keys of several shards, as its parts.
  mutating func add(_ spread: SpreadCommand, _ style: ReplyStyle) {
    items.append(.joined(spread, style))
    for part in spread.parts { add(part) }
    mayBeStale = false
  }

  private mutating func add(_ command: KeyedCommand) {
    commands.append(command)
    replies.append(nil)
    openCount += 1
  }

  // The commands that are under way.

  /// Takes the first command without a reply and those behind it as long as `belongs` says so.
  mutating func chooseRun(_ belongs: (KeyedCommand) -> Bool) {
    run.removeAll(keepingCapacity: true)
    for place in repliesWritten..<commands.count where replies[place] == nil {
      guard belongs(commands[place]) else { return }
      run.append(place)
    }
  }

  var firstOpen: KeyedCommand? {
    replies[repliesWritten...].firstIndex { $0 == nil }.map { commands[$0] }
  }

  var runCommands: [KeyedCommand] {
    run.count == commands.count ? commands : run.map { commands[$0] }
  }

  mutating func setReply(_ reply: RESP.Reply, at place: Int) {
    if replies[place] == nil { openCount -= 1 }
    replies[place] = reply
  }

  /// The answers of the first stage, in the order of their requests, up to the first that is not
  /// known or was taken before.
  mutating func takeAnswers() -> [UInt8] {
    var writer = ReplyWriter()
    writer.bytes.reserveCapacity((items.count - itemsWritten) * Self.usualAnswerBytes)
    while itemsWritten < items.count, write(items[itemsWritten], to: &writer) { itemsWritten += 1 }
    return writer.bytes
  }

  /// - Returns: whether its replies are known.
  private mutating func write(_ item: Item, to writer: inout ReplyWriter) -> Bool {
    switch item {
    case .bytes(let bytes): writer.bytes += bytes
    case .command(let style):
      guard let reply = replies[repliesWritten] else { return false }
      replies[repliesWritten] = .null
      repliesWritten += 1
      if !style.isMuted {
        writer.version = style.version
        writer.write(reply)
      }
    case .joined(let spread, let style):
      let places = repliesWritten..<repliesWritten + spread.parts.count
      let parts = replies[places].compactMap(\.self)
      guard parts.count == places.count else { return false }
      for place in places { replies[place] = .null }
      repliesWritten = places.upperBound
      if !style.isMuted {
        writer.version = style.version
        writer.write(spread.join(parts))
      }
    }
    return true
  }

  private static let usualAnswerBytes = 32

  /// The keys of what is under way or to be submitted next.
  var keys: [[UInt8]] {
    switch (stage, tail) {
    case (.commands, _): run.flatMap { commands[$0].keys }
    case (.tail, .watch(let keys)): keys
    case (.tail, .commit(let transaction)): transaction.keys
    case (.tail, .keyspace), (.tail, nil), (.idle, _): []
    }
  }

  /// It changes keys.
  var isWrite: Bool {
    switch (stage, tail) {
    case (.commands, _): run.contains { commands[$0].isWrite }
    case (.tail, .commit(let transaction)): transaction.isWrite
    case (.tail, .keyspace(let command, _)): command.isWrite
    case (.tail, .watch), (.tail, nil), (.idle, _): false
    }
  }
}
