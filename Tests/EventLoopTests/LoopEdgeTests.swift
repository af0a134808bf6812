import Basics
import EventLoop
import Glibc
import Testing
import Wire

struct LoopEdgeTests {
  let first = ConnectionID(rawValue: 1)

  @Test func whatCannotBeConnectedIsClosedWithTheReason() throws {
    var pair = try LoopPair()
    let unused = try Loop().listen(on: "127.0.0.1:0")
    let endpoints = [
      "127.0.0.1:\(unused)", "nonsense", "127.0.0.1:99999", ":1", "[::1:2", "a\0b:1", "-1:-1",
    ]
    for (number, endpoint) in endpoints.enumerated() {
      pair.client.perform([.connect(ConnectionID(rawValue: UInt64(number + 1)), endpoint)])
    }
    pair.run { $0.clientInputs.closed.count == endpoints.count }
    #expect(pair.clientInputs.reasons.contains { $0.contains("refused") })
    #expect(pair.clientInputs.reasons.contains { $0.contains("expected host:port") })
  }

  @Test func namesAndVersionSixWork() throws {
    var pair = try LoopPair()
    pair.client.perform([.connect(first, "localhost:\(pair.port)")])
    pair.run { $0.serverInputs.accepted.count == 1 && $0.clientInputs.connected == [first] }
    let six = Loop()
    guard let port = try? six.listen(on: "[::1]:0") else { return }
    pair.client.perform([.connect(ConnectionID(rawValue: 2), "[::1]:\(port)")])
    pair.run { $0.clientInputs.connected.count == 2 }
    var inputs: [LinkInput] = []
    six.poll(until: nil, into: &inputs)
    guard case .accepted(_, let from) = inputs.first else {
      Issue.record("nothing accepted")
      return
    }
    #expect(from.hasPrefix("[::1]:"))
  }

  @Test func aPortInUseIsAnErrorThatNamesIt() throws {
    let pair = try LoopPair()
    let error = #expect(throws: LoopError.self) { try Loop().listen(on: pair.endpoint) }
    #expect(error?.description.contains(pair.endpoint) == true)
    #expect(error?.description.contains("in use") == true)
  }

  @Test func whoComesAboveTheLimitIsToldAndClosed() throws {
    let full = Array("full".utf8)
    var pair = try LoopPair(door: LoopDoor(acceptedMax: 2, refusal: full))
    let raws = (0..<3).map { _ in RawSocket(port: pair.port) }
    pair.run { $0.serverInputs.accepted.count == 2 }
    for _ in 0..<5 { pair.server.poll(until: 0, into: &pair.serverInputs) }
    #expect(raws[2].read(100) == Array("full".utf8))
    raws[0].close()
    pair.run { $0.serverInputs.closed.count == 1 }
    let late = RawSocket(port: pair.port)
    pair.run { $0.serverInputs.accepted.count == 3 }
    for raw in raws.dropFirst() + [late] { raw.close() }
  }

  @Test func aDescriptorThatIsUsedAgainGetsNoOldEvents() throws {
    var pair = try LoopPair()
    // Every round closes a connection whose events are still coming in, and takes its descriptor
    // for the next.
    for round in 1...200 {
      let id = ConnectionID(rawValue: UInt64(round))
      let accepted = try pair.connect(id)
      pair.client.perform([.send(id, [UInt8(truncatingIfNeeded: round)])])
      pair.client.flush()
      pair.server.perform([.send(accepted, [UInt8(truncatingIfNeeded: round)])])
      pair.server.flush()
      if round % 2 == 0 { pair.client.perform([.close(id)]) }
      if round % 3 == 0 { pair.server.perform([.close(accepted)]) }
    }
    pair.run { $0.serverInputs.closed.count + $0.clientInputs.closed.count >= 100 }
    for (number, id) in pair.serverInputs.accepted.enumerated() {
      let bytes = pair.serverInputs.bytes(of: id)
      #expect(bytes.isEmpty || bytes == [UInt8(truncatingIfNeeded: number + 1)])
    }
    for id in pair.clientInputs.connected {
      let bytes = pair.clientInputs.bytes(of: id)
      #expect(bytes.isEmpty || bytes == [UInt8(truncatingIfNeeded: id.rawValue)])
    }
  }

  @Test func effectsOnUnknownConnectionsAreIgnored() throws {
    var pair = try LoopPair()
    pair.client.perform([.send(first, [1]), .close(first)])
    pair.client.poll(until: 0, into: &pair.clientInputs)
    #expect(pair.clientInputs.isEmpty)
  }

  @Test func whatWeClosedIsNotReported() throws {
    var pair = try LoopPair()
    let accepted = try pair.connect()
    pair.client.perform([.close(first), .connect(ConnectionID(rawValue: 2), "nonsense")])
    pair.client.perform([.close(ConnectionID(rawValue: 2))])
    pair.run { $0.serverInputs.closed == [accepted] }
    for _ in 0..<5 { pair.client.poll(until: 0, into: &pair.clientInputs) }
    #expect(pair.clientInputs.closed.isEmpty)
  }

  @Test func aWaitEndsAtItsDeadlineAndNotBefore() {
    let loop = Loop()
    var inputs: [LinkInput] = []
    let deadline = Loop.now().monotonic + 3 * nanosecondsPerMillisecond
    loop.poll(until: deadline, into: &inputs)
    #expect(Loop.now().monotonic >= deadline)
    loop.poll(until: 0, into: &inputs)
    #expect(inputs.isEmpty)
  }

  @Test func aMailboxWakesTheLoopAndKeepsTheOrder() {
    let loop = Loop()
    let mailbox = Mailbox<Int>()
    loop.watch(mailbox.wakeup)
    startThread { for number in 0..<10_000 { mailbox.send(number) } }
    var taken: [Int] = []
    var inputs: [LinkInput] = []
    while taken.count < 10_000 {
      loop.poll(until: nil, into: &inputs)
      taken += mailbox.takeAll()
    }
    #expect(taken == Array(0..<10_000))
    mailbox.send(contentsOf: [])
    mailbox.send(contentsOf: [1, 2])
    loop.poll(until: nil, into: &inputs)
    #expect(mailbox.takeAll() == [1, 2])
  }

  @Test func caughtSignalsEndAWait() {
    // In a thread of its own, whose signal mask ends with it; the signal is sent to that thread.
    let seen = Mailbox<[Int32]>()
    startThread {
      let loop = Loop()
      loop.catchSignals([SIGUSR1])
      pthread_kill(pthread_self(), SIGUSR1)
      var inputs: [LinkInput] = []
      loop.poll(until: nil, into: &inputs)
      seen.send(loop.takeSignals() + loop.takeSignals())
    }
    let loop = Loop()
    loop.watch(seen.wakeup)
    var inputs: [LinkInput] = []
    loop.poll(until: nil, into: &inputs)
    #expect(seen.takeAll() == [[SIGUSR1]])
  }

  @Test func listeningEndsWhileConnectionsStay() throws {
    var pair = try LoopPair()
    let accepted = try pair.connect()
    pair.server.stopListening()
    pair.client.perform([.connect(ConnectionID(rawValue: 2), pair.endpoint), .send(first, [5])])
    pair.run { $0.clientInputs.closed.count == 1 && $0.serverInputs.byteCount == 1 }
    #expect(pair.serverInputs.bytes(of: accepted) == [5])
  }

  @Test func withoutFreeDescriptorsTheLoopWaitsInsteadOfSpinning() async {
    // In a process of its own, since the limit is the whole process's.
    await #expect(processExitsWith: .success) {
      let server = Loop()
      let port = try server.listen(on: "127.0.0.1:0")
      let raws = [RawSocket(port: port), RawSocket(port: port)]
      let next = dup(raws[0].descriptor)
      close(next)
      var limit = rlimit(rlim_cur: rlim_t(next), rlim_max: 4_096)
      setrlimit(__rlimit_resource_t(RLIMIT_NOFILE.rawValue), &limit)
      var inputs: [LinkInput] = []
      let start = Loop.now().monotonic
      for _ in 0..<3 {
        server.poll(until: start + 40 * nanosecondsPerMillisecond, into: &inputs)
      }
      guard inputs.isEmpty, Loop.now().monotonic >= start + 40 * nanosecondsPerMillisecond else {
        exit(1)
      }
      limit.rlim_cur = 4_096
      setrlimit(__rlimit_resource_t(RLIMIT_NOFILE.rawValue), &limit)
      while inputs.accepted.count < 2 {
        server.poll(until: start + 5_000 * nanosecondsPerMillisecond, into: &inputs)
      }
      exit(0)
    }
  }
}
