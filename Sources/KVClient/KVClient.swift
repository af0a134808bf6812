import Clerk
import EventLoop
import ShardMap
import Synchronization
import Wire

/// A client of a shardkv cluster.
///
/// It finds the shards by itself, follows leaders and moving shards, and tries again until the
/// answer is here or the time is up. Reads are linearizable unless they say otherwise, and each
/// write is applied at most once, however often it was sent. It is safe to use from many tasks at
/// once; their requests share a few connections.
///
/// ```swift
/// let client = KVClient(endpoints: ["127.0.0.1:7101"])
/// try await client.put("greeting", "hello")
/// let value = try await client.get("greeting")
/// print(value?.text ?? "absent")
/// client.close()
/// ```
public final class KVClient: Sendable {
  public struct Configuration: Sendable {
    /// How long one request may take, with all its attempts.
    public var requestTimeout: Duration
    /// How many requests may wait for their answers at once; more fail with
    /// ``KVClientError/Code/overloaded``.
    public var pendingRequestsMax: Int

    public init(requestTimeout: Duration = .seconds(5), pendingRequestsMax: Int = 65_536) {
      self.requestTimeout = requestTimeout
      self.pendingRequestsMax = pendingRequestsMax
    }
  }

  private let configuration: Configuration
  private let mailbox = Mailbox<ClientCommand>()
  private let state = Mutex(State())

  private struct State {
    var nextNumber: UInt64 = 0
    var isClosed = false
  }

  /// Starts the client's thread; connections are opened when they are needed.
  ///
  /// - Parameter endpoints: `host:port` of the cluster's controllers, some or all.
  public init(endpoints: [String], configuration: Configuration = Configuration()) {
    self.configuration = configuration
    let mailbox = mailbox
    let pendingMax = configuration.pendingRequestsMax
    startThread {
      ClientThread(endpoints: endpoints, mailbox: mailbox, pendingMax: pendingMax).run()
    }
  }

  deinit { close() }

  /// Ends the client: what waits for an answer fails with ``KVClientError/Code/shutDown``, as does
  /// every later request. Returns at once.
  public func close() {
    state.withLock { state in
      if state.isClosed { return }
      state.isClosed = true
      mailbox.send(.close)
    }
  }

  /// The value of a key, or `nil` if there is none. It sees every write that was acknowledged
  /// before it was asked for, whoever answers.
  ///
  /// - Parameter source: who answers. Asking any replica spreads reads over the group, and each
  ///   waits for an answer of that replica's leader.
  public func get(
    _ key: some KVBytes, from source: KVReadSource = .leader
  ) async throws(KVClientError) -> KVValue? {
    let key = key.storedBytes
    try check(key)
    let consistency: ReadConsistency =
      source == .leader ? .linearizable : .linearizableAnywhere
    switch try await ask(.get(key: key, consistency), isWrite: false) {
    case .value(let bytes, let version): return KVValue(bytes: bytes, version: version)
    case .noKey: return nil
    case let body: throw unexpected(body, isWrite: false)
    }
  }

  /// What some replica holds of a key, and how old that may be. Reads of this kind are spread over
  /// the replicas, also over those that do not lead, and go on while a group has no leader.
  ///
  /// - Returns: the value, `nil` if there was none; everything that was acknowledged longer ago
  ///   than the age is in it.
  public func getStale(
    _ key: some KVBytes
  ) async throws(KVClientError) -> (value: KVValue?, age: Duration) {
    let key = key.storedBytes
    try check(key)
    switch try await ask(.get(key: key, .stale), isWrite: false) {
    case .stale(let answer):
      let value = answer.value.map { KVValue(bytes: $0, version: answer.version) }
      return (value, .milliseconds(Int64(clamping: answer.age)))
    case let body: throw unexpected(body, isWrite: false)
    }
  }

  /// Sets a key's value.
  ///
  /// - Returns: the key's version now.
  @discardableResult
  public func put(
    _ key: some KVBytes, _ value: some KVBytes
  ) async throws(KVClientError) -> UInt64 {
    try await change(key.storedBytes, .put(value: value.storedBytes)) ?? 0
  }

  /// Adds to the end of a key's value; a key that does not exist begins empty.
  ///
  /// - Returns: the key's version now.
  @discardableResult
  public func append(
    _ key: some KVBytes, _ value: some KVBytes
  ) async throws(KVClientError) -> UInt64 {
    try await change(key.storedBytes, .append(value: value.storedBytes)) ?? 0
  }

  /// Deletes a key.
  ///
  /// - Returns: whether it existed.
  @discardableResult
  public func delete(_ key: some KVBytes) async throws(KVClientError) -> Bool {
    try await change(key.storedBytes, .delete) != nil
  }

  /// Sets a key's value if it holds exactly `expected`.
  ///
  /// - Returns: the key's version now; `nil` if it held something else, or nothing: then nothing
  ///   was changed.
  public func compareAndSet(
    _ key: some KVBytes, expected: some KVBytes, _ value: some KVBytes
  ) async throws(KVClientError) -> UInt64? {
    let operation = WriteOperation.compareAndSet(
      expected: expected.storedBytes, value: value.storedBytes)
    return try await change(key.storedBytes, operation)
  }

  /// Sets a key's value if the key does not exist.
  ///
  /// - Returns: the key's version now; `nil` if it existed: then nothing was changed.
  public func putIfAbsent(
    _ key: some KVBytes, _ value: some KVBytes
  ) async throws(KVClientError) -> UInt64? {
    let operation = WriteOperation.compareAndSet(expected: nil, value: value.storedBytes)
    return try await change(key.storedBytes, operation)
  }

  /// The version that a write led to; `nil` if it found nothing to change.
  private func change(
    _ key: [UInt8], _ operation: WriteOperation
  ) async throws(KVClientError) -> UInt64? {
    try check(key)
    try check(operation)
    switch try await ask(.write(key: key, operation), isWrite: true) {
    case .written(.written(let version)): return version
    case .written(.missing), .written(.compareFailed): return nil
    case let body: throw unexpected(body, isWrite: true)
    }
  }

  private func check(_ key: [UInt8]) throws(KVClientError) {
    if key.count > Limits.keyBytesMax {
      throw KVClientError(
        .invalid, "the key has \(key.count) bytes, at most \(Limits.keyBytesMax) are allowed")
    }
  }

  private func check(_ operation: WriteOperation) throws(KVClientError) {
    let values: [[UInt8]?] =
      switch operation {
      case .put(let value), .append(let value): [value]
      case .delete: []
      case .compareAndSet(let expected, let value): [expected, value]
      }
    for count in values.compactMap({ $0?.count }) where count > Limits.valueBytesMax {
      throw KVClientError(
        .invalid, "the value has \(count) bytes, at most \(Limits.valueBytesMax) are allowed")
    }
  }

  private func unexpected(_ body: Reply.Body, isWrite: Bool) -> KVClientError {
    KVClientError(
      isWrite ? .outcomeUnknown : .unavailable, "the server answered something else: \(body)",
      mayHaveBeenApplied: isWrite)
  }

  /// Hands a request to the thread and waits for its answer, or for the task's end.
  private func ask(
    _ operation: ClerkOperation, isWrite: Bool
  ) async throws(KVClientError) -> Reply.Body {
    let deadline = Loop.now().monotonic &+ configuration.requestTimeout.nanoseconds
    let gate = RequestGate()
    let result = await withTaskCancellationHandler {
      await withCheckedContinuation { continuation in
        if !gate.open(
          submitting: { number in
            submit(
              ClientRequest(
                number: number, operation: operation, isWrite: isWrite, deadline: deadline,
                continuation: continuation))
          }, number: nextNumber())
        {
          continuation.resume(
            returning: .failure(KVClientError(.cancelled, "the task was cancelled before")))
        }
      }
    } onCancel: {
      if let number = gate.cancel() { mailbox.send(.cancel(number)) }
    }
    return try result.get()
  }

  private func nextNumber() -> UInt64 {
    state.withLock { state in
      state.nextNumber += 1
      return state.nextNumber
    }
  }

  private func submit(_ request: ClientRequest) {
    // Under the lock, so that nothing comes after the last command, which ends the thread.
    let isClosed = state.withLock { state in
      if !state.isClosed { mailbox.send(.submit(request)) }
      return state.isClosed
    }
    if isClosed {
      request.continuation.resume(
        returning: .failure(KVClientError(.shutDown, "the client is closed")))
    }
  }
}

/// Decides whether a request or its cancellation came first, so that a request is never submitted
/// after its cancellation was passed on.
private final class RequestGate: Sendable {
  private enum Phase {
    case waiting
    case submitted(UInt64)
    case cancelled
  }
  private let phase = Mutex(Phase.waiting)

  /// Submits unless cancelled; returns whether it did.
  func open(submitting: (UInt64) -> Void, number: UInt64) -> Bool {
    phase.withLock { phase in
      if case .cancelled = phase { return false }
      phase = .submitted(number)
      submitting(number)
      return true
    }
  }

  /// The number whose cancellation is to be passed on, if it was submitted.
  func cancel() -> UInt64? {
    phase.withLock { phase in
      defer { phase = .cancelled }
      if case .submitted(let number) = phase { return number }
      return nil
    }
  }
}

extension Duration {
  /// Clamped to what fits a deadline: 0 to 100 years.
  fileprivate var nanoseconds: UInt64 {
    let (seconds, attoseconds) = components
    if seconds < 0 || attoseconds < 0 { return 0 }
    return UInt64(min(seconds, 3_155_760_000)) * 1_000_000_000
      + UInt64(attoseconds) / 1_000_000_000
  }
}
