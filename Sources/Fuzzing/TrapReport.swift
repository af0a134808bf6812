import Glibc

/// Says which input was being played when the process traps.
enum TrapReport {
  /// Written before each input, read by a signal's handler.
  private nonisolated(unsafe) static let place: UnsafeMutablePointer<Int> = {
    let pointer = UnsafeMutablePointer<Int>.allocate(capacity: 1)
    pointer.initialize(to: 0)
    return pointer
  }()

  static func begin(_ number: Int) { place.pointee = number }

  private nonisolated(unsafe) static var program: StaticString = ""

  /// From now on a trap is reported in the program's name, and then ends the process as before.
  static func install(_ program: StaticString) {
    begin(0)
    self.program = program
    for number in [SIGILL, SIGTRAP, SIGABRT, SIGSEGV, SIGBUS] {
      signal(number) { number in
        TrapReport.write()
        signal(number, SIG_DFL)
        raise(number)
      }
    }
  }

  /// A handler must not allocate: digits are written one by one.
  private static func write() {
    put("\n")
    put(program)
    put(": trapped in input ")
    var divisor = 1
    while place.pointee / divisor >= 10 { divisor *= 10 }
    while divisor > 0 {
      var digit = UInt8(48 + place.pointee / divisor % 10)
      _ = Glibc.write(2, &digit, 1)
      divisor /= 10
    }
    put("; 'replay' and its number play it alone\n")
  }

  private static func put(_ text: StaticString) {
    _ = Glibc.write(2, text.utf8Start, text.utf8CodeUnitCount)
  }
}
