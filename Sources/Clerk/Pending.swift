import Balancing
import Basics
import Sessions
import ShardMap
import Wire

/// An operation in one of its states; void once the operation has gone on to another.
struct Ticket: Hashable {
  var operation: OperationID
  var token: UInt32
}

/// Those that can carry out an operation: one of them, the leader, does it.
enum Party: Hashable {
  case controllers
  case group(GroupID, GroupIdentity)
  case node(String)
}

/// One operation under way.
struct Pending {
  enum Work {
    case user(ClerkOperation)
    case openSession(ShardID?)
    case refresh
  }

  enum State: Hashable {
    /// To be looked at in this turn.
    case ready
    /// For a session, or for the first configuration.
    case waiting
    /// Until a timer wakes it, or a newer configuration does.
    case paused
    /// At an endpoint that is not open yet or has enough to do.
    case queued
    /// The number of the request that was sent.
    case inFlight(UInt64)
  }

  let work: Work
  let deadline: UInt64
  var state = State.ready
  /// Counts the changes of `state`.
  var token: UInt32 = 0
  var write: WriteID?
  /// Of the key that it is about, once it is known how keys map.
  var shard: ShardID?
  /// Requests that were given up but may still be answered.
  var late: [UInt64] = []
  var attempts = 0
  /// An attempt ended without an answer that says that nothing was applied.
  var mayHaveBeenApplied = false
  /// Hints followed without a pause.
  var hops = 0
  var pauses = 0
  /// Replicas that could not answer a read that any replica may answer.
  var tried: [BackendAddress] = []
  var renewals = 0
  var lastProblem = "it was not sent yet"
  var lastEndpoint: String?

  init(_ work: Work, deadline: UInt64) {
    self.work = work
    self.deadline = deadline
  }

  /// Goes on to another state; the new token is returned.
  mutating func enter(_ state: State) -> UInt32 {
    self.state = state
    token &+= 1
    return token
  }

  /// The session that the operation needs: `.some(nil)` is the controller's.
  var sessionKey: ShardID?? {
    switch work {
    case .user(.write): shard.map { .some($0) } ?? nil
    case .user(.control): .some(nil)
    default: nil
    }
  }
}

extension Pending.Work {
  var isUser: Bool { if case .user = self { true } else { false } }

  /// Whether any replica of the group may answer, and not only the leader.
  var isForAnyReplica: Bool {
    switch self {
    case .user(.get(_, .stale)), .user(.get(_, .linearizableAnywhere)): true
    default: false
    }
  }

  /// Whether carrying it out changes something.
  var isMutation: Bool {
    switch self {
    case .user(.write), .user(.control), .user(.register), .user(.membership),
      .user(.toGroup(_, _, .deleteShard)), .user(.redis(_, _, isWrite: true)):
      true
    default: false
    }
  }

  /// Whether a second copy would be carried out, too, so that it must not be sent once the first
  /// may have been.
  var isForOnce: Bool {
    if case .user(.redis(_, _, isWrite: true)) = self { true } else { false }
  }
}

/// A request that was sent.
struct Attempt {
  var operation: OperationID
  var connection: ConnectionID
  var endpoint: Int
  var party: Party
  var sentAt: UInt64
  var isLate = false
}

/// One address, and the connection to it.
struct Endpoint {
  var address: String
  /// The same for pools.
  var backend: BackendAddress
  /// Whose pool notes how it does.
  var party: Party?
  /// `nil`: not connected.
  var connection: ConnectionID?
  /// Who is there; set once the greeting is done.
  var welcome: Welcome?
  var decoder = FrameDecoder(limits: .greeting)
  var output: [UInt8] = []
  var queue = Queue<(ticket: Ticket, party: Party)>()
  /// Requests without a reply, late ones not counted.
  var inFlight = 0
  var lastReceived: UInt64 = 0
  /// Failures since the last reply.
  var failures = 0
  /// It failed and has not greeted since: nobody is sent there while there are others.
  var isSuspect = false
  /// Not to be connected to before.
  var retryAt: UInt64 = 0
  /// Not to be asked before whether it is well again, while there are others.
  var restUntil: UInt64 = 0
  /// Has something to be sent at the end of the turn.
  var isTouched = false

  init(address: String) { self.init(address: address, backend: BackendAddress(address)) }

  init(address: String, backend: BackendAddress) {
    self.address = address
    self.backend = backend
  }

  var isIdle: Bool { queue.isEmpty && inFlight == 0 && output.isEmpty }
}

/// The exactly-once window of this clerk at one shard, or at the controller.
struct Session {
  /// `nil`: being opened, if `opening` is set.
  var id: SessionID?
  var opening: OperationID?
  private(set) var next: UInt64 = 1
  /// The lowest number that is not answered yet.
  private(set) var first: UInt64 = 1
  private var answered: Set<UInt64> = []
  /// Operations that wait for the session, or for room in its window.
  var waiting = Queue<Ticket>()

  func hasRoom(window: UInt64) -> Bool { id != nil && next - first < window }

  /// The next number, unless the window is full.
  mutating func take(window: UInt64) -> UInt64? {
    guard hasRoom(window: window) else { return nil }
    defer { next += 1 }
    return next
  }

  /// The number's operation is over, and nobody waits for it any more.
  mutating func release(_ number: UInt64) {
    if number == first { first += 1 } else { answered.insert(number) }
    while !answered.isEmpty, answered.remove(first) != nil { first += 1 }
  }

  /// Begins anew; those that wait go on waiting.
  mutating func reset(to id: SessionID?) {
    self.id = id
    opening = nil
    next = 1
    first = 1
    answered = []
  }
}
