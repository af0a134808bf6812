import Basics
import Clerk
import Journal
import Raft
import ShardKV
import ShardMap
import Wire

/// What a ``Node`` replicates: the controller's machine or a shard group's, and what its leader has
/// to do besides. A pure value.
package protocol NodeService: Sendable {
  associatedtype Machine: Sendable
  associatedtype Capture: SnapshotCapture
  associatedtype Pieces: DigestCapture
  associatedtype Restorer: SnapshotRestorer where Restorer.Machine == Machine

  init(identity: ReplicaIdentity, settings: NodeSettings)

  /// The replicated state.
  var machine: Machine { get set }

  /// Applies a committed command. The result answers whoever waits for it, if anybody does.
  mutating func apply(_ entry: Entry) -> Applied
  /// Moves the replicated clock on for an entry that is no command.
  mutating func advanceClock(to stamp: UInt64)

  /// What to do with a client's request; only a leader asks.
  func admit(_ body: Request.Body, nonce: UInt64) -> Admission
  /// The answer to a request that was admitted as ``Admission/read``, from the state of now.
  func read(_ body: Request.Body) -> Reply.Body
  /// The answer that any replica may give from what it has applied; `nil`: only the leader can.
  func answerAnywhere(_ body: Request.Body) -> Reply.Body?

  /// What the leader has to ask of others now. Asked again and again: when entries were applied,
  /// when an errand came back, and at ``nextErrands``. The node leaves out what is under way.
  mutating func errands(_ leader: LeaderContext) -> [Errand]
  /// When there may be errands that time alone gives rise to, monotonic nanoseconds.
  var nextErrands: UInt64 { get }
  /// An errand came back: the commands to propose.
  mutating func finished(_ errand: Errand, _ outcome: ClerkOutcome) -> [[UInt8]]

  /// Parts of the state that the last command gave up and that take long to free. What is not taken
  /// is freed by the next command.
  mutating func takeDiscarded() -> [any Sendable]

  /// The state of now, in O(1).
  func capture() -> Capture
  func makeRestorer() -> Restorer
  /// The same to be hashed, in O(1). Pieces of different formats cannot be compared.
  func pieces() -> Pieces
  static var piecesFormat: Int { get }
  /// What a part of the state is called.
  static func name(ofPart part: Int) -> String
  /// The replicated clock: the greatest stamp that was applied, in milliseconds since 1970.
  var clock: UInt64 { get }
  /// The same on every replica that has applied the same entries.
  func stateHash() -> UInt64

  /// Flips a bit of the state as bad memory does, of a group in the value of that key; false if
  /// there is none. For simulations.
  mutating func flipBit(_ bit: Int, ofValueOf key: [UInt8]) -> Bool

  /// Looks at the keys of a shard group; `nil` for a service that has none.
  func withKeys<Result>(_ body: (ShardGroupMachine) -> Result) -> Result?

  var configurationNumber: ConfigNumber { get }
  func shardReports() -> [NodeStatus.ShardReport]
}

/// What applying a command came to.
package enum Applied: Sendable {
  case reply(Reply.Body)
  /// For a Redis client, who gets it in its own words.
  case redis(RemoteResult)
  /// It was decided on a state that had changed since: decide and propose again.
  case again

  /// Of one entry.
  var commandCount: Int {
    if case .redis(.commands(let outcomes)) = self { outcomes.count } else { 1 }
  }
}

/// What to do with a request.
package enum Admission: Sendable {
  case propose([UInt8])
  /// Confirm leadership, then ``NodeService/read(_:)``.
  case read
  case reply(Reply.Body)
}

/// What a leader's errands depend on.
package struct LeaderContext: Sendable {
  package var now: Moment
  package var term: Term
  /// This group as the controller shall know it; `nil`: not now.
  package var record: GroupRecord?

  package init(now: Moment, term: Term, record: GroupRecord?) {
    self.now = now
    self.term = term
    self.record = record
  }
}

/// Something to ask of another group or of the controller.
package struct Errand: Sendable {
  /// Names an errand, so that it is not begun twice.
  package enum Key: Hashable, Sendable {
    case configuration
    case registration
    case pull(ShardID, left: ConfigNumber)
    case deletion(ShardID, left: ConfigNumber)
  }

  package var key: Key
  package var operation: ClerkOperation
  /// The leader's term in which it was begun.
  package var term: Term

  package init(key: Key, operation: ClerkOperation, term: Term) {
    self.key = key
    self.operation = operation
    self.term = term
  }
}
