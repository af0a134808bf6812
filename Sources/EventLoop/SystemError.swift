import Glibc

/// The text of `errno`, taken right after the call that failed.
func systemError() -> String { text(of: errno) }

func text(of code: Int32) -> String { String(cString: strerror(code)) }

/// Repeats a call that a signal interrupted.
func retrying<Number: SignedInteger>(_ call: () -> Number) -> Number {
  while true {
    let result = call()
    if result != -1 || errno != EINTR { return result }
  }
}
