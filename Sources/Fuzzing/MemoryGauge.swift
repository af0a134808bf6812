import Glibc

/// Bytes that the process has allocated and not given back, as the address sanitizer counts them.
package struct MemoryGauge {
  private let count: @convention(c) () -> Int

  /// `nil` in a build without the sanitizer.
  package static let shared: MemoryGauge? = {
    guard let symbol = dlsym(nil, "__sanitizer_get_current_allocated_bytes") else { return nil }
    return MemoryGauge(count: unsafeBitCast(symbol, to: (@convention(c) () -> Int).self))
  }()

  package var allocatedBytes: Int { count() }
}
