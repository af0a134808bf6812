import Basics
import EventLoop
import Glibc
import Testing
import Wire

struct LoopTests {
  let first = ConnectionID(rawValue: 1)

  @Test func bytesGoBothWaysInOrder() throws {
    var pair = try LoopPair()
    let accepted = try pair.connect()
    #expect(accepted.isAccepted)
    pair.client.perform([.send(first, [1, 2]), .send(first, []), .send(first, [3])])
    pair.server.perform([.send(accepted, pattern(100))])
    pair.run { $0.serverInputs.byteCount == 3 && $0.clientInputs.byteCount == 100 }
    #expect(pair.serverInputs.bytes == [1, 2, 3])
    #expect(pair.clientInputs.bytes == pattern(100))
  }

  @Test func bytesSentBeforeTheConnectionIsOpenWaitForIt() throws {
    var pair = try LoopPair()
    pair.client.perform([.connect(first, pair.endpoint), .send(first, [7, 8])])
    pair.run { $0.serverInputs.byteCount == 2 }
    #expect(pair.serverInputs.bytes == [7, 8])
  }

  @Test func manySmallMessagesLeaveInOnePiece() throws {
    var pair = try LoopPair()
    let accepted = try pair.connect()
    pair.server.perform((0..<1_000).map { .send(accepted, [UInt8(truncatingIfNeeded: $0)]) })
    pair.server.flush()
    let raw = pair.clientInputs.count
    pair.client.poll(until: nil, into: &pair.clientInputs)
    #expect(pair.clientInputs.count == raw + 1)
    #expect(pair.clientInputs.byteCount == 1_000)
  }

  @Test func aMessageLargerThanEveryBufferArrivesWhole() throws {
    var limits = LoopLimits()
    limits.outputHardMax = 64 << 20
    var pair = try LoopPair(limits)
    let accepted = try pair.connect()
    let message = pattern(20 << 20)
    pair.server.perform([.send(accepted, message)])
    pair.run { $0.clientInputs.byteCount == message.count }
    #expect(pair.clientInputs.bytes == message)
    #expect(pair.server.pendingBytes == 0)
  }

  @Test func singleBytesArriveAsASingleStream() throws {
    var pair = try LoopPair()
    let raw = RawSocket(port: pair.port)
    for byte in pattern(50) {
      raw.write([byte])
      pair.server.poll(until: 0, into: &pair.serverInputs)
    }
    pair.run { $0.serverInputs.byteCount == 50 }
    #expect(pair.serverInputs.bytes == pattern(50))
    raw.close()
  }

  @Test func whoDoesNotReadIsNoLongerReadFromAndThenIsAgain() throws {
    var limits = LoopLimits()
    limits.outputSoftMax = 64 << 10
    var pair = try LoopPair(limits)
    let raw = RawSocket(port: pair.port)
    pair.run { $0.serverInputs.accepted.count == 1 }
    let accepted = try #require(pair.serverInputs.accepted.first)
    // More than the kernel takes, then questions that must not be read any more.
    pair.server.perform([.send(accepted, pattern(16 << 20))])
    pair.server.flush()
    #expect(pair.server.pendingBytes > 64 << 10)
    raw.write(pattern(1_000))
    for _ in 0..<20 { pair.server.poll(until: 0, into: &pair.serverInputs) }
    #expect(pair.serverInputs.byteCount == 0)
    // The reader wakes up: in its own thread, since it blocks.
    let done = Mailbox<Int>()
    startThread { done.send(raw.read(16 << 20).count) }
    pair.run { $0.server.pendingBytes == 0 && $0.serverInputs.byteCount == 1_000 }
    #expect(pair.serverInputs.congestions == [true, false])
    pair.client.watch(done.wakeup)
    pair.client.poll(until: nil, into: &pair.clientInputs)
    #expect(done.takeAll() == [16 << 20])
    raw.close()
  }

  @Test func whoNeverReadsIsClosedAndItsMemoryFreed() throws {
    var limits = LoopLimits()
    limits.outputHardMax = 1 << 20
    var pair = try LoopPair(limits)
    let raw = RawSocket(port: pair.port)
    pair.run { $0.serverInputs.accepted.count == 1 }
    let accepted = try #require(pair.serverInputs.accepted.first)
    for _ in 0..<64 {
      pair.server.perform([.send(accepted, pattern(512 << 10))])
      pair.server.flush()
      #expect(pair.server.pendingBytes <= 2 << 20)
    }
    pair.run { $0.serverInputs.closed == [accepted] }
    #expect(pair.serverInputs.reasons.first?.contains("it does not read") == true)
    #expect(pair.server.pendingBytes == 0)
    raw.close()
  }

  @Test func theFullestIsClosedWhenAllTogetherHoldTooMuch() throws {
    var limits = LoopLimits()
    limits.outputTotalMax = 24 << 20
    var pair = try LoopPair(limits)
    let raws = [RawSocket(port: pair.port), RawSocket(port: pair.port)]
    pair.run { $0.serverInputs.accepted.count == 2 }
    let ids = pair.serverInputs.accepted
    pair.server.perform([
      .send(ids[0], pattern(14 << 20)), .send(ids[1], pattern(18 << 20)),
    ])
    pair.server.flush()
    pair.server.poll(until: 0, into: &pair.serverInputs)
    #expect(pair.serverInputs.closed == [ids[1]])
    for raw in raws { raw.close() }
  }

  @Test func aClosedConnectionStillDeliversWhatWasSentBefore() throws {
    var pair = try LoopPair()
    let accepted = try pair.connect()
    // Unread bytes at the closing side would turn its close into a reset.
    pair.client.perform([.send(first, [9])])
    pair.client.flush()
    pair.server.perform([.send(accepted, pattern(5 << 20)), .close(accepted)])
    pair.run { !$0.clientInputs.closed.isEmpty }
    #expect(pair.clientInputs.byteCount == 5 << 20)
    #expect(pair.clientInputs.reasons.first?.contains("closed by the other side") == true)
    pair.server.perform([.send(accepted, [1]), .close(accepted)])
    pair.server.poll(until: 0, into: &pair.serverInputs)
    #expect(pair.serverInputs.closed.isEmpty)
  }

  @Test func resetsAndHalfClosesAreEndsWithAReason() throws {
    var pair = try LoopPair()
    let raw = RawSocket(port: pair.port)
    let half = RawSocket(port: pair.port)
    pair.run { $0.serverInputs.accepted.count == 2 }
    half.write([1])
    half.finishSending()
    raw.reset()
    pair.run { $0.serverInputs.closed.count == 2 }
    #expect(pair.serverInputs.byteCount == 1)
    #expect(pair.serverInputs.reasons.contains { $0.contains("reset") })
    #expect(pair.serverInputs.reasons.contains { $0.contains("closed by the other side") })
    half.close()
  }

  @Test func aResetOfWhomWeDoNotReadFromIsNoticed() throws {
    var limits = LoopLimits()
    limits.outputSoftMax = 1_024
    var pair = try LoopPair(limits)
    let raw = RawSocket(port: pair.port)
    pair.run { $0.serverInputs.accepted.count == 1 }
    pair.server.perform([.send(pair.serverInputs.accepted[0], pattern(16 << 20))])
    pair.server.flush()
    raw.reset()
    pair.run { $0.serverInputs.closed.count == 1 }
    #expect(pair.server.pendingBytes == 0)
  }

  /// Whoever sends as fast as it can does not keep the others from being heard.
  @Test func allAreReadFromThoughATurnHasNotRoomForAll() throws {
    var limits = LoopLimits()
    limits.inputPerTurnMax = 1
    var pair = try LoopPair(limits)
    let ids = (1...3).map { ConnectionID(rawValue: $0) }
    let names = try ids.map { try pair.connect($0) }
    let bytes = [UInt8](repeating: 7, count: 4 << 20)
    pair.client.perform(ids.map { .send($0, bytes) })
    pair.client.flush()
    pair.run { pair in names.contains { pair.serverInputs.count(of: $0) == bytes.count } }
    for name in names { #expect(pair.serverInputs.count(of: name) > bytes.count / 2) }
    pair.run { pair in names.allSatisfy { pair.serverInputs.count(of: $0) == bytes.count } }
  }
}
