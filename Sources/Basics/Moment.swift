/// Time as an input: what the clocks of the machine said when a turn was opened.
package struct Moment: Hashable, Sendable {
  /// Nanoseconds of a clock that never steps and counts suspension.
  package var monotonic: UInt64
  /// Milliseconds since 1970 of the wall clock; it may be wrong and may step.
  package var wall: UInt64

  package init(monotonic: UInt64, wall: UInt64) {
    self.monotonic = monotonic
    self.wall = wall
  }
}

/// Nanoseconds in one millisecond, the factor between the units of ``Moment``.
package let nanosecondsPerMillisecond: UInt64 = 1_000_000
