/// What is left on the file system that holds a replica's folder.
package struct DiskSpace: Hashable, Sendable {
  /// Bytes that this process may still take.
  package var free: UInt64
  /// Bytes of the whole file system.
  package var total: UInt64

  package init(free: UInt64, total: UInt64) {
    self.free = free
    self.total = total
  }
}
