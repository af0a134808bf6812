import Basics

/// How the simulated network behaves now. Chances are per frame unless said otherwise; the first
/// frame of each direction, the greeting, always arrives unless its connection breaks.
package struct NetworkConditions: Sendable {
  /// What happens to bytes on a way that is cut.
  package enum CutStyle: Int, Sendable, CaseIterable {
    /// Frames are lost, the connection stays.
    case drop
    /// As TCP: bytes wait and arrive after the way is open again.
    case stall
    /// The connection breaks, at each end when it next has something to say.
    case reset
  }

  /// Nanoseconds one way, drawn for each send.
  package var latency: ClosedRange<Int> = 100_000...1_000_000
  package var loss = 0.0
  /// The frame, if it is one of Raft, arrives a second time.
  package var duplication = 0.0
  /// A frame that is held back overtakes nothing and is overtaken by everything.
  package var holding = 0.0
  /// Nanoseconds that a held frame is late.
  package var holdTime: ClosedRange<Int> = 1_000_000...200_000_000
  /// One bit of the frame is flipped.
  package var corruption = 0.0
  /// The connection breaks instead of carrying the frame.
  package var breaking = 0.0
  /// A delivery is cut at an arbitrary byte and its rest follows a little later.
  package var splitting = 0.02
  package var cutStyle = CutStyle.drop

  package init() {}

  var touchesFrames: Bool {
    loss > 0 || duplication > 0 || holding > 0 || corruption > 0 || breaking > 0
  }
}

/// What the network did to a run.
package struct NetworkCounters: Sendable {
  package var connections = 0
  package var frames = 0
  package var bytes = 0
  package var lost = 0
  package var duplicated = 0
  package var held = 0
  package var corrupted = 0
  package var broken = 0
  package var split = 0
  package var cutOff = 0
  package var refused = 0

  package init() {}
}

/// Something the network will do later.
package enum NetworkEvent: Sendable {
  /// Bytes arrive at the other end of a direction.
  case arrive(direction: Int, generation: UInt32, bytes: [UInt8])
  /// The sender's end was closed and everything before was sent.
  case finish(direction: Int, generation: UInt32)
  /// A frame that was held back enters the stream.
  case release(direction: Int, generation: UInt32, frame: [UInt8])
  /// The rest of a delivery that was cut, or of a way that was closed, may go on.
  case flush(direction: Int, generation: UInt32)
  /// A connection is asked for, for the `attempt`-th time.
  case knock(link: Int, generation: UInt32, attempt: Int)
  /// The answer to it reaches the asker.
  case opened(link: Int, generation: UInt32)
  /// The end learns that its connection is gone.
  case broke(end: Int, generation: UInt32, reason: String)
}
