import Basics
import EventLoop
import Glibc
import Testing
import Wire

/// Two loops of one thread that reach each other through the machine's own network, and a record of
/// what each was told.
struct LoopPair {
  let server: Loop
  let client: Loop
  var serverInputs: [LinkInput] = []
  var clientInputs: [LinkInput] = []
  let port: Int

  init(
    _ serverLimits: LoopLimits = LoopLimits(), client: LoopLimits = LoopLimits(),
    door: LoopDoor = LoopDoor()
  ) throws {
    server = Loop(limits: serverLimits)
    self.client = Loop(limits: client)
    port = try server.listen(on: "127.0.0.1:0", door)
  }

  var endpoint: String { "127.0.0.1:\(port)" }

  /// Turns both loops until `isDone`; a test that waits in vain fails after ten seconds.
  mutating func run(_ location: SourceLocation = #_sourceLocation, until isDone: (Self) -> Bool) {
    let end = Loop.now().monotonic + 10_000 * nanosecondsPerMillisecond
    while !isDone(self) {
      let now = Loop.now().monotonic
      if now > end {
        Issue.record("nothing more happened", sourceLocation: location)
        return
      }
      server.poll(until: 0, into: &serverInputs)
      client.poll(until: now + nanosecondsPerMillisecond, into: &clientInputs)
      server.flush()
      client.flush()
    }
  }

  /// Opens connection 1 of the client and gives the server's name for it.
  mutating func connect(_ id: ConnectionID = ConnectionID(rawValue: 1)) throws -> ConnectionID {
    client.perform([.connect(id, endpoint)])
    let before = serverInputs.accepted.count
    run { $0.serverInputs.accepted.count > before && $0.clientInputs.connected.contains(id) }
    return try #require(serverInputs.accepted.last)
  }
}

extension [LinkInput] {
  var accepted: [ConnectionID] {
    compactMap { if case .accepted(let id, _) = $0 { id } else { nil } }
  }
  var connected: [ConnectionID] {
    compactMap { if case .connected(let id) = $0 { id } else { nil } }
  }
  var closed: [ConnectionID] {
    compactMap { if case .closed(let id, _) = $0 { id } else { nil } }
  }
  var congestions: [Bool] {
    compactMap { if case .congested(_, let isCongested) = $0 { isCongested } else { nil } }
  }
  var reasons: [String] {
    compactMap { if case .closed(_, let reason) = $0 { reason } else { nil } }
  }
  var bytes: [UInt8] {
    reduce(into: []) { if case .received(_, let bytes) = $1 { $0 += bytes } }
  }
  func bytes(of wanted: ConnectionID) -> [UInt8] {
    reduce(into: []) { if case .received(wanted, let bytes) = $1 { $0 += bytes } }
  }
  func count(of wanted: ConnectionID) -> Int {
    reduce(0) { if case .received(wanted, let bytes) = $1 { $0 + bytes.count } else { $0 } }
  }
  var byteCount: Int {
    reduce(0) { if case .received(_, let bytes) = $1 { $0 + bytes.count } else { $0 } }
  }
}

/// A plain socket, for what a loop never does itself.
struct RawSocket {
  let descriptor: Int32

  init(port: Int) {
    descriptor = socket(AF_INET, Int32(SOCK_STREAM.rawValue), 0)
    var address = sockaddr_in()
    address.sin_family = sa_family_t(AF_INET)
    address.sin_port = in_port_t(UInt16(port).bigEndian)
    address.sin_addr.s_addr = UInt32(0x7F00_0001).bigEndian
    let status = withUnsafePointer(to: address) {
      $0.withMemoryRebound(to: sockaddr.self, capacity: 1) {
        connect(descriptor, $0, socklen_t(MemoryLayout<sockaddr_in>.size))
      }
    }
    #expect(status == 0)
  }

  func write(_ bytes: [UInt8]) {
    #expect(Glibc.write(descriptor, bytes, bytes.count) == bytes.count)
  }

  /// Blocks until `count` bytes are here or the other side is done.
  func read(_ count: Int) -> [UInt8] {
    var all: [UInt8] = []
    var buffer = [UInt8](repeating: 0, count: 1 << 20)
    while all.count < count {
      let got = Glibc.read(descriptor, &buffer, min(buffer.count, count - all.count))
      if got <= 0 { break }
      all += buffer[..<got]
    }
    return all
  }

  func finishSending() { shutdown(descriptor, Int32(SHUT_WR)) }

  /// Closes with a reset instead of a goodbye.
  func reset() {
    var option = linger(l_onoff: 1, l_linger: 0)
    setsockopt(descriptor, SOL_SOCKET, SO_LINGER, &option, socklen_t(MemoryLayout<linger>.size))
    close()
  }

  func close() { Glibc.close(descriptor) }
}

/// Bytes whose place can be told, made fast enough for debug builds.
func pattern(_ count: Int) -> [UInt8] {
  let part = (0..<min(count, 65_521)).map { UInt8(truncatingIfNeeded: $0 &* 31) }
  var all: [UInt8] = []
  while all.count < count { all += part.prefix(count - all.count) }
  return all
}
