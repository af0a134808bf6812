import Basics
import Sessions
import ShardMap
import Wire

/// Carries operations to whoever can do them, and brings back what came of it: finds shard, group
/// and leader, numbers writes so that repeats apply once, retries, waits and gives up in time.
///
/// A value: time and what the network did go in, what the network is to do and outcomes come out.
/// One connection for each address carries any number of requests.
package struct Clerk: Sendable {
  private let anchor = Anchor()
  var settings: ClerkSettings
  /// Addresses of controllers that were given, and those that are known now.
  let seeds: [String]
  var controllers: [String]
  /// Learnt from the first welcome if it was not given.
  var cluster: ClusterID?
  var random: SeededGenerator
  var now = Moment(monotonic: 0, wall: 0)
  var effects = ClerkEffects()

  /// The newest configuration seen.
  package internal(set) var configuration: Configuration?
  /// What configurations of a lower number said of their groups. Whoever asks for such a one gets
  /// the addresses that were registered last, which may be newer than those above, also of groups
  /// that the newest configuration does not name any more.
  var olderRecords: [GroupID: GroupRecord] = [:]
  /// What groups said of single shards since.
  var overrides: [ShardID: ShardOverride] = [:]
  var operations = Slab<Pending>()
  /// Operations of callers; without any, what the clerk does for itself rests too.
  var userCount = 0
  var ready = Queue<Ticket>()
  /// Operations that a newer configuration may help.
  var waitingForConfiguration: [Ticket] = []

  /// Requests without a reply, by the id that they carry.
  var attempts = Slab<Attempt>()
  /// Requests in the order they were sent, for the timeout that is the same for all.
  var timeouts = Queue<(request: UInt64, at: UInt64)>()
  var timers = TimerHeap()

  var endpoints: [Endpoint] = []
  var endpointIndex: [String: Int] = [:]
  var connections: [ConnectionID: Int] = [:]
  let firstConnection: UInt64
  var nextConnection: UInt64
  /// Endpoints with something to send.
  var touched: [Int] = []
  var parties: [Party: PartyState] = [:]
  var sessions = SessionTable()
  /// Sessions with room for operations that wait for it.
  var freedSessions: [ShardID?] = []

  var refreshOperation: OperationID?
  var isRefreshScheduled = false
  /// Questions for the newest configuration since one brought something newer.
  var fruitlessRefreshes = 0
  /// When ``turn(_:_:)`` must be called at the latest, in monotonic nanoseconds.
  package private(set) var nextDeadline: UInt64?

  /// - Parameters:
  ///   - controllers: addresses of controller replicas; some are enough, they name the others.
  ///   - cluster: `nil`: whichever the first that is reached belongs to.
  ///   - firstConnection: the connections it opens are numbered from here, below
  ///     ``ConnectionID/firstAccepted``.
  package init(
    settings: ClerkSettings, controllers: [String], cluster: ClusterID?, firstConnection: UInt64,
    seed: UInt64
  ) {
    self.settings = settings
    seeds = controllers
    self.controllers = controllers
    self.cluster = cluster
    self.firstConnection = firstConnection
    nextConnection = firstConnection
    random = SeededGenerator(seed: seed)
  }

  /// Whether the clerk opened this connection, now or earlier, and so gets its inputs.
  package func owns(_ connection: ConnectionID) -> Bool {
    firstConnection..<nextConnection ~= connection.rawValue
  }

  /// Operations that are not finished.
  package var pendingCount: Int { userCount }

  /// Requests that were sent for an operation that is not finished, and why it is not.
  package func attempts(of id: OperationID) -> (count: Int, problem: String) {
    operations[id].map { ($0.attempts, $0.lastProblem) } ?? (0, "")
  }

  /// Takes on an operation; the next turn begins with it. It is finished once, by its deadline
  /// (monotonic nanoseconds) at the latest.
  package mutating func submit(_ operation: ClerkOperation, deadline: UInt64, now: Moment)
    -> OperationID
  {
    self.now.monotonic = max(self.now.monotonic, now.monotonic)
    nextDeadline = self.now.monotonic
    let pending = Pending(.user(operation), deadline: deadline)
    if let error = refusal(of: operation) {
      let key = operations.insert(pending)
      _ = operations.remove(key)
      effects.finished.append((OperationID(rawValue: key), .failed(error)))
      return OperationID(rawValue: key)
    }
    userCount += 1
    return start(pending)
  }

  /// Forgets an operation: it is not reported any more, though it may still be applied.
  package mutating func cancel(_ id: OperationID) {
    if operations[id]?.work.isUser == true { forget(id) }
  }

  /// Takes in what happened and does all that can be done now.
  package mutating func turn(_ now: Moment, _ inputs: [LinkInput]) -> ClerkEffects {
    self.now = Moment(
      monotonic: max(self.now.monotonic, now.monotonic), wall: now.wall)
    for input in inputs {
      switch input {
      case .accepted, .connected, .congested: break
      case .received(let connection, let bytes): receive(bytes, on: connection)
      case .closed(let connection, let reason):
        if let endpoint = connections[connection] {
          failLink(endpoint, reason, isClosed: true)
        }
      }
    }
    fireTimers()
    // Whatever does not go out now waits or pauses, so this ends.
    repeat {
      while let ticket = ready.popFirst() { if isCurrent(ticket) { advance(ticket.operation) } }
      serveWaiting()
      sendQueued()
    } while !ready.isEmpty || !freedSessions.isEmpty
    flushLinks()
    dropSpentTimers()
    var result = ClerkEffects()
    swap(&result, &effects)
    return result
  }

  mutating func start(_ pending: Pending) -> OperationID {
    let id = OperationID(rawValue: operations.insert(pending))
    if pending.deadline < .max { timers.push(.deadline(id), at: pending.deadline) }
    ready.append(Ticket(operation: id, token: 0))
    return id
  }

  /// Moves an operation to another state, which voids the tickets of the former one.
  @discardableResult
  mutating func enter(_ state: Pending.State, _ id: OperationID) -> Ticket {
    let token = operations[id]?.enter(state) ?? 0
    let ticket = Ticket(operation: id, token: token)
    if state == .ready { ready.append(ticket) }
    return ticket
  }

  func isCurrent(_ ticket: Ticket) -> Bool { operations[ticket.operation]?.token == ticket.token }

  private mutating func fireTimers() {
    while let timeout = timeouts.first, timeout.at <= now.monotonic {
      _ = timeouts.popFirst()
      timeOut(timeout.request)
    }
    while let timer = timers.first, timer.at <= now.monotonic {
      _ = timers.popFirst()
      switch timer.kind {
      case .deadline(let id): expire(id)
      case .wake(let ticket):
        if isCurrent(ticket) { enter(.ready, ticket.operation) }
      case .greeting(let connection):
        if let endpoint = connections[connection], endpoints[endpoint].welcome == nil {
          failLink(endpoint, "no answer to the hello", isClosed: false, isSilent: true)
        }
      case .refresh:
        isRefreshScheduled = false
        refresh()
      }
    }
  }

  /// So that the next deadline is one that matters, and what is over takes no memory for long.
  private mutating func dropSpentTimers() {
    while let timeout = timeouts.first, attempts[timeout.request].map(\.isLate) ?? true {
      _ = timeouts.popFirst()
    }
    while let timer = timers.first, !matters(timer) { _ = timers.popFirst() }
    if timers.count > 1_024 + 4 * operations.count {
      // Out of the clerk while it is asked what matters, so that it is not copied.
      var heap = TimerHeap()
      swap(&heap, &timers)
      heap.keep { matters($0) }
      swap(&heap, &timers)
    }
    nextDeadline = timers.first?.at
    if let timeout = timeouts.first?.at, timeout < nextDeadline ?? .max { nextDeadline = timeout }
  }

  private func matters(_ timer: ClerkTimer) -> Bool {
    switch timer.kind {
    case .deadline(let id): operations[id] != nil
    case .wake(let ticket): isCurrent(ticket)
    case .greeting(let connection):
      connections[connection].map { endpoints[$0].welcome == nil } ?? false
    case .refresh: isRefreshScheduled
    }
  }

  /// A number of a range of nanoseconds.
  mutating func jitter(_ range: ClosedRange<UInt64>) -> UInt64 {
    let width = range.upperBound - range.lowerBound
    return range.lowerBound + random.next().multipliedFullWidth(by: width + 1).high
  }
}
