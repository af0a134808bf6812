import Basics
import Clerk
import EventLoop
import KVClient
import ShardMap
import Testing
import Wire

struct KVClientTests {
  @Test func everyOperationGivesWhatTheServerSays() async throws {
    let cluster = try FakeCluster()
    let client = KVClient(endpoints: [cluster.controller.endpoint])
    defer { client.close() }
    #expect(try await client.get("k") == nil)
    #expect(try await client.put("k", "a") == 1)
    #expect(try await client.append("k", [0xFF]) == 2)
    let value = try await client.get([0x6B])
    #expect(value == KVValue(bytes: [0x61, 0xFF], version: 2))
    #expect(value?.text == nil)
    #expect(try await client.compareAndSet("k", expected: "x", "y") == nil)
    #expect(try await client.compareAndSet("k", expected: [0x61, 0xFF], "y") == 3)
    #expect(try await client.putIfAbsent("k", "z") == nil)
    #expect(try await client.get("k")?.text == "y")
    #expect(try await client.delete("k"))
    #expect(try await client.delete("k") == false)
    #expect(try await client.putIfAbsent("k", "z") == 1)
  }

  /// Neither leader's read nor a stale one is answered here.
  @Test func aReadOfAnyReplicaAsksForOne() async throws {
    let cluster = try FakeCluster {
      switch $0 {
      case .get, .staleGet: true
      default: false
      }
    }
    let client = KVClient(endpoints: [cluster.controller.endpoint])
    defer { client.close() }
    try await client.put("k", "a")
    #expect(try await client.get("k", from: .anyReplica)?.text == "a")
    #expect(try await client.get("l", from: .anyReplica) == nil)
  }

  @Test func manyTasksShareTheClient() async throws {
    let cluster = try FakeCluster()
    let client = KVClient(endpoints: [cluster.controller.endpoint])
    defer { client.close() }
    try await withThrowingTaskGroup(of: Void.self) { group in
      for number in 0..<500 {
        group.addTask {
          try await client.append("key \(number % 50)", "x")
          _ = try await client.get("key \(number)")
        }
      }
      try await group.waitForAll()
    }
    for number in 0..<50 {
      #expect(try await client.get("key \(number)")?.bytes.count == 10)
    }
  }

  @Test func aWriteWithoutAnAnswerMayHaveBeenApplied() async throws {
    let cluster = try FakeCluster { if case .write = $0 { true } else { false } }
    let client = KVClient(
      endpoints: [cluster.controller.endpoint],
      configuration: .init(requestTimeout: .milliseconds(300)))
    defer { client.close() }
    let error = try await #require(throws: KVClientError.self) { try await client.put("k", "v") }
    #expect(error.code == .outcomeUnknown)
    #expect(error.mayHaveBeenApplied)
    #expect(error.attempts >= 1)
    #expect(try await client.get("k")?.text == "v")
  }

  @Test func withoutAServerNothingIsApplied() async throws {
    let unused = try Loop().listen(on: "127.0.0.1:0")
    let client = KVClient(
      endpoints: ["127.0.0.1:\(unused)", "not an address"],
      configuration: .init(requestTimeout: .milliseconds(200)))
    defer { client.close() }
    let error = try await #require(throws: KVClientError.self) { try await client.put("k", "v") }
    #expect(error.code == .unavailable)
    #expect(error.mayHaveBeenApplied == false)
  }

  @Test func aCancelledTaskNoLongerWaits() async throws {
    let (reached, reach) = AsyncStream.makeStream(of: Void.self)
    let cluster = try FakeCluster { body in
      guard case .write = body else { return false }
      reach.yield()
      return true
    }
    let client = KVClient(
      endpoints: [cluster.controller.endpoint], configuration: .init(requestTimeout: .seconds(60)))
    defer { client.close() }
    let task = Task { try await client.put("k", "v") }
    for await _ in reached { break }
    task.cancel()
    let error = try await #require(throws: KVClientError.self) { try await task.value }
    #expect(error.code == .cancelled)
    #expect(error.mayHaveBeenApplied)
    #expect(try await client.get("k")?.text == "v")
  }

  @Test func whatIsCancelledBeforeItIsAskedIsNotSent() async throws {
    let cluster = try FakeCluster()
    let client = KVClient(endpoints: [cluster.controller.endpoint])
    defer { client.close() }
    let task = Task {
      withUnsafeCurrentTask { $0?.cancel() }
      try await client.put("k", "v")
    }
    let error = try await #require(throws: KVClientError.self) { try await task.value }
    #expect(error.code == .cancelled)
    #expect(error.mayHaveBeenApplied == false)
    #expect(try await client.get("k") == nil)
  }

  @Test func closingEndsWhatWaitsAndAllThatComesLater() async throws {
    let (reached, reach) = AsyncStream.makeStream(of: Void.self)
    let cluster = try FakeCluster { body in
      guard case .get = body else { return false }
      reach.yield()
      return true
    }
    let client = KVClient(
      endpoints: [cluster.controller.endpoint], configuration: .init(requestTimeout: .seconds(60)))
    let task = Task { try await client.get("k") }
    for await _ in reached { break }
    client.close()
    client.close()
    for operation in [{ try await task.value }, { try await client.get("k") }] {
      let error = try await #require(throws: KVClientError.self) { try await operation() }
      #expect(error.code == .shutDown)
      #expect(error.mayHaveBeenApplied == false)
    }
  }

  @Test func whatIsTooLargeIsNotSent() async throws {
    let client = KVClient(endpoints: [])
    defer { client.close() }
    let key = [UInt8](repeating: 1, count: Limits.keyBytesMax + 1)
    let value = [UInt8](repeating: 1, count: Limits.valueBytesMax + 1)
    let attempts: [@Sendable () async throws -> Void] = [
      { _ = try await client.get(key) }, { _ = try await client.put("k", value) },
      { _ = try await client.compareAndSet("k", expected: value, "v") },
    ]
    for attempt in attempts {
      let error = try await #require(throws: KVClientError.self) { try await attempt() }
      #expect(error.code == .invalid)
    }
  }

  @Test func tooManyRequestsAreRefused() async throws {
    let cluster = try FakeCluster { _ in true }
    let client = KVClient(
      endpoints: [cluster.controller.endpoint],
      configuration: .init(requestTimeout: .seconds(60), pendingRequestsMax: 3))
    let codes = await withTaskGroup(of: KVClientError.Code?.self) { group in
      for _ in 0..<5 {
        group.addTask {
          do throws(KVClientError) {
            _ = try await client.get("k")
            return nil
          } catch { return error.code }
        }
      }
      var codes: [KVClientError.Code?] = []
      for await code in group {
        codes.append(code)
        if codes.count == 2 { client.close() }
      }
      return codes
    }
    #expect(codes.prefix(2) == [.overloaded, .overloaded])
    #expect(codes.dropFirst(2) == [.shutDown, .shutDown, .shutDown])
  }

  @Test func manyClerksRunInOneLoopWithoutTasks() throws {
    let cluster = try FakeCluster()
    let engine = ClerkLoop(endpoints: [cluster.controller.endpoint], clients: 5)
    let deadline = Loop.now().monotonic + 10_000 * nanosecondsPerMillisecond
    var done = 0
    func next(_ client: Int, _ left: Int) {
      if left == 0 { return }
      engine.submit(
        .write(key: [UInt8(client)], .append(value: [1])), client: client, deadline: deadline
      ) { outcome in
        if case .reply(.written(.written(let version))) = outcome, version == UInt64(101 - left) {
          done += 1
        }
        next(client, left - 1)
      }
    }
    for client in 0..<5 { next(client, 100) }
    while engine.pendingCount > 0 {
      engine.wait()
      engine.work()
    }
    #expect(done == 500)
  }
}
