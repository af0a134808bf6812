extension Journal {
  /// Bytes that can be appended without asking the file system for room.
  package var roomBytes: Int {
    let newest = segments[segments.count - 1]
    return max(0, newest.size - newest.used)
  }
}
