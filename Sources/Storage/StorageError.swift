import Glibc

/// A system call on a file of a data folder failed. The node stops with it: none is tried again,
/// because after a failed sync the system may call pages clean that never reached the disk.
package struct StorageError: Error, Hashable, Sendable, CustomStringConvertible {
  /// The path, as far as it is known.
  package var file: String
  /// The system call, or what was tried.
  package var call: String
  /// The system's error number; 0 if it is not the system's.
  package var code: Int32
  package var reason: String

  init(_ call: String, _ file: String, code: Int32 = errno) {
    self.file = file
    self.call = call
    self.code = code
    reason = String(cString: strerror(code))
  }

  init(_ call: String, _ file: String, reason: String) {
    self.file = file
    self.call = call
    code = 0
    self.reason = reason
  }

  /// The disk was too full to make a file or to write into one. A sync that fails for the same
  /// reason is no such error: what it was to make durable may be lost.
  package var isForLackOfRoom: Bool {
    (code == ENOSPC || code == EDQUOT) && (call == "open" || call == "pwrite" || call == "rename")
  }

  package var description: String {
    code == 0
      ? "\(call) \(file): \(reason)" : "\(call) \(file): \(reason) (error \(code))"
  }
}
