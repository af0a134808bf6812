import Wire

/// One side of a link; the direction with the same number is the one it sends on.
struct NetworkEnd {
  enum State { case absent, connecting, open, closed }

  var host = 0
  var id = ConnectionID(rawValue: 0)
  var state = State.absent
  /// It speaks the protocol of Redis: bytes without frames.
  var isRedis = false
}

struct NetworkDirection {
  /// Bytes sent that do not make a whole frame yet.
  var partial: [UInt8] = []
  var frameCount = 0
  /// No delivery is earlier than the one before it.
  var lastArrival: UInt64 = 0
  /// Bytes that are at the receiver's door: the rest of a split delivery, or all of a closed way.
  var waiting: [UInt8] = []
  var isFinishWaiting = false
  /// Bytes sent before the connection was open.
  var early: [UInt8] = []
}

struct NetworkHost {
  var address: String?
  var isUp = true
  /// The machine, and not only the process, is gone: nobody answers.
  var isSilent = false
  private var nextAccepted = ConnectionID.firstAccepted
  private var nextRedis = ConnectionID.firstRedis
  /// The end that a connection of this process is; only ever looked up.
  var ends: [UInt64: Int] = [:]
  var extraLatency = 0

  init(address: String?) { self.address = address }

  /// The process begins anew.
  mutating func start() {
    isUp = true
    isSilent = false
    nextAccepted = ConnectionID.firstAccepted
    nextRedis = ConnectionID.firstRedis
  }

  /// The name of the next connection that it accepts.
  mutating func accept(isRedis: Bool) -> ConnectionID {
    if isRedis {
      nextRedis += 1
      return ConnectionID(rawValue: nextRedis - 1)
    }
    nextAccepted += 1
    return ConnectionID(rawValue: nextAccepted - 1)
  }
}
