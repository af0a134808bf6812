import Glibc

/// Lines that appear at once, wherever stdout leads.
enum Output {
  static func write(_ line: String, toError: Bool = false) {
    var bytes = Array((line + "\n").utf8)[...]
    while !bytes.isEmpty {
      let count = bytes.withUnsafeBytes {
        Glibc.write(toError ? 2 : 1, $0.baseAddress, $0.count)
      }
      guard count > 0 || errno == EINTR else { return }
      bytes = bytes.dropFirst(max(0, count))
    }
  }
}
