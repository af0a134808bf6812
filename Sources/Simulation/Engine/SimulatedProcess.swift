import Basics
import ShardKVServer
import Wire

/// What runs on a host: a node, or a client. It decides; the ``Simulator`` acts for it.
package protocol SimulatedProcess: AnyObject {
  func turn(_ now: Moment, _ inputs: [NodeInput]) -> NodeEffects
  /// When it wants a turn without inputs, in nanoseconds of its own monotonic clock.
  var nextDeadline: UInt64? { get }
  /// Itself if it is a node: after each turn of each node a cast would cost more.
  var simulatedNode: (any SimulatedNode)? { get }
}

extension SimulatedProcess {
  package var simulatedNode: (any SimulatedNode)? { nil }
}

/// The clocks of one host, as functions of virtual time.
package struct HostClock: Sendable {
  /// What the monotonic clock showed when virtual time began.
  package var bootOffset: UInt64 = 0
  /// How much faster than virtual time the monotonic clock runs, in parts per million.
  package private(set) var driftPPM: Int64 = 0
  /// The virtual time since when it does.
  private var driftsSince: UInt64 = 0
  /// What it had gained by then.
  private var gained: Int64 = 0
  /// What the wall clock is wrong by, in milliseconds.
  package var wallOffset: Int64 = 0

  /// Where virtual time begins on a right wall clock: 2026-01-01, in milliseconds since 1970.
  package static let wallAtStart: Int64 = 1_767_225_600_000

  package init() {}

  /// Lets a clock run at another speed from then on, virtual nanoseconds; it does not jump.
  package mutating func drift(_ driftPPM: Int64, since time: UInt64) {
    gained = gain(at: time)
    self.driftPPM = driftPPM
    driftsSince = time
  }

  private func gain(at time: UInt64) -> Int64 {
    gained + Int64((time - min(time, driftsSince)) / 1_000_000) * driftPPM
  }

  package func moment(at time: UInt64) -> Moment {
    let wall = Self.wallAtStart + Int64(time / nanosecondsPerMillisecond) + wallOffset
    return Moment(
      monotonic: bootOffset + UInt64(Int64(time) + gain(at: time)), wall: UInt64(max(0, wall)))
  }

  /// The first virtual time at which the monotonic clock shows at least `deadline`.
  package func time(ofMonotonic deadline: UInt64) -> UInt64 {
    guard deadline > bootOffset else { return 0 }
    let elapsed = deadline - bootOffset
    let shown = UInt64(Int64(driftsSince) + gained)
    guard driftsSince > 0, elapsed > shown, elapsed < 1 << 60 else { return elapsed }
    let rate = 1 + Double(driftPPM) / 1_000_000
    var time = driftsSince + UInt64(Double(elapsed - shown) / rate)
    while moment(at: time).monotonic < deadline { time += 1_000 }
    return time
  }
}
