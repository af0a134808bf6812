import Basics
import Glibc

extension Loop {
  /// What the machine's clocks say: the monotonic one counts suspension, so that a machine that
  /// slept does not believe in an old lease.
  package static func now() -> Moment {
    Moment(monotonic: read(CLOCK_BOOTTIME), wall: read(CLOCK_REALTIME) / nanosecondsPerMillisecond)
  }

  /// Nanoseconds of the clock that deadlines are in.
  static func monotonic() -> UInt64 { read(CLOCK_BOOTTIME) }

  private static func read(_ clock: clockid_t) -> UInt64 {
    var time = timespec()
    clock_gettime(clock, &time)
    return UInt64(max(0, time.tv_sec)) * 1_000_000_000 + UInt64(time.tv_nsec)
  }
}
