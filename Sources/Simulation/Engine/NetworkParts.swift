import Wire

/// One side of a link; the direction with the same number is the one it sends on.
struct NetworkEnd {
  enum State { case absent, connecting, open, closed }

  var host = 0
  var id = ConnectionID(rawValue: 0)
  var state = State.absent
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
  var nextAccepted = ConnectionID.firstAccepted
  /// The end that a connection of this process is; only ever looked up.
  var ends: [UInt64: Int] = [:]
  var extraLatency = 0
}
